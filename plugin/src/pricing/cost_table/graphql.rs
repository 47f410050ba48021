//! GraphQL: which operation a call runs.
//!
//! A call has a document and may name one of its operations; without a name, the document has one operation (GraphQL, section 6.1). So the
//! operations of the document are read, and the name is believed only if the document has it. A document that is not in the call, because
//! the server knows it by a hash, cannot be read: then the name counts, which servers compare with their document. Without a name, or where
//! the document cannot be read, the call may run anything. A call that has both a document and what a server may know another one by is read in
//! both ways.

mod document;

pub(super) use document::Kind;
use document::Operation;

use super::found::Found;
use super::members::{Given, Member, Read};
use super::name::Name;
use super::query::Values;
use super::value::Value;

/// The most operations that a call may run in one of its readings: beyond them it may run anything.
const MAX_OPERATIONS: usize = 32;

/// What the operation of a call has to be.
#[derive(Debug)]
pub(super) struct Graphql {
    /// Its name, or none if any will do.
    pub(super) operation: Option<Value>,
    /// Whether it has to have a name.
    pub(super) named: bool,
    pub(super) kind: Option<Kind>,
    /// The numbers of the members that have the document and the name.
    pub(super) members: [usize; 2],
    /// The numbers of the members by which a server may know another document than the one in the call.
    pub(super) persisted: [usize; 4],
    /// The query parameters that have them.
    pub(super) parameters: [Name; 2],
}

/// Where the document of a call is, and where the name of its operation.
pub(super) const PARTS: [&str; 2] = ["query", "operationName"];

/// By what a server may know a document that is not in the call, or another one than is: Apollo's persisted queries have it in `extensions`,
/// Relay's in `doc_id`, others in `documentId` (GraphQL over HTTP, persisted documents) or `id`.
pub(super) const PERSISTED: [&str; 4] = ["extensions/persistedQuery", "doc_id", "documentId", "id"];

/// What a query gives of a document and a name.
#[derive(Clone, Debug, Default)]
pub(super) struct InQuery {
    parts: [Part; 2],
    /// Whether there is a query at all, by which a server may know a document.
    any: bool,
    /// Whether it has something by which a server may know another document than the one in the call.
    persisted: bool,
}

/// All that a document or a name may be.
#[derive(Clone, Debug, Default)]
struct Part {
    texts: Vec<String>,
    /// Whether it may be missing.
    missing: bool,
    /// Whether it may be something else.
    odd: bool,
}

impl Part {
    fn of_values(values: &Values<'_>) -> Self {
        Self {
            texts: values.found().map(str::to_owned).collect(),
            missing: !values.surely(),
            odd: false,
        }
    }

    /// What it may be, given in the query or in the body.
    fn with(mut self, member: Option<&Member>) -> Self {
        let Some(member) = member else {
            return self;
        };
        // What the one has not, the other may have.
        self.missing &= !member.surely;
        for given in &member.values {
            match given {
                Given::Text(text) => self.texts.push(text.clone()),
                Given::Null => self.missing = true,
                Given::Flag(_) | Given::Number(..) | Given::Odd => self.odd = true,
            }
        }
        self
    }

    /// Each text, and none if it may be missing or empty.
    fn all(&self) -> impl Iterator<Item = Option<&str>> {
        let texts = self.texts.iter();
        let texts = texts.map(|text| Some(text.as_str()).filter(|text| !text.trim().is_empty()));
        texts.chain(self.missing.then_some(None))
    }
}

impl InQuery {
    pub(super) fn new(query: &str, parts: [&Values<'_>; 2]) -> Self {
        Self {
            parts: parts.map(Part::of_values),
            any: !query.is_empty(),
            persisted: names_document(query),
        }
    }

    /// A query of which it is not known what it gives.
    pub(super) fn unknown() -> Self {
        let odd = || Part {
            odd: true,
            ..Part::default()
        };
        Self {
            parts: [odd(), odd()],
            any: true,
            persisted: true,
        }
    }
}

/// Whether a parameter of a query is called as what a server may know a document by, or begins as that does.
fn names_document(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split(['=', '[', '.']).next().unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        let name = name.split(['[', '.']).next().unwrap_or_default().trim();
        let roots = PERSISTED.iter().filter_map(|place| place.split('/').next());
        roots
            .into_iter()
            .any(|root| root.eq_ignore_ascii_case(name))
    })
}

impl Graphql {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let text = |one: &Self| one.operation.as_ref().map(|value| value.text.clone());
        text(self) == text(other) && self.named == other.named && self.kind == other.kind
    }

    /// How many conditions it is.
    pub(super) fn count(&self) -> usize {
        usize::from(self.named).saturating_add(usize::from(self.kind.is_some()))
    }

    pub(super) fn holds(&self, query: &InQuery, body: &Read) -> Found {
        if !query.any && body.is_empty() {
            return Found::No;
        }
        let [document, name] = self.members.map(|number| body.member(number));
        let [in_query, name_in_query] = query.parts.clone();
        let mut documents = in_query.with(document);
        let is_given = |number: &usize| body.member(*number).is_some_and(Member::is_given);
        documents.missing |= query.persisted || self.persisted.iter().any(is_given);
        let names = name_in_query.with(name);
        let (mut least, mut most) = (Found::Surely, Found::No);
        let mut add = |found: Found| {
            least = least.min(found);
            most = most.max(found);
        };
        if documents.odd || names.odd {
            add(Found::Maybe);
        }
        for document in documents.all() {
            let operations = document.map(document::operations);
            for name in names.all() {
                match (&operations, name) {
                    (None, Some(name)) => add(self.allows(Some(name), None)),
                    (None, None) | (Some(None), _) => add(Found::Maybe),
                    (Some(Some(operations)), name) => self.each(operations, name, &mut add),
                }
            }
        }
        // Whatever holds in some readings alone may hold.
        if least == most { most } else { Found::Maybe }
    }

    /// The readings of a document with these operations, of which the one called `name` is asked for.
    fn each(&self, operations: &[Operation<'_>], name: Option<&str>, add: &mut impl FnMut(Found)) {
        let is = |operation: &&Operation<'_>| name.is_none() || operation.name == name;
        let mut found = operations.iter().filter(is);
        match (found.next(), found.next()) {
            (Some(one), None) => add(self.allows(one.name, Some(one.kind))),
            // Servers refuse that; one that does not may run any of them.
            _ => {
                add(Found::Maybe.min(self.allows(name, None)));
                let all = operations.iter().take(MAX_OPERATIONS);
                all.for_each(|one| add(self.allows(one.name, Some(one.kind))));
                if operations.len() > MAX_OPERATIONS {
                    add(Found::Maybe);
                }
            }
        }
    }

    /// Whether an operation of this name and kind is what is asked for.
    fn allows(&self, name: Option<&str>, kind: Option<Kind>) -> Found {
        let by_name = match (&self.operation, name) {
            (Some(wanted), Some(name)) if wanted.text == name => Found::Surely,
            (Some(wanted), Some(name)) if wanted.may_be(name) => Found::Maybe,
            (Some(_), _) => Found::No,
            (None, None) if self.named => Found::No,
            (None, _) => Found::Surely,
        };
        let by_kind = match (self.kind, kind) {
            (None, _) => Found::Surely,
            (Some(_), None) => Found::Maybe,
            (Some(wanted), Some(kind)) if wanted == kind => Found::Surely,
            (Some(_), Some(_)) => Found::No,
        };
        by_name.min(by_kind)
    }
}
