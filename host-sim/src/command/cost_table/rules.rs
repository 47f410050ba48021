//! From the operations of an API to the rules of a cost table.

use std::collections::BTreeMap;

use super::price::Price;
use super::suggestion;
use super::template::{self, Template, anonymous, caseless};
use crate::command::openapi::{Api, Operation, Remark};

/// The longest name of a rule, in characters.
const LONGEST_NAME: usize = 64;

/// Names that the filter uses itself.
const TAKEN: [&str; 2] = ["default", "usage details"];

/// How a table is made.
#[derive(Clone, Debug)]
pub(crate) struct Making {
    /// The vendor extension that states prices.
    pub(crate) extension: String,
    /// What an operation costs for which nothing is stated and nothing suggested.
    pub(crate) default: u64,
    /// Whether prices are suggested for lists and bulk operations.
    pub(crate) suggests: bool,
}

/// The rules of a cost table.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    pub(crate) remarks: Vec<Remark>,
    /// How many operations have a price that the document states.
    pub(crate) stated: usize,
}

/// A price, and the operations that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) operations: Vec<Template>,
    pub(crate) when: Vec<(String, String)>,
    pub(crate) price: Price,
    /// Whether the price is only suggested.
    pub(crate) is_suggested: bool,
}

/// An operation of the document with its price.
#[derive(Clone, Debug)]
pub(crate) struct Priced<'a, 'd> {
    pub(crate) operation: &'a Operation<'d>,
    pub(crate) template: Template,
    pub(crate) when: Vec<(String, String)>,
    price: Price,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Default,
    Suggested,
    Stated,
}

/// What tells rules apart, in the order in which they are written.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    subject: String,
    when: Vec<(String, String)>,
    price: Price,
    is_suggested: bool,
}

impl Rules {
    /// The rules for all operations of an API.
    pub(crate) fn of(api: &Api<'_>, making: &Making) -> Self {
        let mut remarks = api.remarks.clone();
        let priced = priced(api, making, &mut remarks);
        let stated = |priced: &&Priced<'_, '_>| priced.origin == Origin::Stated;
        let stated = priced.iter().filter(stated).count();
        let mut groups: BTreeMap<Key, Vec<Template>> = BTreeMap::new();
        for priced in priced {
            let key = Key {
                subject: subject(priced.operation),
                when: priced.when,
                is_suggested: priced.origin == Origin::Suggested,
                price: priced.price,
            };
            groups.entry(key).or_default().push(priced.template);
        }
        let mut rules: Vec<Rule> = Vec::new();
        for (key, operations) in groups {
            let name = name(&key, making.default, &rules);
            rules.push(Rule {
                name,
                operations,
                when: key.when,
                price: key.price,
                is_suggested: key.is_suggested,
            });
        }
        remarks.sort();
        remarks.dedup();
        Self {
            rules,
            remarks,
            stated,
        }
    }
}

/// Every operation with its price, in the order of paths and methods. Of several that the table could not tell apart one is left.
pub(crate) fn priced<'a, 'd>(
    api: &'a Api<'d>,
    making: &Making,
    remarks: &mut Vec<Remark>,
) -> Vec<Priced<'a, 'd>> {
    let mut priced = Vec::new();
    for operation in &api.operations {
        let whole = format!("{}{}", operation.base, operation.path);
        let converted = template::convert(&whole, &operation.parameters);
        let named = format!("{} {}", operation.method, operation.path);
        // The base paths are no part of what is said: it would be said for each of them.
        let base = template::convert(&operation.base, &[]).path;
        let written = converted.path.strip_prefix(&base);
        let written = written.filter(|rest| rest.starts_with('/'));
        let written = written.unwrap_or(&converted.path).to_owned();
        let template = Template {
            path: converted.path,
            method: operation.method.clone(),
        };
        for difference in converted.differences {
            let text = format!("{named}: {}: written as `{written}`", difference.why);
            let at = operation.at.clone();
            remarks.push(match difference.is_loss {
                true => Remark::loss(at, text),
                false => Remark::note(at, text),
            });
        }
        let (price, origin) = price_of(operation, making, &named, remarks);
        priced.push(Priced {
            operation,
            template,
            when: converted.when,
            price,
            origin,
        });
    }
    // Whatever the order of the document is, the table is the same.
    priced.sort_by(|one, other| {
        let key = |priced: &Priced<'a, 'd>| (priced.template.clone(), priced.when.clone());
        let place = |priced: &Priced<'a, 'd>| priced.operation.at.clone();
        key(one)
            .cmp(&key(other))
            .then_with(|| place(one).cmp(&place(other)))
    });
    disentangle(&mut priced, remarks);
    merged(priced, remarks)
}

