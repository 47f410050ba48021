//! What a log has, by its beginning: its names, their values, and what is taken for what.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Fields, NOT_IN_LOG};
use super::format::Format;
use super::part::{Part, Slot};
use super::time::{self, Zone};

/// The names of a log, by its beginning.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    names: Vec<Seen>,
    lines: usize,
}

/// A name, and what stands under it.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    /// On how many lines it has a value.
    lines: usize,
    first: String,
    /// Its different values, as far as they are not many.
    values: BTreeSet<String>,
}

/// What is taken for a part of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The part, as `--field` names it without units.
    pub part: String,
    /// The names in the log, the surest first.
    pub names: Vec<String>,
    /// What is assumed of it: a unit, whether a time is the start or the end of a call, a zone.
    pub meaning: String,
}

/// Whether the times under a name are whole seconds, and several calls have the same one.
fn is_whole(seen: &Seen) -> bool {
    let has_fraction = |time: &String| {
        let of_day = time.rsplit([':', 'T']).next().unwrap_or_default();
        let is_epoch = time.parse::<f64>().is_ok();
        of_day.contains(['.', ',']) || (is_epoch && (time.contains('.') || time.len() > 10))
    };
    seen.lines > seen.values.len() && !seen.values.iter().any(has_fraction)
}

impl Taken {
    /// Whether these are times that are told to the second only.
    #[must_use]
    pub fn is_to_the_second(&self) -> bool {
        self.meaning.ends_with("to the second")
    }

    /// Whether this is only the likeliest reading, because neither the format nor the name says what it means.
    #[must_use]
    pub fn is_guessed(&self) -> bool {
        self.meaning.contains("taken for")
    }
}

/// The most different values of a name that are kept.
const MOST_VALUES: usize = 2_000;

impl Survey {
    /// Of the beginning of a log of this format.
    #[must_use]
    pub fn of(beginning: &[u8], format: &Format, fields: &Fields) -> Self {
        let lines = format.pairs(beginning, fields);
        let mut survey = Self {
            names: Vec::new(),
            lines: lines.len(),
        };
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (name, value) in lines.into_iter().flatten() {
            let place = *places.entry(name).or_insert_with_key(|name| {
                survey.names.push(Seen {
                    name: name.clone(),
                    lines: 0,
                    first: String::new(),
                    values: BTreeSet::new(),
                });
                survey.names.len().saturating_sub(1)
            });
            let Some(seen) = survey.names.get_mut(place) else {
                continue;
            };
            if value.is_empty() || value == NOT_IN_LOG {
                continue;
            }
            seen.lines = seen.lines.saturating_add(1);
            if seen.first.is_empty() {
                seen.first.clone_from(&value);
            }
            if seen.values.len() < MOST_VALUES {
                seen.values.insert(value);
            }
        }
        survey
    }

