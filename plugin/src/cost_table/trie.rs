//! The priced operations as a tree of path segments.
//!
//! At each segment a literal beats a parameter and a parameter beats `**`; where a more specific branch has no entry for the method,
//! the next less specific one is tried. Every node is visited at most once in a lookup and children are found by binary search, so
//! the time depends on the depth of the path and hardly on the number of operations, and no path can make it explode.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::operation::{Operation, Segment};
use super::rule::{Candidates, Rule};

/// A node: the operations whose templates start with the segments that lead here.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// By folded text, ascending.
    literals: Vec<Literal>,
    parameter: Option<Box<Node>>,
    /// Operations that end here.
    here: Methods,
    /// Operations that go on with `**`.
    rest: Methods,
}

#[derive(Debug)]
struct Literal {
    /// In lower case.
    folded: Vec<u8>,
    /// As the operations spell it.
    spellings: Vec<Vec<u8>>,
    node: Node,
}

/// The operations with one path template, by method.
#[derive(Debug, Default)]
struct Methods {
    named: Vec<(String, Candidates)>,
    any: Option<Candidates>,
}

/// What a lookup found.
#[derive(Debug)]
pub(super) struct Found<'t> {
    /// The rules of the most specific operation.
    pub(super) candidates: Option<&'t Candidates>,
    /// Whether a lookup that minds the case may find something else.
    pub(super) case_matters: bool,
}

struct Lookup<'a> {
    method: &'a str,
    /// Whether literals and methods are compared without case.
    folded: bool,
    /// Whether something was equal but for the case.
    case_matters: bool,
}

impl Node {
    /// Lets `rule` price `operation`.
    pub(super) fn insert(&mut self, operation: &Operation, rule: &Arc<Rule>) {
        let mut node = self;
        for segment in &operation.segments {
            node = match segment {
                Segment::Literal(text) => node.literal_mut(text),
                Segment::Parameter => node.parameter.get_or_insert_default(),
            };
        }
        let methods = if operation.rest { &mut node.rest } else { &mut node.here };
        methods.candidates_mut(operation.method.as_deref()).insert(rule);
    }

    /// The most specific operation for a method and the segments of a path; `folded` compares without case.
    pub(super) fn find(&self, method: &str, segments: &[Cow<'_, [u8]>], folded: bool) -> Found<'_> {
        let mut lookup = Lookup { method, folded, case_matters: false };
        let candidates = self.walk(segments, &mut lookup);
        Found { candidates, case_matters: lookup.case_matters }
    }

    fn walk(&self, segments: &[Cow<'_, [u8]>], lookup: &mut Lookup<'_>) -> Option<&Candidates> {
        let Some((segment, segments)) = segments.split_first() else {
            return self.here.find(lookup).or_else(|| self.rest.find(lookup));
        };
        let literal = self.literal(segment, lookup);
        [literal, self.parameter.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|node| node.walk(segments, lookup))
            .or_else(|| self.rest.find(lookup))
    }

    fn literal(&self, segment: &[u8], lookup: &mut Lookup<'_>) -> Option<&Self> {
        let place = self.literals.binary_search_by(|literal| compare(&literal.folded, segment)).ok()?;
        let literal = self.literals.get(place)?;
        let exact = literal.spellings.iter().any(|spelling| spelling == segment);
        lookup.allows(exact).then_some(&literal.node)
    }

    fn literal_mut(&mut self, text: &str) -> &mut Self {
        let spelling = text.as_bytes();
        let place = self.literals.partition_point(|literal| compare(&literal.folded, spelling).is_lt());
        if self.literals.get(place).is_none_or(|literal| compare(&literal.folded, spelling).is_ne()) {
            let folded = spelling.to_ascii_lowercase();
            let literal = Literal { folded, spellings: Vec::new(), node: Self::default() };
            self.literals.insert(place, literal);
        }
        #[expect(clippy::indexing_slicing, reason = "the literal at `place` was found or inserted above")]
        let literal = &mut self.literals[place];
        if !literal.spellings.iter().any(|known| known == spelling) {
            literal.spellings.push(spelling.to_vec());
        }
        &mut literal.node
    }
}

impl Methods {
    /// The candidates for the method, else for GET if it is HEAD, else for every method.
    fn find(&self, lookup: &mut Lookup<'_>) -> Option<&Candidates> {
        if self.named.is_empty() {
            return self.any.as_ref();
        }
        self.named(lookup.method, lookup)
            .or_else(|| {
                let head = lookup.method.eq_ignore_ascii_case("HEAD");
                let allowed = head && lookup.allows(lookup.method == "HEAD");
                allowed.then(|| self.named("GET", lookup)).flatten()
            })
            .or(self.any.as_ref())
    }

    fn named(&self, method: &str, lookup: &mut Lookup<'_>) -> Option<&Candidates> {
        let (name, candidates) = self.named.iter().find(|(name, _)| name.eq_ignore_ascii_case(method))?;
        lookup.allows(name == method).then_some(candidates)
    }

    fn candidates_mut(&mut self, method: Option<&str>) -> &mut Candidates {
        let Some(method) = method else {
            return self.any.get_or_insert_default();
        };
        let place = self.named.iter().position(|(name, _)| name == method).unwrap_or(self.named.len());
        if place == self.named.len() {
            self.named.push((method.to_owned(), Candidates::default()));
        }
        #[expect(clippy::indexing_slicing, reason = "the method at `place` was found or pushed above")]
        let (_, candidates) = &mut self.named[place];
        candidates
    }
}

impl Lookup<'_> {
    /// Whether something that is equal without case counts; `exact` says whether it is equal with it as well.
    fn allows(&mut self, exact: bool) -> bool {
        self.case_matters |= !exact;
        exact || self.folded
    }
}

/// Compares a text in lower case with one in any case.
fn compare(folded: &[u8], text: &[u8]) -> Ordering {
    folded.iter().copied().cmp(text.iter().map(u8::to_ascii_lowercase))
}