fn price_of(
    operation: &Operation<'_>,
    making: &Making,
    named: &str,
    remarks: &mut Vec<Remark>,
) -> (Price, Origin) {
    let extension = &making.extension;
    if let Some(place) = operation.extension(extension) {
        match Price::read(&place) {
            Ok(price) => return (price, Origin::Stated),
            Err(why) => {
                let text = format!(
                    "{named}: `{extension}`: {why}; it has the price of operations without one"
                );
                remarks.push(Remark::loss(place.at(), text));
            }
        }
    }
    let suggested = making
        .suggests
        .then(|| suggestion::of(operation, making.default));
    match suggested.flatten() {
        Some(price) => (price, Origin::Suggested),
        None => (Price::Fixed(making.default), Origin::Default),
    }
}

/// Where a segment could be either of two with as much text around their parameters, the filter would refuse the table: of the second
/// one only the parameter is left.
fn disentangle(priced: &mut [Priced<'_, '_>], remarks: &mut Vec<Remark>) {
    // By what is before them.
    let mut known: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for priced in priced {
        let mut before = String::new();
        let mut segments: Vec<String> = Vec::new();
        let mut rival = None;
        for segment in priced.template.path.split('/').skip(1) {
            let mut segment = segment.to_owned();
            if let Some((prefix, name, suffix)) = affixes(&segment) {
                let here = known.entry(before.clone()).or_default();
                let new = (caseless(prefix), caseless(suffix));
                if let Some(other) = here.iter().find(|other| are_rivals(other, &new)) {
                    rival = Some(format!("{}{{…}}{}", other.0, other.1));
                    segment = format!("{{{name}}}");
                } else if !here.contains(&new) {
                    here.push(new);
                }
            }
            before.push('/');
            before.push_str(&anonymous(&segment));
            segments.push(segment);
        }
        if let Some(rival) = rival {
            let new = Template {
                path: format!("/{}", segments.join("/")),
                ..priced.template.clone()
            };
            let text = format!(
                "{}: a segment could be `{rival}` of another operation as well: written as {new}",
                priced.template
            );
            remarks.push(Remark::note(priced.operation.at.clone(), text));
            priced.template = new;
        }
    }
}

/// What is before a parameter, its name, and what is behind it, if there is any of both.
fn affixes(segment: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = segment.split_once('{')?;
    let (name, suffix) = rest.split_once('}')?;
    (!prefix.is_empty() || !suffix.is_empty()).then_some((prefix, name, suffix))
}

/// Whether some segment has both around a parameter, and neither has more text than the other. The filter counts letters that are not
/// ASCII in a way of its own, so any number of them counts as the same here.
fn are_rivals(one: &(String, String), other: &(String, String)) -> bool {
    let length = |affixes: &(String, String)| affixes.0.len().saturating_add(affixes.1.len());
    let is_ascii = |affixes: &(String, String)| affixes.0.is_ascii() && affixes.1.is_ascii();
    let is_as_long = length(one) == length(other) || !is_ascii(one) || !is_ascii(other);
    let begin = one.0.starts_with(&other.0) || other.0.starts_with(&one.0);
    let end = one.1.ends_with(&other.1) || other.1.ends_with(&one.1);
    one != other && is_as_long && begin && end
}

