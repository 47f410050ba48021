//! Lines of text: values between what stands in every line.

use std::borrow::Cow;

use super::column::{Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::known::Quotes;
use super::part::Slot;

/// What stands behind a format's own values is called `extra1`, `extra2` and so on, unless it says its name, as `rt=0.04` does.
const MOST_EXTRAS: usize = 16;

/// Values that clients send, behind which nothing is sure where quotation marks are not escaped.
const OF_CLIENTS: &[&str] = &["referer", "forwarded_for", "user_agent", "request_id"];

/// What HAProxy has captured of a request and its answer: `{of the request|…} {of the answer}`.
const CAPTURES: &str = "{}";

/// A format of text.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    fields: Fields,
    pieces: Vec<Piece>,
    /// What stands behind the last value.
    end: String,
    required: usize,
    quotes: Quotes,
    /// How many values stand behind the format's own, where that matters and is known.
    extras: Option<usize>,
    extra_slots: Vec<Vec<Slot>>,
    /// What captured values stand for.
    capture_slots: Vec<Vec<Slot>>,
    /// What extras that say their names stand for.
    named_slots: Vec<(String, Vec<Slot>)>,
}

/// A value, and what stands before it.
#[derive(Clone, Debug)]
struct Piece {
    before: String,
    name: String,
    manner: Manner,
    slots: Vec<Slot>,
}

/// How a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Before a blank, or what stands behind it.
    Word,
    /// A word that is a number, or a dash.
    Number,
    /// Before what stands behind it.
    Text,
    /// Before a quotation mark.
    Quoted,
    Captures,
}

/// A value with its name.
pub(super) type Pair<'l> = (Cow<'l, str>, Cow<'l, str>);

/// The pieces of a line in order; `None` for those that were passed over.
type Found<'l> = Vec<Option<Cow<'l, str>>>;

