//! Who calls: the organizations of a log, numbered in the order of their first calls.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::bound::Bound;
use super::mapping::Mapping;
use crate::access_log::Entry;

/// Who made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Caller {
    /// Its number.
    pub number: usize,
    /// Who it is.
    pub who: Who,
}

/// Whether a line names an organization that is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Who {
    /// It names one.
    Named,
    /// It names none. All such calls are one caller's.
    Nobody,
    /// It names one of those beyond the number that are told apart, which are one caller.
    Others,
}

/// The organizations that have called so far.
#[derive(Debug)]
pub struct Roll {
    organization: Bound,
    numbers: HashMap<Box<str>, usize, RandomState>,
    nobody: Option<usize>,
    others: Option<usize>,
    /// The name of the last caller, to be written over.
    name: String,
}

/// The most organizations that are told apart.
const MOST: usize = 200_000;

impl Roll {
    /// Nobody has called yet. `wanted` names the values of entries.
    #[must_use]
    pub fn new(mapping: &Mapping, wanted: &[String]) -> Self {
        Self {
            organization: Bound::new(&mapping.organization, wanted),
            numbers: HashMap::default(),
            nobody: None,
            others: None,
            name: String::new(),
        }
    }

    /// Who made a call.
    pub fn caller(&mut self, entry: &Entry) -> Caller {
        self.name.clear();
        let is_named = self.organization.write(&mut self.name, entry);
        let next = self.len();
        let (number, who) = match self.numbers.get(self.name.as_str()) {
            Some(number) if is_named => (*number, Who::Named),
            _ if !is_named && (self.nobody.is_some() || next < MOST) => {
                (*self.nobody.get_or_insert(next), Who::Nobody)
            }
            _ if next < MOST => {
                self.numbers.insert(self.name.as_str().into(), next);
                (next, Who::Named)
            }
            _ => (*self.others.get_or_insert(next), Who::Others),
        };
        Caller { number, who }
    }

    /// What the last caller is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many have called.
    fn len(&self) -> usize {
        let besides = [self.nobody, self.others].iter().flatten().count();
        self.numbers.len().saturating_add(besides)
    }
}
