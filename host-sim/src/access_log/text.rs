//! Lines of text: words, quoted texts and a time in brackets, each known by its place.

use std::borrow::Cow;

use super::column::{Slot, Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;

/// A place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Word,
    Quoted,
    Bracketed,
}

/// The places of Envoy's default format, with names for [`Fields`].
const ENVOY: &[(Place, &str)] = &[
    (Place::Bracketed, "time"),
    (Place::Quoted, "request"),
    (Place::Word, "status"),
    (Place::Word, "response_flags"),
    (Place::Word, "bytes_received"),
    (Place::Word, "bytes_sent"),
    (Place::Word, "duration"),
    (Place::Word, "upstream_service_time"),
    (Place::Quoted, "forwarded_for"),
    (Place::Quoted, "user_agent"),
    (Place::Quoted, "request_id"),
    (Place::Quoted, "authority"),
    (Place::Quoted, "upstream_host"),
];

/// The places of NCSA combined; `common` ends before the referrer.
const NCSA: &[(Place, &str)] = &[
    (Place::Word, "remote"),
    (Place::Word, "ident"),
    (Place::Word, "user"),
    (Place::Bracketed, "time"),
    (Place::Quoted, "request"),
    (Place::Word, "status"),
    (Place::Word, "bytes_sent"),
    (Place::Quoted, "referer"),
    (Place::Quoted, "user_agent"),
];

/// How many places of NCSA combined there must be.
const NCSA_COMMON: usize = 7;

/// What stands behind the format's own places is called `extra1`, `extra2` and so on.
const MOST_EXTRAS: usize = 16;

/// A format of text.
#[derive(Debug)]
pub(super) struct Layout {
    fields: Fields,
    places: Vec<(Place, &'static str, Vec<Slot>)>,
    required: usize,
    extras: Vec<Vec<Slot>>,
}

impl Layout {
    pub(super) fn envoy(fields: &Fields) -> Self {
        // Whoever logs an organization puts it behind the rest.
        Self::new(fields, ENVOY, ENVOY.len(), Some("organization"))
    }

    pub(super) fn ncsa(fields: &Fields) -> Self {
        Self::new(fields, NCSA, NCSA_COMMON, None)
    }

    fn new(
        fields: &Fields,
        places: &[(Place, &'static str)],
        required: usize,
        first_extra: Option<&str>,
    ) -> Self {
        let extras = (1..=MOST_EXTRAS).map(|number| {
            let mut slots = fields.slots(&format!("extra{number}"));
            if let (1, Some(name)) = (number, first_extra) {
                slots.extend(fields.slots(name));
            }
            slots
        });
        Self {
            fields: fields.clone(),
            places: places
                .iter()
                .map(|(place, name)| (*place, *name, fields.slots(name)))
                .collect(),
            required,
            extras: extras.collect(),
        }
    }

    /// The names of its places.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.places.iter().map(|(_, name, _)| *name);
        own.chain(["extra1"])
    }

    /// The entry of a line, written over a spare one if there is any.
    pub(super) fn entry(&self, line: &[u8], spare: &mut Vec<Entry>) -> Result<Entry, WhyUnread> {
        let line = std::str::from_utf8(line).map_err(|_| WhyUnread::NotText)?;
        let mut values = Values::new(&self.fields);
        let mut rest = line.trim_end();
        for (number, (place, name, slots)) in self.places.iter().enumerate() {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() && number >= self.required {
                break;
            }
            let (value, behind) =
                taken(rest, Some(*place)).ok_or(WhyUnread::NotOfFormat { missing: name })?;
            values.put(slots, Told::Text(value));
            rest = behind;
        }
        for slots in &self.extras {
            rest = rest.trim_start_matches(' ');
            let Some((value, behind)) = taken(rest, None) else {
                break;
            };
            values.put(slots, Told::Text(value));
            rest = behind;
        }
        values.entry(spare)
    }
}

/// What stands first in a text, of this kind or of any, and what is behind it.
fn taken(text: &str, place: Option<Place>) -> Option<(Cow<'_, str>, &str)> {
    let found = match text.as_bytes().first()? {
        b'"' => Place::Quoted,
        b'[' => Place::Bracketed,
        _ => Place::Word,
    };
    if place.is_some_and(|place| place != found) {
        return None;
    }
    match found {
        Place::Word => {
            let end = text.find(' ').unwrap_or(text.len());
            let (word, behind) = text.split_at_checked(end)?;
            Some((Cow::Borrowed(word), behind))
        }
        Place::Bracketed => {
            let (inside, behind) = text.get(1..)?.split_once(']')?;
            Some((Cow::Borrowed(inside), behind))
        }
        Place::Quoted => quoted(text.get(1..)?),
    }
}

/// What stands before the closing quotation mark; a backslash goes before one that does not close.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    let inside = text.get(..end)?;
    let behind = text.get(end.saturating_add(1)..)?;
    let inside = if inside.contains("\\\"") {
        Cow::Owned(inside.replace("\\\"", "\""))
    } else {
        Cow::Borrowed(inside)
    };
    Some((inside, behind))
}
