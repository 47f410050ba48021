//! A price, as the cost table has it and as a document states it.

use std::num::NonZeroU64;

use crate::command::openapi::Place;

/// The most credits that anything can cost.
pub(crate) const MOST_CREDITS: u64 = 999_999_999_999_999;

/// The longest body that the filter reads if it is not told otherwise, in bytes. No body has more records.
const BODY_BYTES: u64 = 65_536;

/// What a call costs. Prices are in the order in which rules are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Price {
    /// Always the same.
    Fixed(u64),
    /// By the value of a query parameter.
    Tiers(Tiers),
    /// By the number of records in the body.
    PerRecord(PerRecord),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tiers {
    pub(crate) query: String,
    /// The largest value on each step, and what that costs.
    pub(crate) steps: Vec<(u64, u64)>,
    pub(crate) beyond: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PerRecord {
    /// JSON Pointers.
    pub(crate) arrays: Vec<String>,
    pub(crate) credits: u64,
    pub(crate) records: NonZeroU64,
    pub(crate) at_least: u64,
}

impl Price {
    /// The most that a call may cost.
    pub(crate) fn most(&self) -> u64 {
        match self {
            Self::Fixed(credits) => *credits,
            Self::Tiers(tiers) => {
                let steps = tiers.steps.iter().map(|(_, credits)| *credits);
                steps.fold(tiers.beyond, u64::max)
            }
            Self::PerRecord(price) => {
                let groups = price.most_records().div_ceil(price.records.get());
                price.credits.saturating_mul(groups).max(price.at_least)
            }
        }
    }

    /// Reads what a document says: a whole number, or `{tiers: …}` or `{per_record: …}` as in the cost table.
    ///
    /// # Errors
    ///
    /// It is none of these: what was expected and what was found.
    pub(crate) fn read(place: &Place<'_>) -> Result<Self, String> {
        if let Some(tiers) = place.get("tiers") {
            only(place, &["tiers"])?;
            return read_tiers(&tiers).map(Self::Tiers);
        }
        if let Some(price) = place.get("per_record") {
            only(place, &["per_record"])?;
            return read_per_record(&price).map(Self::PerRecord);
        }
        if place.is_object() || place.is_list() {
            return Err(format!(
                "expected a whole number of credits, `tiers` or `per_record`, found {}",
                place.shown()
            ));
        }
        credits(place).map(Self::Fixed)
    }
}

impl PerRecord {
    fn most_records(&self) -> u64 {
        let arrays = u64::try_from(self.arrays.len()).unwrap_or(u64::MAX);
        BODY_BYTES.saturating_mul(arrays)
    }
}

/// A number of credits.
fn credits(place: &Place<'_>) -> Result<u64, String> {
    let found = || {
        let hint = match place.number() {
            Some(number) if number.contains('.') => {
                ": credits are whole, so state all prices in a smaller unit"
            }
            _ => "",
        };
        format!(
            "expected a whole number of credits from 0 to {MOST_CREDITS}, found {}{hint}",
            place.shown()
        )
    };
    let number = whole(place).ok_or_else(found)?;
    if number > MOST_CREDITS {
        return Err(found());
    }
    Ok(number)
}

/// A whole number, also as `5.0`.
fn whole(place: &Place<'_>) -> Option<u64> {
    let written = place.number()?;
    let (integer, fraction) = written.split_once('.').unwrap_or((written, ""));
    let is_whole = fraction.bytes().all(|byte| byte == b'0');
    is_whole.then(|| integer.parse().ok()).flatten()
}

fn member<'d>(place: &Place<'d>, name: &str) -> Result<Place<'d>, String> {
    place
        .get(name)
        .ok_or_else(|| format!("`{name}` is missing"))
}

fn only(place: &Place<'_>, names: &[&str]) -> Result<(), String> {
    let members = place.members();
    let other = members.iter().find(|(name, _)| !names.contains(name));
    other.map_or(Ok(()), |(name, _)| {
        Err(format!(
            "unknown `{name}`, expected `{}`",
            names.join("`, `")
        ))
    })
}

fn read_tiers(place: &Place<'_>) -> Result<Tiers, String> {
    only(place, &["query", "steps", "beyond"])?;
    let query = member(place, "query")?;
    let name = query.text().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| {
        format!(
            "expected the name of a query parameter in `query`, found {}",
            query.shown()
        )
    })?;
    let mut steps: Vec<(u64, u64)> = Vec::new();
    for step in member(place, "steps")?.items() {
        only(&step, &["up_to", "credits"])?;
        let up_to = member(&step, "up_to")?;
        let before = steps.last().map(|(before, _)| *before);
        let number = whole(&up_to).filter(|up_to| before.is_none_or(|before| *up_to > before));
        let number = number.ok_or_else(|| {
            let found = up_to.shown();
            match before {
                Some(before) => format!("expected more than {before} in `up_to`, found {found}"),
                None => format!("expected a whole number in `up_to`, found {found}"),
            }
        })?;
        steps.push((number, credits(&member(&step, "credits")?)?));
    }
    if steps.is_empty() {
        return Err("expected at least one of `steps`".to_owned());
    }
    Ok(Tiers {
        query: name.to_owned(),
        steps,
        beyond: credits(&member(place, "beyond")?)?,
    })
}

fn read_per_record(place: &Place<'_>) -> Result<PerRecord, String> {
    only(place, &["arrays", "credits", "records", "at_least"])?;
    let mut arrays: Vec<String> = Vec::new();
    for array in member(place, "arrays")?.items() {
        let pointer = array.text().filter(|pointer| is_pointer(pointer));
        let pointer = pointer.ok_or_else(|| {
            format!(
                "expected a JSON Pointer such as \"/ids\" in `arrays`, found {}",
                array.shown()
            )
        })?;
        if arrays
            .iter()
            .any(|known| known.eq_ignore_ascii_case(pointer))
        {
            return Err(format!("{pointer:?} is in `arrays` twice"));
        }
        arrays.push(pointer.to_owned());
    }
    if arrays.is_empty() {
        return Err("expected at least one of `arrays`".to_owned());
    }
    let records = place.get("records").map_or(Ok(NonZeroU64::MIN), |records| {
        whole(&records).and_then(NonZeroU64::new).ok_or_else(|| {
            format!(
                "expected a whole number from 1 on in `records`, found {}",
                records.shown()
            )
        })
    });
    let price = PerRecord {
        arrays,
        credits: credits(&member(place, "credits")?)?,
        records: records?,
        at_least: place
            .get("at_least")
            .map_or(Ok(0), |least| credits(&least))?,
    };
    let groups = price.most_records().div_ceil(price.records.get());
    let most = MOST_CREDITS.checked_div(groups).unwrap_or(MOST_CREDITS);
    if price.credits > most {
        return Err(format!(
            "expected at most {most} `credits` for each group of records, found {}",
            price.credits
        ));
    }
    Ok(price)
}

/// Whether a text is a JSON Pointer (RFC 6901).
fn is_pointer(text: &str) -> bool {
    let is_escaped = |part: &str| part.starts_with(['0', '1']);
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(is_escaped)
}