impl Layout {
    /// A format whose lines look like this.
    pub(super) fn new(fields: &Fields, line: &str, required: usize, quotes: Quotes) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = line;
        while let Some((before, behind)) = rest.split_once('<') {
            let (name, behind) = behind.split_once('>').unwrap_or((behind, ""));
            let plain = name.trim_end_matches('*');
            let manner = if name == CAPTURES {
                Manner::Captures
            } else if before.ends_with('"') && behind.starts_with('"') {
                Manner::Quoted
            } else if name != plain || before.ends_with('[') {
                Manner::Text
            } else if name.starts_with("bytes_") {
                Manner::Number
            } else {
                Manner::Word
            };
            pieces.push(Piece {
                before: before.to_owned(),
                name: plain.to_owned(),
                manner,
                slots: fields.slots(plain),
            });
            rest = behind;
        }
        let mut layout = Self {
            fields: fields.clone(),
            pieces,
            end: rest.to_owned(),
            required,
            quotes,
            extras: None,
            extra_slots: Vec::new(),
            capture_slots: (1..=MOST_EXTRAS)
                .map(|number| fields.slots(&capture(number)))
                .collect(),
            named_slots: Vec::new(),
        };
        layout.name_extras();
        layout
    }

    /// So many values stand behind the format's own.
    pub(super) fn with_extras(mut self, extras: Option<usize>) -> Self {
        self.extras = extras;
        self.name_extras();
        self
    }

    fn name_extras(&mut self) {
        let extras = (1..=MOST_EXTRAS).map(|number| self.fields.slots(&extra(number)));
        self.extra_slots = extras.collect();
        // Whoever has Envoy log an organization puts it behind the rest. Of several values it is not known which one it is.
        if self.quotes == Quotes::Bare && self.extras.is_none_or(|extras| extras <= 1) {
            let organization = self.fields.slots("organization");
            if let Some(first) = self.extra_slots.first_mut() {
                first.extend(organization);
            }
        }
    }

    /// What a name of a line stands for.
    pub(super) fn slots(&self, name: &str) -> Vec<Slot> {
        let numbered = name
            .strip_prefix("extra")
            .and_then(|number| number.parse::<usize>().ok());
        let place = numbered.and_then(|number| number.checked_sub(1));
        let extra = place.and_then(|place| self.extra_slots.get(place));
        extra.cloned().unwrap_or_else(|| self.fields.slots(name))
    }

    /// Whether quotation marks inside values look like those around them.
    pub(super) fn is_bare(&self) -> bool {
        self.quotes == Quotes::Bare
    }

    /// The entry of a line, written over a spare one if there is any.
    pub(super) fn entry(
        &mut self,
        line: &str,
        replaced: bool,
        spare: &mut Vec<Entry>,
    ) -> Result<Entry, WhyUnread> {
        let mut values = Values::new(&self.fields);
        values.note_replaced(replaced);
        let mut behind = line.trim_end();
        if self.quotes == Quotes::Bare {
            let (found, extras) = self.bare(behind, self.extras)?;
            for (piece, value) in self.pieces.iter().zip(found) {
                if let (false, Some(value)) = (piece.slots.is_empty(), value) {
                    values.put(&piece.slots, Told::Text(value));
                }
            }
            for (slots, value) in self.extra_slots.iter().zip(extras) {
                values.put(slots, Told::Text(value));
            }
            return values.entry(&self.fields, spare);
        }
        for (number, piece) in self.pieces.iter().enumerate() {
            if behind.is_empty() && number >= self.required {
                break;
            }
            let after = self.after(number);
            let missing = || WhyUnread::NotOfFormat {
                missing: piece.name.clone(),
            };
            let rest = behind
                .strip_prefix(piece.before.as_str())
                .ok_or_else(missing)?;
            if piece.manner == Manner::Captures {
                behind = self.captures(rest, &mut |slots, value| {
                    values.put(slots, Told::Text(value));
                });
                continue;
            }
            let (value, rest) = piece.taken(rest, after, self.quotes).ok_or_else(missing)?;
            behind = if self.is_end(number, rest) { "" } else { rest };
            if piece.slots.is_empty() {
                continue;
            }
            let (value, replaced) = self.unescaped(piece.manner, value);
            values.note_replaced(replaced);
            values.put(&piece.slots, Told::Text(value));
        }
        behind = behind.strip_prefix(self.end.as_str()).unwrap_or(behind);
        let mut number = 0_usize;
        while let Some((value, rest)) = column(&mut behind, self.quotes) {
            let (value, replaced) = self.unescaped(Manner::Quoted, value);
            values.note_replaced(replaced);
            match named(&value) {
                Some((name, named)) => {
                    let slots = known_slots(&mut self.named_slots, &self.fields, name);
                    values.put(slots, Told::Text(Cow::Owned(named.to_owned())));
                }
                None => {
                    if let Some(slots) = self.extra_slots.get(number) {
                        values.put(slots, Told::Text(value));
                    }
                }
            }
            number = number.saturating_add(1);
            if number > MOST_EXTRAS {
                break;
            }
            behind = rest;
        }
        values.entry(&self.fields, spare)
    }

    /// All values of a line under their names, for whoever wants to know what there is.
    pub(super) fn pairs<'l>(&self, line: &'l str) -> Option<Vec<Pair<'l>>> {
        let mut pairs: Vec<Pair<'l>> = Vec::new();
        let mut behind = line.trim_end();
        if self.quotes == Quotes::Bare {
            let (found, extras) = self.bare(behind, self.extras).ok()?;
            for (piece, value) in self.pieces.iter().zip(found) {
                if let Some(value) = value {
                    pairs.push((Cow::Owned(piece.name.clone()), value));
                }
            }
            for (number, value) in (1..).zip(extras) {
                pairs.push((Cow::Owned(extra(number)), value));
            }
            return Some(pairs);
        }
        for (number, piece) in self.pieces.iter().enumerate() {
            if behind.is_empty() && number >= self.required {
                break;
            }
            let after = self.after(number);
            let rest = behind.strip_prefix(piece.before.as_str())?;
            if piece.manner == Manner::Captures {
                let mut place = 0_usize;
                behind = captured(rest, &mut |value| {
                    place = place.saturating_add(1);
                    pairs.push((Cow::Owned(capture(place)), Cow::Borrowed(value)));
                });
                continue;
            }
            let (value, rest) = piece.taken(rest, after, self.quotes)?;
            behind = if self.is_end(number, rest) { "" } else { rest };
            let (value, _) = self.unescaped(piece.manner, value);
            pairs.push((Cow::Owned(piece.name.clone()), value));
        }
        behind = behind.strip_prefix(self.end.as_str()).unwrap_or(behind);
        for number in 1..=MOST_EXTRAS {
            let Some((value, rest)) = column(&mut behind, self.quotes) else {
                break;
            };
            let (value, _) = self.unescaped(Manner::Quoted, value);
            match named(&value) {
                Some((name, named)) => {
                    pairs.push((Cow::Owned(name.to_owned()), Cow::Owned(named.to_owned())));
                }
                None => pairs.push((Cow::Owned(extra(number)), value)),
            }
            behind = rest;
        }
        Some(pairs)
    }

    /// How many values stand behind the format's own in this line; `None` if it is not of the format.
    pub(super) fn count_extras(&self, line: &str) -> Option<usize> {
        let (_, extras) = self.bare(line.trim_end(), None).ok()?;
        Some(extras.len())
    }

    /// Whether a line ends here, after a piece behind which none must come: only what closes that one is left.
    fn is_end(&self, number: usize, behind: &str) -> bool {
        let closes = |text: &str| matches!(text, "\"" | "]");
        number.saturating_add(1) >= self.required && closes(behind)
    }

    /// What stands behind a piece.
    fn after(&self, number: usize) -> &str {
        let next = self.pieces.get(number.saturating_add(1));
        next.map_or(&self.end, |next| &next.before)
    }

    /// The pieces of a line in which quotation marks are not escaped, and what stands behind them. Where a line has more values than the
    /// others, a client has sent some of them: what stands behind the values of clients is then read from the end.
    fn bare<'l>(
        &self,
        line: &'l str,
        extras_of_log: Option<usize>,
    ) -> Result<(Found<'l>, Vec<Cow<'l, str>>), WhyUnread> {
        let missing = |piece: &Piece| WhyUnread::NotOfFormat {
            missing: piece.name.clone(),
        };
        let of_client = |piece: &Piece| OF_CLIENTS.contains(&piece.name.as_str());
        let first = self.pieces.iter().position(of_client);
        let first = first.unwrap_or(self.pieces.len());
        let mut behind = line;
        let mut found: Found<'l> = Vec::with_capacity(self.pieces.len());
        for (number, piece) in self.pieces.iter().take(first).enumerate() {
            let rest = behind.strip_prefix(piece.before.as_str());
            let taken = rest.and_then(|rest| piece.taken(rest, self.after(number), self.quotes));
            let (value, rest) = taken.ok_or_else(|| missing(piece))?;
            found.push(Some(Cow::Borrowed(value)));
            behind = rest;
        }
        let mut columns = Vec::with_capacity(16);
        while let Some((value, rest)) = column(&mut behind, self.quotes) {
            columns.push((value, was_quoted(behind, value)));
            behind = rest;
        }
        if !behind.is_empty() {
            return Err(WhyUnread::Ambiguous);
        }
        let own = self.pieces.len().saturating_sub(first);
        let Some(extras) = columns.len().checked_sub(own) else {
            let piece = self.pieces.get(first.saturating_add(columns.len()));
            return Err(piece.map_or(WhyUnread::Ambiguous, missing));
        };
        let expected = extras_of_log.unwrap_or(extras);
        if extras < expected {
            return Err(WhyUnread::NotOfFormat {
                missing: extra(extras.saturating_add(1)),
            });
        }
        if extras > expected && expected > 1 {
            return Err(WhyUnread::Ambiguous);
        }
        if extras == expected {
            let own_pieces = self.pieces.iter().skip(first).zip(&columns);
            are_as_expected(own_pieces)?;
            let mut columns = columns.into_iter().map(|(value, _)| Cow::Borrowed(value));
            found.extend(columns.by_ref().take(own).map(Some));
            return Ok((found, columns.collect()));
        }
        // Of several values behind the format's own, a client may have sent the last one as well.
        let tail = self
            .pieces
            .iter()
            .rev()
            .take_while(|piece| !of_client(piece));
        let tail = tail.count();
        let from_end =
            last_columns(line, tail.saturating_add(expected)).ok_or(WhyUnread::Ambiguous)?;
        let head = self.pieces.len().saturating_sub(tail);
        are_as_expected(self.pieces.iter().skip(head).zip(&from_end))?;
        found.resize(head, None);
        let mut from_end = from_end.into_iter().map(|(value, _)| Cow::Borrowed(value));
        found.extend(from_end.by_ref().take(tail).map(Some));
        Ok((found, from_end.collect()))
    }

    fn unescaped<'l>(&self, manner: Manner, value: &'l str) -> (Cow<'l, str>, bool) {
        match (manner, self.quotes) {
            (Manner::Quoted, Quotes::Escaped) if value.contains('\\') => unescaped(value, b'\\'),
            (Manner::Quoted, Quotes::Hashed) if value.contains('#') => unescaped(value, b'#'),
            _ => (Cow::Borrowed(value), false),
        }
    }

    fn captures<'l>(&self, text: &'l str, put: &mut impl FnMut(&[Slot], Cow<'l, str>)) -> &'l str {
        let mut slots = self.capture_slots.iter();
        captured(text, &mut |value| {
            if let Some(slots) = slots.next().filter(|slots| !slots.is_empty()) {
                put(slots, Cow::Borrowed(value));
            }
        })
    }
}

