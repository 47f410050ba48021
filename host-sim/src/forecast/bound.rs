//! Texts with fields of a log in them, whose places in the entries of that log are known.

use super::template::{Piece, Template};
use crate::access_log::Entry;

/// A [`Template`] for the entries of one log.
#[derive(Clone, Debug)]
pub(super) struct Bound(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Field(Place),
}

/// Where a field of an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Method,
    Path,
    /// Among its values.
    Value(usize),
    /// Entries have none such.
    Nowhere,
}

impl Place {
    /// The place of a field in entries whose values have these names.
    pub(super) fn of(name: &str, wanted: &[String]) -> Self {
        match name {
            "method" => Self::Method,
            "path" => Self::Path,
            _ => {
                let place = wanted.iter().position(|wanted| wanted == name);
                place.map_or(Self::Nowhere, Self::Value)
            }
        }
    }

    /// What an entry has there.
    pub(super) fn value(self, entry: &Entry) -> Option<&str> {
        match self {
            Self::Method => Some(&entry.method),
            Self::Path => Some(&entry.path),
            Self::Value(place) => entry.values.get(place)?.as_deref(),
            Self::Nowhere => None,
        }
    }
}

impl Bound {
    /// A template for entries whose values have these names.
    pub(super) fn new(template: &Template, wanted: &[String]) -> Self {
        let parts = template.pieces().iter().map(|piece| match piece {
            Piece::Text(text) => Part::Text(text.clone()),
            Piece::Field(name) => Part::Field(Place::of(name, wanted)),
        });
        Self(parts.collect())
    }

    /// Writes the text behind what is there; whether the entry has all that belongs in it.
    pub(super) fn write(&self, to: &mut String, entry: &Entry) -> bool {
        for part in &self.0 {
            match part {
                Part::Text(text) => to.push_str(text),
                Part::Field(place) => match place.value(entry) {
                    Some(value) => to.push_str(value),
                    None => return false,
                },
            }
        }
        true
    }
}
