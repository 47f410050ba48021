//! The priced operations as a tree of path segments.
//!
//! At each segment a literal beats a parameter with text around it, that one a parameter by itself, and that one `**`; where a more
//! specific branch has no entry for the method, the next less specific one is tried. Every node is visited at most once in a lookup and
//! literals are found by their hash, so the time depends on the depth of the path and hardly on the number of operations.
//!
//! What is the same only without case, or with a format behind it (`/tickets.json`), may be the same to a backend or not: such a branch
//! counts, and so does what is found without it.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::Arc;

use super::RuleId;
use super::folding::fold;
use super::found::Found;
use super::operation::{Operation, Segment};
use super::path;
use super::rule::{Candidates, Rule};
use super::target;
use crate::model::spread::{BuildSpread, Spread};

/// A node: the operations whose templates start with the segments that lead here.
#[derive(Debug, Default)]
pub(super) struct Node {
    literals: Vec<Literal>,
    /// Their places by the hash of their folded texts, or the next number that is free where two have the same hash. With a search among
    /// sorted texts, which mostly have their beginnings in common, a table of 10,000 operations took 12 % more instructions for a call
    /// than one of 10.
    places: HashMap<u64, usize, BuildSpread>,
    /// Those with the most text first.
    affixed: Vec<Affixed>,
    parameter: Option<Box<Node>>,
    /// Operations that end here.
    here: Methods,
    /// Operations that go on with `**`.
    rest: Methods,
}

#[derive(Debug, Default)]
struct Literal {
    folded: String,
    /// As the operations spell it: the same texts folded, at least one.
    spellings: Vec<Vec<u8>>,
    node: Node,
}

/// A parameter with text before or behind it.
#[derive(Debug)]
struct Affixed {
    prefix: String,
    suffix: String,
    /// As the operations spell them.
    spellings: Vec<(String, String)>,
    node: Node,
}

/// The operations with one path template, by method.
#[derive(Debug, Default)]
struct Methods {
    named: Vec<(String, Candidates)>,
    any: Option<Candidates>,
}

/// Why an operation cannot be one of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// The rule prices the same calls.
    Rule(RuleId),
    /// A segment could be either of these, and neither has more text.
    Ambiguous {
        /// The segment of the operation.
        segment: Segment,
        /// The one of an operation that is there.
        other: Segment,
    },
}

/// What all readings of a call find.
#[derive(Debug, Default)]
pub(super) struct Matches<'t> {
    /// Most calls have one.
    first: Option<&'t Candidates>,
    more: Vec<&'t Candidates>,
}

/// The readings of a call find too many operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyMatches;

struct Lookup<'a, 't> {
    method: &'a str,
    matches: &'a mut Matches<'t>,
}

impl<'t> Matches<'t> {
    /// More than any honest call finds.
    const MOST: usize = 24;

    fn add(&mut self, candidates: &'t Candidates) {
        let known = |known: &&Candidates| std::ptr::eq(*known, candidates);
        match &self.first {
            None => self.first = Some(candidates),
            Some(first) if known(first) => {}
            Some(_) if self.more.len() > Self::MOST || self.more.iter().any(known) => {}
            Some(_) => self.more.push(candidates),
        }
    }

    /// Each of them once.
    ///
    /// # Errors
    ///
    /// There are more than are worth pricing.
    pub(super) fn all(&self) -> Result<impl Iterator<Item = &'t Candidates>, TooManyMatches> {
        if self.more.len() > Self::MOST {
            return Err(TooManyMatches);
        }
        Ok(self.first.into_iter().chain(self.more.iter().copied()))
    }
}

impl Node {
    /// Lets `rule` price `operation`.
    ///
    /// # Errors
    /// When another rule prices the same calls, or one segment could be either of two.
    pub(super) fn insert(
        &mut self,
        operation: &Operation,
        rule: &Arc<Rule>,
    ) -> Result<(), Conflict> {
        let mut node = self;
        for segment in &operation.segments {
            node = match segment {
                Segment::Literal(text) => node.literal_mut(text),
                Segment::Affixed { prefix, suffix } => node.affixed_mut(prefix, suffix)?,
                Segment::Parameter => node.parameter.get_or_insert_default(),
            };
        }
        let methods = if operation.rest {
            &mut node.rest
        } else {
            &mut node.here
        };
        methods
            .candidates_mut(operation.method.as_deref())
            .insert(rule)
            .map_err(Conflict::Rule)
    }