impl Piece {
    /// The value at the beginning of a text, and what is behind it.
    fn taken<'l>(&self, text: &'l str, after: &str, quotes: Quotes) -> Option<(&'l str, &'l str)> {
        let end = match self.manner {
            Manner::Captures => return None,
            Manner::Quoted => closing(text, quotes)?,
            Manner::Text => {
                // What stands before the next value is not always there behind the last one.
                let whole = text.find(after).filter(|_| !after.is_empty());
                whole.or_else(|| after.chars().next().and_then(|first| text.find(first)))?
            }
            Manner::Word | Manner::Number => {
                let stop = after.bytes().next().unwrap_or(b' ');
                let is_end = |byte: u8| byte == stop || byte == b' ';
                let end = text.bytes().position(is_end).unwrap_or(text.len());
                let ended = text.as_bytes().get(end).is_none_or(|byte| *byte == stop);
                // A word is neither empty nor in quotation marks.
                if !ended || end == 0 || text.starts_with('"') {
                    return None;
                }
                let is_number =
                    |text: &str| text == "-" || text.bytes().all(|byte| byte.is_ascii_digit());
                if self.manner == Manner::Number && !is_number(text.get(..end)?) {
                    return None;
                }
                end
            }
        };
        text.split_at_checked(end)
    }
}

