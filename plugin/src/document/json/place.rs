//! Where in a text a mistake is, which `serde_json` has found after so many bytes.

use super::{
    message::Message,
    path::Segment,
    scanner::{Last, Level, Scanner},
};

/// A place in a text.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The keys and indexes that lead there.
    pub(super) path: Vec<Segment>,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

/// Reads another text in the same way; what is wrong with it, if anything is.
pub(super) type Again<'a> = dyn Fn(&[u8]) -> Option<serde_json::Error> + 'a;

impl Place {
    /// Where `text` is wrong.
    pub(super) fn of(text: &[u8], message: &Message, again: &Again<'_>) -> Self {
        let place = if message.is_data() {
            Self::of_value(text, message, again)
        } else {
            Self::of_byte(text, message)
        };
        place.unwrap_or_default()
    }

    /// Where it is no JSON: the byte that was read or seen last.
    fn of_byte(text: &[u8], message: &Message) -> Option<Self> {
        let mut start = match message.read.checked_sub(1) {
            Some(last) if !message.is_end() => last,
            _ => text.len(),
        };
        let end = broken_escape(text, message).unwrap_or(start);
        let (mut path, level) = Scanner::new(text).until(end).into_open()?;
        let is_inside = if level.last == Last::Value {
            // What is behind a complete value is not in it.
            let behind = [
                "expected `,`",
                "trailing characters",
                "EOF while parsing a list",
                "EOF while parsing an object",
            ];
            !behind.iter().any(|behind| message.is(behind))
        } else {
            let is_element = level.is_array() && !message.is_end() && !message.is("trailing comma");
            level.last == Last::Colon || is_element
        };
        if message.is("number out of range") {
            start = level.child;
        }
        if message.is("trailing comma") {
            let before = text.get(..start)?;
            start = before.iter().rposition(|byte| *byte == b',')?;
        }
        path.extend(level.segment.filter(|_| is_inside));
        Some(Self { path, start })
    }

    /// Where a value or a key is wrong. What was read is all of it; or nothing, if it is an array or object where none may be; or more,
    /// where the mistake was found once it had been read: white space, and the comma or the bracket behind it.
    fn of_value(text: &[u8], message: &Message, again: &Again<'_>) -> Option<Self> {
        let read = text.get(..message.read)?;
        // Whether the text is wrong in the same way if nothing follows.
        let is_wrong_already = |text: &[u8]| {
            let error = again(text);
            error.is_some_and(|error| Message::new(text, &error).words == message.words)
        };
        let mut scanner = Scanner::new(text).until(message.read);
        let next = scanner.next_start();
        let (mut path, level, is_whole) = match scanner.take_closed() {
            Some(closed) => {
                let inside = read.trim_ascii_end().split_last()?.1;
                let path = scanner.segments().cloned().collect();
                (path, closed, !is_wrong_already(inside))
            }
            None => {
                let (mut path, level) = scanner.into_open()?;
                let is_bracket =
                    message.is("invalid type: sequence") || message.is("invalid type: map");
                if is_bracket && !is_wrong_already(read) {
                    path.extend(level.segment);
                    return Some(Self { path, start: next });
                }
                (path, level, false)
            }
        };
        let Level {
            segment,
            start,
            child,
            last,
        } = level;
        if is_whole || last == Last::Opening || message.is("invalid length") {
            return Some(Self { path, start });
        }
        let is_of_all =
            last == Last::Key && (message.is("duplicate field") || message.is("unknown variant"));
        if !is_of_all {
            path.extend(match (segment, last) {
                (Some(Segment::Element(index)), Last::Comma) => {
                    Some(Segment::Element(index.saturating_sub(1)))
                }
                (segment, _) => segment,
            });
        }
        Some(Self { path, start: child })
    }
}

/// Where an invalid escape of the form `\uXXXX` begins. Its four digits have been read whatever they are, the end of the string among
/// them.
fn broken_escape(text: &[u8], message: &Message) -> Option<usize> {
    if !(message.is("invalid escape") || message.is("EOF while parsing a string")) {
        return None;
    }
    let from = message.read.saturating_sub(br"\uXXXX".len());
    let last = text.get(from..message.read)?;
    let at = last.windows(2).position(|pair| pair == br"\u")?;
    let at = from.saturating_add(at);
    let before = text.get(..at)?.iter().rev();
    // Unless the backslash is escaped itself.
    let escapes = before.take_while(|byte| **byte == b'\\').count();
    (escapes % 2 == 0).then_some(at)
}