    /// The most specific operation for a method in upper case and a target, and how long its query is, where all backends read the path
    /// alike and no segment can be anything else than it is; otherwise nothing, and [`Node::find`] tells.
    #[inline]
    pub(super) fn find_plainly(&self, method: &str, target: &str) -> Option<(&Candidates, usize)> {
        let mut node = self;
        let mut rest = target.as_bytes().strip_prefix(b"/")?;
        loop {
            let segment = target::segment(rest)?;
            node = match node.literal(segment.text, segment.text) {
                Some((literal, true)) => &literal.node,
                Some((_, false)) => return None,
                None if segment.has_dot || !node.affixed.is_empty() => return None,
                None => node.parameter.as_deref()?,
            };
            if segment.end != Some(b'/') {
                return Some((node.here.get(method)?, segment.behind.len()));
            }
            rest = segment.behind;
        }
    }

    /// Adds the most specific operations for a method and the segments of a path.
    pub(super) fn find<'t>(
        &'t self,
        method: &str,
        segments: &[path::Segment<'_>],
        matches: &mut Matches<'t>,
    ) -> Found {
        self.walk(segments, &mut Lookup { method, matches })
    }

    fn walk<'t>(&'t self, segments: &[path::Segment<'_>], lookup: &mut Lookup<'_, 't>) -> Found {
        let Some((segment, below)) = segments.split_first() else {
            let here = self.here.find(lookup);
            return if here == Found::Surely {
                here
            } else {
                here.max(self.rest.find(lookup))
            };
        };
        let mut found = Found::No;
        // Whether that settles it.
        let mut descend = |node: &'t Self, surely: bool, lookup: &mut Lookup<'_, 't>| {
            let there = node.walk(below, lookup);
            found = found.max(if surely {
                there
            } else {
                there.min(Found::Maybe)
            });
            found == Found::Surely
        };
        if let Some((literal, surely)) = self.literal(segment.text, segment.compared())
            && descend(&literal.node, surely, lookup)
        {
            return Found::Surely;
        }
        for affixed in &self.affixed {
            if let Some(surely) = affixed.matches(segment)
                && descend(&affixed.node, surely, lookup)
            {
                return Found::Surely;
            }
        }
        if below.is_empty()
            && let Some(plain) = without_format(segment)
        {
            if let Some((literal, _)) = self.literal(plain.text, plain.compared()) {
                descend(&literal.node, false, lookup);
            }
            for affixed in &self.affixed {
                if affixed.matches(&plain).is_some() {
                    descend(&affixed.node, false, lookup);
                }
            }
        }
        if let Some(parameter) = self.parameter.as_deref()
            && descend(parameter, !segment.text.is_empty(), lookup)
        {
            return Found::Surely;
        }
        found.max(self.rest.find(lookup))
    }

    /// The literal that a segment is, which is `compared` as this text, and whether it is surely.
    #[inline]
    fn literal(&self, text: &[u8], compared: &[u8]) -> Option<(&Literal, bool)> {
        let found = |literal: &Literal| {
            let spelled = literal.spells(text);
            let is_same = || literal.folded.as_bytes().eq_ignore_ascii_case(compared);
            (spelled || is_same()).then_some(spelled)
        };
        match self.literals.as_slice() {
            [] => None,
            [only] => Some((only, found(only)?)),
            literals => {
                let mut key = hash(compared);
                loop {
                    let literal = literals.get(*self.places.get(&key)?)?;
                    if let Some(spelled) = found(literal) {
                        return Some((literal, spelled));
                    }
                    key = key.wrapping_add(1);
                }
            }
        }
    }

    fn literal_mut(&mut self, text: &str) -> &mut Self {
        let folded = fold(text);
        let mut key = hash(folded.as_bytes());
        let place = loop {
            let new = self.literals.len();
            let place = *self.places.entry(key).or_insert(new);
            if place == new {
                self.literals.push(Literal::default());
            }
            if place == new
                || (self.literals.get(place)).is_some_and(|known| known.folded == folded)
            {
                break place;
            }
            key = key.wrapping_add(1);
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the literal at `place` was found or pushed above"
        )]
        let literal = &mut self.literals[place];
        literal.folded = folded;
        if !literal.spells(text.as_bytes()) {
            literal.spellings.push(text.as_bytes().to_vec());
        }
        &mut literal.node
    }

    fn affixed_mut(&mut self, prefix: &str, suffix: &str) -> Result<&mut Self, Conflict> {
        let new = Affixed {
            prefix: fold(prefix),
            suffix: fold(suffix),
            spellings: vec![(prefix.to_owned(), suffix.to_owned())],
            node: Self::default(),
        };
        let place = match self.affixed.iter().position(|known| known.is(&new)) {
            Some(place) => place,
            None => {
                if let Some(other) = self.affixed.iter().find(|known| known.rivals(&new)) {
                    return Err(Conflict::Ambiguous {
                        segment: new.segment(),
                        other: other.segment(),
                    });
                }
                let place = self
                    .affixed
                    .partition_point(|known| known.length() >= new.length());
                self.affixed.insert(place, new);
                place
            }
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the segment at `place` was found or inserted above"
        )]
        let affixed = &mut self.affixed[place];
        if !affixed
            .spellings
            .iter()
            .any(|(p, s)| p == prefix && s == suffix)
        {
            affixed
                .spellings
                .push((prefix.to_owned(), suffix.to_owned()));
        }
        Ok(&mut affixed.node)
    }
}