    /// The names, in the order in which they stand in the log.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|seen| seen.name.as_str())
    }

    /// The names that have a value on any line.
    pub fn filled(&self) -> impl Iterator<Item = &str> {
        let filled = self.names.iter().filter(|seen| seen.lines > 0);
        filled.map(|seen| seen.name.as_str())
    }

    /// The names all of whose values are among these.
    pub fn names_with_values_among<'s>(
        &'s self,
        is_known: impl Fn(&str) -> bool + 's,
    ) -> impl Iterator<Item = &'s str> {
        let among = self.names.iter().filter(move |seen| {
            !seen.values.is_empty() && seen.values.iter().all(|value| is_known(value))
        });
        among.map(|seen| seen.name.as_str())
    }

    /// Whether two names have the same values.
    #[must_use]
    pub fn have_same_values(&self, one: &str, other: &str) -> bool {
        let values = |name: &str| {
            let seen = self.names.iter().find(|seen| seen.name == name);
            seen.map(|seen| &seen.values)
        };
        values(one) == values(other)
    }

    /// Whether a line gives a value for a wanted field.
    #[must_use]
    pub fn fills(&self, format: &Format, fields: &Fields, field: &str) -> bool {
        let taken = self.taken(format, fields);
        taken.iter().any(|taken| taken.part == field)
    }

    /// What is taken for what.
    #[must_use]
    pub fn taken(&self, format: &Format, fields: &Fields) -> Vec<Taken> {
        let fields = &fields.of(format.known);
        let layout = format.layout(fields);
        let mut all: Vec<(Slot, &Seen)> = Vec::new();
        for seen in self.names.iter().filter(|seen| seen.lines > 0) {
            let slots = match &layout {
                Some(layout) => layout.slots(&seen.name),
                None => fields.slots(&seen.name),
            };
            all.extend(slots.into_iter().map(|slot| (slot, seen)));
        }
        let of = |is: &dyn Fn(Part) -> bool| {
            let mut found: Vec<_> = all.iter().filter(|(slot, _)| is(slot.part)).collect();
            found.sort_by_key(|(slot, _)| slot.rank);
            found
        };
        let row = |part: &str, found: &[&(Slot, &Seen)], meaning: String| Taken {
            part: part.to_owned(),
            names: found.iter().map(|(_, seen)| seen.name.clone()).collect(),
            meaning,
        };
        let mut taken = Vec::new();
        let starts = of(&|part| matches!(part, Part::Start | Part::Time));
        let ends = of(&|part| part == Part::End);
        let times = if starts.is_empty() { &ends } else { &starts };
        if let Some((slot, seen)) = times.first() {
            let dated = of(&|part| part == Part::Date);
            let mut meaning = match slot.part {
                Part::End => "when the call was over".to_owned(),
                Part::Start => "when the call came".to_owned(),
                _ => "taken for when the call came (see --times)".to_owned(),
            };
            match time::zone_of(&seen.first) {
                Zone::Written | Zone::Epoch => {}
                Zone::Unsaid if fields.zone_is_said() => {
                    let zone = fields.zone().iana_name().unwrap_or("as given");
                    meaning.push_str(&format!(", {zone} (--zone)"));
                }
                Zone::Unsaid if !dated.is_empty() => meaning.push_str(", UTC"),
                Zone::Unsaid => meaning.push_str(", without a zone: taken for UTC (see --zone)"),
            }
            if is_whole(seen) {
                meaning.push_str(", to the second");
            }
            let first = dated.first().into_iter().chain(times.first());
            let found: Vec<_> = first.copied().collect();
            taken.push(row("time", &found, meaning));
        }
        let pieces = of(&|part| matches!(part, Part::Piece(_)));
        let durations = of(&|part| matches!(part, Part::Duration(_)));
        if let Some((slot, seen)) = durations.first() {
            let own = seen.first.ends_with(|c: char| c.is_ascii_alphabetic());
            let meaning = match slot.part {
                _ if own => "each with its unit".to_owned(),
                Part::Duration(unit) if fields.guesses_unit_of(&seen.name) => {
                    format!("taken for {} (see --field duration_s)", unit.name())
                }
                Part::Duration(unit) => unit.name().to_owned(),
                _ => String::new(),
            };
            taken.push(row(
                "duration",
                durations.get(..1).unwrap_or_default(),
                meaning,
            ));
        } else if let Some((slot, _)) = pieces.first() {
            let meaning = match slot.part {
                Part::Piece(unit) => format!("their sum, {}", unit.name()),
                _ => String::new(),
            };
            taken.push(row("duration", &pieces, meaning));
        } else if let (Some((_, start)), Some((_, end))) = (starts.first(), ends.first()) {
            taken.push(Taken {
                part: "duration".to_owned(),
                names: vec![start.name.clone(), end.name.clone()],
                meaning: "from the one to the other".to_owned(),
            });
        }
        let request = of(&|part| part == Part::Request);
        for (name, part) in [("method", Part::Method), ("path", Part::Path)] {
            let found = of(&|of| of == part);
            let first = found.first().or_else(|| request.first());
            let mut found: Vec<_> = first.into_iter().copied().collect();
            if part == Part::Path {
                let query = of(&|part| part == Part::Query);
                found.extend(query.first());
            }
            if !found.is_empty() {
                taken.push(row(name, &found, String::new()));
            }
        }
        let status = of(&|part| part == Part::Status);
        if !status.is_empty() {
            taken.push(row(
                "status",
                status.get(..1).unwrap_or_default(),
                String::new(),
            ));
        }
        for (index, field) in fields.wanted_names().iter().enumerate() {
            let found = of(&|part| part == Part::Value(index));
            if !found.is_empty() {
                let meaning = fields
                    .cut_of(field)
                    .map_or_else(String::new, |pattern| format!("what {pattern} finds in it"));
                taken.push(row(field, found.get(..1).unwrap_or_default(), meaning));
            } else if let Some(from) = fields.derived_from(field) {
                taken.push(Taken {
                    part: field.clone(),
                    names: vec![from.to_owned()],
                    meaning: fields
                        .cut_of(field)
                        .map_or_else(String::new, |pattern| format!("what {pattern} finds in it")),
                });
            }
        }
        taken
    }

    /// How many lines were looked at.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }
}