/// Where the quotation mark is that ends a value.
fn closing(text: &str, quotes: Quotes) -> Option<usize> {
    let bytes = text.as_bytes();
    match quotes {
        Quotes::Escaped => {
            let mut escaped = false;
            bytes.iter().position(|byte| {
                let closes = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            })
        }
        Quotes::Hashed => bytes.iter().position(|byte| *byte == b'"'),
        Quotes::Bare => (0..bytes.len()).find(|at| {
            let next = bytes.get(at.saturating_add(1));
            bytes.get(*at) == Some(&b'"') && next.is_none_or(|next| *next == b' ')
        }),
    }
}

/// The next value of any kind, and what is behind it. What cannot be one stays where it is.
fn column<'l>(text: &mut &'l str, quotes: Quotes) -> Option<(&'l str, &'l str)> {
    *text = text.trim_start_matches(' ');
    if let Some(inside) = text.strip_prefix('"') {
        let end = closing(inside, quotes)?;
        return Some((inside.get(..end)?, inside.get(end.saturating_add(1)..)?));
    }
    if let Some((value, behind)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && (behind.is_empty() || behind.starts_with(' '))
    {
        return Some((value, behind));
    }
    let end = text.find(' ').unwrap_or(text.len());
    // `uct="0.01"` is one value, whatever is inside.
    let quoted = text.get(..end)?.find("=\"").map(|at| at.saturating_add(2));
    if let Some(from) = quoted
        && let Some(length) = closing(text.get(from..)?, quotes)
    {
        return text.split_at_checked(from.saturating_add(length).saturating_add(1));
    }
    text.split_at_checked(end).filter(|_| end > 0)
}

/// Whether a value, which stands first in a text, is in quotation marks.
fn was_quoted(text: &str, value: &str) -> bool {
    text.starts_with('"')
        && text
            .get(1..)
            .is_some_and(|inside| inside.starts_with(value))
}

/// Whether those values are in quotation marks that should be, and no others.
fn are_as_expected<'p>(
    mut columns: impl Iterator<Item = (&'p Piece, &'p (&'p str, bool))>,
) -> Result<(), WhyUnread> {
    let found = columns.find(|(piece, (_, quoted))| *quoted != (piece.manner == Manner::Quoted));
    match found {
        Some((piece, _)) => Err(WhyUnread::NotOfFormat {
            missing: piece.name.clone(),
        }),
        None => Ok(()),
    }
}

/// So many values at the end of a line, in their order. Each of them that is quoted begins behind the last blank with a quotation mark.
fn last_columns(line: &str, count: usize) -> Option<Vec<(&str, bool)>> {
    let mut rest = line.trim_end();
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        rest = rest.trim_end_matches(' ');
        let (before, value, quoted) = match rest.strip_suffix('"') {
            Some(inside) => {
                let from = inside.rfind(" \"")?;
                let value = inside.get(from.saturating_add(2)..)?;
                (inside.get(..from)?, value, true)
            }
            None => {
                let (before, value) = rest.rsplit_once(' ')?;
                (before, value, false)
            }
        };
        columns.push((value, quoted));
        rest = before;
    }
    columns.reverse();
    Some(columns)
}

/// A value that says its name.
fn named(value: &str) -> Option<(&str, &str)> {
    let (name, value) = value.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_name.then(|| (name, value.trim_matches('"')))
}

fn known_slots<'s>(
    known: &'s mut Vec<(String, Vec<Slot>)>,
    fields: &Fields,
    name: &str,
) -> &'s [Slot] {
    const MOST: usize = 64;
    let place = known.iter().position(|(other, _)| other == name);
    let place = place.unwrap_or_else(|| {
        if known.len() >= MOST {
            known.clear();
        }
        known.push((name.to_owned(), fields.slots(name)));
        known.len().saturating_sub(1)
    });
    known.get(place).map_or(&[], |(_, slots)| slots)
}