/// Leaves one of several operations that the table could not tell apart, at the highest of their prices.
fn merged<'a, 'd>(priced: Vec<Priced<'a, 'd>>, remarks: &mut Vec<Remark>) -> Vec<Priced<'a, 'd>> {
    let mut places: BTreeMap<(Template, String), usize> = BTreeMap::new();
    let mut merged: Vec<Priced<'a, 'd>> = Vec::new();
    for next in priced {
        let when = format!("{:?}", next.when).to_lowercase();
        let key = (next.template.anonymous(), when);
        let Some(known) = places.get(&key).and_then(|place| merged.get_mut(*place)) else {
            places.insert(key, merged.len());
            merged.push(next);
            continue;
        };
        let operation = next.operation;
        let what = format!(
            "{} {}: prices the same calls as {} {} (line {})",
            operation.method,
            operation.path,
            known.operation.method,
            known.operation.path,
            known.operation.at.line
        );
        let text = match known.price == next.price {
            true => what,
            false => format!("{what}, and only the higher of their prices can hold"),
        };
        remarks.push(Remark::note(operation.at.clone(), text));
        // A price that is stated goes before one that is not.
        let rank = |priced: &Priced<'_, '_>| (priced.origin == Origin::Stated, priced.price.most());
        if rank(&next) > rank(known) {
            known.price = next.price;
            known.origin = next.origin;
        }
    }
    merged
}

/// What an operation is about: its tag, or the first word of its path that is no version.
fn subject(operation: &Operation<'_>) -> String {
    let tag = operation.tag.as_deref().map(allowed);
    if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
        return tag;
    }
    let is_version = |word: &&str| {
        let number = word.strip_prefix('v').unwrap_or(word);
        !number.is_empty()
            && number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let mut words = operation.path.split('/').filter(|word| {
        !word.is_empty() && !word.contains('{') && !is_version(word) && *word != "api"
    });
    let word = words.next().map(allowed).unwrap_or_default();
    if word.is_empty() {
        "root".to_owned()
    } else {
        word
    }
}

/// A name with the characters that names of rules may have.
fn allowed(name: &str) -> String {
    let mut written = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
            written.push(c);
        } else if !written.ends_with(' ') {
            written.push(' ');
        }
    }
    let longest = LONGEST_NAME / 2;
    let written: String = written.trim().chars().take(longest).collect();
    written.trim().to_owned()
}

/// The name of a rule: its subject, with its price unless that is the default. It does not depend on which other rules there are,
/// except where two would be called the same.
fn name(key: &Key, default: u64, others: &[Rule]) -> String {
    let Key { subject, price, .. } = key;
    let mut name = match price {
        Price::Fixed(credits) if *credits == default => subject.clone(),
        Price::Fixed(credits) => format!("{subject} {credits}"),
        Price::Tiers(tiers) => format!("{subject} by {}", allowed(&tiers.query)),
        Price::PerRecord(price) => match price.records.get() {
            1 => format!("{subject} per record"),
            records => format!("{subject} per {records} records"),
        },
    };
    for (parameter, _) in &key.when {
        name.push_str(&format!(" with {}", allowed(parameter)));
    }
    let name: String = name.trim().chars().take(LONGEST_NAME).collect();
    let is_taken = |name: &str| {
        let known = others
            .iter()
            .any(|rule| rule.name.eq_ignore_ascii_case(name));
        known || TAKEN.contains(&name.to_ascii_lowercase().as_str())
    };
    let mut free = name.clone();
    let mut number = 2_u32;
    while is_taken(&free) {
        let ending = format!(" {number}");
        let kept = LONGEST_NAME.saturating_sub(ending.len());
        free = name.chars().take(kept).chain(ending.chars()).collect();
        number = number.saturating_add(1);
    }
    free
}