/// The segment without the format behind it, `tickets` of `tickets.json`: some frameworks take it for the type of the answer, and any
/// text for a format.
fn without_format<'p>(segment: &path::Segment<'p>) -> Option<path::Segment<'p>> {
    let end = segment.text.iter().rposition(|byte| *byte == b'.')?;
    let text = segment.text.get(..end).filter(|text| !text.is_empty())?;
    let folded = segment.folded.as_ref().map(|folded| {
        let end = folded.rfind('.').unwrap_or(folded.len());
        folded.get(..end).unwrap_or(folded).to_owned()
    });
    Some(path::Segment { text, folded })
}

impl Literal {
    /// Whether the text is spelled so by an operation.
    fn spells(&self, text: &[u8]) -> bool {
        self.spellings.iter().any(|spelling| spelling == text)
    }
}

impl Affixed {
    /// Whether the segment begins and ends so: surely, or perhaps.
    fn matches(&self, segment: &path::Segment<'_>) -> Option<bool> {
        let text = segment.compared();
        let length = self.prefix.len().checked_add(self.suffix.len())?;
        let value = text.len().checked_sub(length)?;
        let (prefix, rest) = text.split_at_checked(self.prefix.len())?;
        let (_, suffix) = rest.split_at_checked(value)?;
        let is = |text: &[u8], folded: &str| text.eq_ignore_ascii_case(folded.as_bytes());
        if !is(prefix, &self.prefix) || !is(suffix, &self.suffix) {
            return None;
        }
        let spells = |(prefix, suffix): &(String, String)| {
            segment.text.starts_with(prefix.as_bytes()) && segment.text.ends_with(suffix.as_bytes())
        };
        Some(value > 0 && self.spellings.iter().any(spells))
    }

    fn is(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.suffix == other.suffix
    }

    fn length(&self) -> usize {
        self.prefix.len().saturating_add(self.suffix.len())
    }

    /// Whether some segment is both, and neither has more text than the other.
    fn rivals(&self, other: &Self) -> bool {
        let nested = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        self.length() == other.length()
            && nested(&self.prefix, &other.prefix)
            && nested(&reversed(&self.suffix), &reversed(&other.suffix))
    }

    /// As an operation writes it.
    fn segment(&self) -> Segment {
        let (prefix, suffix) = self.spellings.first().cloned().unwrap_or_default();
        Segment::Affixed { prefix, suffix }
    }
}

impl Methods {
    /// The candidates for the method, else for GET if it is HEAD, else for every method.
    #[inline]
    fn get(&self, method: &str) -> Option<&Candidates> {
        let named = |method: &str| self.named.iter().find(|(name, _)| name == method);
        let found = named(method).or_else(|| {
            let head = method == "HEAD";
            head.then(|| named("GET")).flatten()
        });
        found
            .map(|(_, candidates)| candidates)
            .or(self.any.as_ref())
    }

    /// Adds the candidates for the method.
    fn find<'t>(&'t self, lookup: &mut Lookup<'_, 't>) -> Found {
        match self.get(lookup.method) {
            Some(candidates) => {
                lookup.matches.add(candidates);
                Found::Surely
            }
            None => Found::No,
        }
    }

    fn candidates_mut(&mut self, method: Option<&str>) -> &mut Candidates {
        let Some(method) = method else {
            return self.any.get_or_insert_default();
        };
        let place = self
            .named
            .iter()
            .position(|(name, _)| name == method)
            .unwrap_or(self.named.len());
        if place == self.named.len() {
            self.named.push((method.to_owned(), Candidates::default()));
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the method at `place` was found or pushed above"
        )]
        let (_, candidates) = &mut self.named[place];
        candidates
    }
}

/// A hash that is the same for texts that differ in case alone.
#[inline]
pub(super) fn hash(text: &[u8]) -> u64 {
    // The bit by which the cases of a letter differ. Other characters that differ in it alone have the same hash as well.
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (words, rest) = text.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest
        .iter()
        .fold(1_u64, |rest, byte| rest << 8 | u64::from(*byte));
    let mut spread = Spread::default();
    words
        .chain([rest])
        .for_each(|word| spread.write_u64(word | CASE));
    spread.finish()
}

#[cfg(test)]
mod tests;