/// Calls back with each captured value, and gives what is behind all of them.
fn captured<'l>(text: &'l str, put: &mut dyn FnMut(&'l str)) -> &'l str {
    let mut rest = text;
    while let Some((inside, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
    {
        inside.split('|').for_each(&mut *put);
        rest = behind.trim_start_matches(' ');
    }
    rest
}

fn capture(number: usize) -> String {
    format!("capture{number}")
}

fn extra(number: usize) -> String {
    format!("extra{number}")
}

/// A text without its escapes, and whether something in it was no UTF-8.
fn unescaped(text: &str, mark: u8) -> (Cow<'_, str>, bool) {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let hex = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    while let [first, behind @ ..] = rest {
        let (byte, length) = match (*first == mark, mark, behind) {
            (false, _, _) => (Some(*first), 1),
            (true, b'#', [a, b, ..]) => (hex(&[*a, *b]), 3),
            (true, b'\\', [b'x', a, b, ..]) => (hex(&[*a, *b]), 4),
            (true, b'\\', [b'n', ..]) => (Some(b'\n'), 2),
            (true, b'\\', [b't', ..]) => (Some(b'\t'), 2),
            (true, b'\\', [b'r', ..]) => (Some(b'\r'), 2),
            (true, b'\\', [quoted, ..]) => (Some(*quoted), 2),
            _ => (None, 1),
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(*first),
        }
        let length = if byte.is_none() { 1 } else { length };
        rest = rest.get(length..).unwrap_or_default();
    }
    match String::from_utf8(bytes) {
        Ok(text) => (Cow::Owned(text), false),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (Cow::Owned(text), true)
        }
    }
}
