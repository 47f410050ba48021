//! Lines of text: values between what stands in every line.

mod bare;
mod piece;
mod value;

use std::borrow::Cow;

use super::column::{Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::known::Quotes;
use super::part::Slot;
use piece::{Manner, Piece};
use value::{captured, column, named, unescaped};

/// What stands behind a format's own values is called `extra1`, `extra2` and so on, unless it says its name, as `rt=0.04` does.
const MOST_EXTRAS: usize = 16;

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

/// A value with its name.
pub(super) type Pair<'l> = (Cow<'l, str>, Cow<'l, str>);

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

fn capture(number: usize) -> String {
    format!("capture{number}")
}

fn extra(number: usize) -> String {
    format!("extra{number}")
}
