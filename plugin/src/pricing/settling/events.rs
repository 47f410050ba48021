//! Event streams (HTML, "Server-sent events"): lines, of which those that begin with `data:` are the text of an event, until an empty one.

use super::number::Numbers;

/// Reads the events of a stream for a number in their data.
#[derive(Debug)]
pub(super) struct Events {
    numbers: Numbers,
    /// The last number of an event that is over.
    found: Option<String>,
    line: Line,
    /// Whether the last byte ended a line, as the one of CR and LF that came first.
    after_cr: bool,
}

/// Where in its line the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Behind so many bytes of a byte order mark at the very beginning.
    Mark(usize),
    /// Behind so many bytes of `data`, which may be its field's name.
    Name(usize),
    /// Behind the colon.
    Colon,
    /// In the data.
    Data,
    /// In a line that does not matter.
    Other,
}

const MARK: &[u8] = b"\xef\xbb\xbf";
const NAME: &[u8] = b"data";

impl Events {
    pub(super) fn new(keys: &[String]) -> Self {
        Self {
            numbers: Numbers::new(keys),
            found: None,
            line: Line::Mark(0),
            after_cr: false,
        }
    }

    pub(super) fn read(&mut self, byte: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        if after_cr && byte == b'\n' {
            return;
        }
        if let Line::Mark(at) = self.line {
            if MARK.get(at) == Some(&byte) {
                let next = at.saturating_add(1);
                self.line = match next < MARK.len() {
                    true => Line::Mark(next),
                    false => Line::Name(0),
                };
                return;
            }
            self.line = Line::Name(0);
        }
        match (self.line, byte) {
            (Line::Name(0), b'\r' | b'\n') => self.end_event(),
            (line, b'\r' | b'\n') => {
                if matches!(line, Line::Data | Line::Colon) {
                    self.numbers.read(b'\n');
                }
                self.line = Line::Name(0);
            }
            (Line::Name(at), _) if NAME.get(at) == Some(&byte) => {
                self.line = Line::Name(at.saturating_add(1));
            }
            (Line::Name(at), b':') if at == NAME.len() => self.line = Line::Colon,
            (Line::Name(_), _) => self.line = Line::Other,
            (Line::Colon, b' ') => self.line = Line::Data,
            (Line::Colon | Line::Data, _) => {
                self.line = Line::Data;
                self.numbers.read(byte);
            }
            (Line::Other | Line::Mark(_), _) => {}
        }
    }

    fn end_event(&mut self) {
        if let Some(found) = self.numbers.end() {
            self.found = Some(found.to_owned());
        }
        self.numbers.restart();
    }

    /// The last number, also of an event that was not finished.
    pub(super) fn end(&mut self) -> Option<&str> {
        self.end_event();
        self.found.as_deref()
    }
}
