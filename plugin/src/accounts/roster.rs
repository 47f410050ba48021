//! The roster: which organizations have been active lately, in shared data.
//!
//! The keys of shared data cannot be listed, and organizations that calls describe or a directory knows are known to the worker that
//! serves them alone. So each worker enters the account holders that it has counted something for, once a day each, when the host's
//! timer ticks; whoever is asked for all of them reads what all workers have entered. Ids are spread over [`Roster::PARTS`] keys, each
//! with [`Roster::MOST`] entries at the most: beyond them, some organizations are not listed, and the roster says so.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::{
    accounts::{
        holder::AccountHolder,
        ledger::AccountKey,
        shared_data::{Change, SharedData, change},
        statistics::NameHash,
    },
    model::{day::DayNumber, namespace::Namespace, spread::BuildSpread, terms::Terms},
};

/// What a worker has entered, and what it will.
#[derive(Debug)]
pub struct Roster {
    namespace: Namespace,
    entered: RefCell<HashMap<AccountKey, (Rc<AccountHolder>, Entry), BuildSpread>>,
    due: RefCell<Vec<Entry>>,
}

/// An account holder, as a worker knew it that served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The organization's id, or what callers that share an account are called.
    pub label: String,
    /// Whether callers share the account.
    pub shared: bool,
    /// The day on which it was entered.
    pub day: i32,
    /// The name of its edition.
    pub edition: String,
    /// The name of its data centre.
    pub data_center: String,
    /// How its calls are counted.
    pub model: String,
    /// The credits of its day.
    pub total: u64,
    /// How many of its calls may be in progress.
    pub concurrency: Option<u32>,
    /// Whether refusals are meant.
    pub enforced: bool,
}

/// What is stored under one key.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    /// Whether there was an entry too many.
    full: bool,
    entries: Vec<Entry>,
}

/// Everybody on the roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether some organizations are not among them, because there are too many.
    pub is_incomplete: bool,
}

impl Entry {
    fn of(holder: &AccountHolder, day: DayNumber, terms: Terms) -> Self {
        Self {
            label: holder.label.clone(),
            shared: holder.key.is_shared(),
            day: day.get(),
            edition: holder.edition.to_string(),
            data_center: holder.data_center.name.clone(),
            model: terms.model.name().to_owned(),
            total: terms.total.get(),
            concurrency: holder.concurrency,
            enforced: holder.enforcement.refuses(),
        }
    }
}

impl Entry {
    fn write(&self, record: &mut String) {
        let concurrency = self.concurrency.map(|limit| limit.to_string());
        let fields = [
            self.label.as_str(),
            if self.shared { "shared" } else { "" },
            &self.day.to_string(),
            &self.edition,
            &self.data_center,
            &self.model,
            &self.total.to_string(),
            &concurrency.unwrap_or_default(),
            if self.enforced { "enforced" } else { "" },
        ];
        for field in fields {
            record.extend(field.chars().map(|c| if c.is_control() { ' ' } else { c }));
            record.push('\t');
        }
        record.push('\n');
    }

    fn from_line(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut field = || fields.next();
        Some(Self {
            label: field()?.to_owned(),
            shared: !field()?.is_empty(),
            day: field()?.parse().ok()?,
            edition: field()?.to_owned(),
            data_center: field()?.to_owned(),
            model: field()?.to_owned(),
            total: field()?.parse().ok()?,
            concurrency: field()?.parse().ok(),
            enforced: !field()?.is_empty(),
        })
    }
}

impl Roster {
    /// Over how many keys the entries are spread.
    pub const PARTS: u32 = 64;
    /// The most entries of a key.
    pub const MOST: usize = 2_000;
    /// How often a part is tried to be written; there is another tick soon.
    const ATTEMPTS: u32 = 16;

    /// The roster of the accounts in `namespace`, of which this worker has entered nobody.
    #[must_use]
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            entered: RefCell::default(),
            due: RefCell::default(),
        }
    }

    /// `holder` has been active on this day.
    pub fn note(&self, holder: &Rc<AccountHolder>, day: DayNumber, terms: impl FnOnce() -> Terms) {
        let mut entered = self.entered.borrow_mut();
        let known = entered.get(&holder.key);
        let is_known = |(known, entry): &(Rc<AccountHolder>, Entry)| {
            entry.day == day.get() && Rc::ptr_eq(known, holder)
        };
        if known.is_some_and(is_known) {
            return;
        }
        let entry = Entry::of(holder, day, terms());
        // The directory makes another holder with every answer.
        let is_new = known.is_none_or(|(_, known)| *known != entry);
        let most = usize::try_from(Self::PARTS).unwrap_or_default();
        if entered.len() >= most.saturating_mul(Self::MOST) {
            entered.clear();
        }
        if is_new {
            self.due.borrow_mut().push(entry.clone());
        }
        entered.insert(holder.key.clone(), (Rc::clone(holder), entry));
    }

    /// Enters whoever has been noted. What cannot be written is written by the next call.
    pub fn flush(&self, data: &impl SharedData) {
        let mut due = self.due.take();
        for number in 0..Self::PARTS {
            if due.is_empty() {
                return;
            }
            let is_here = |entry: &Entry| Self::part(&entry.label) == number;
            if !due.iter().any(is_here) {
                continue;
            }
            let changed = change(data, &self.key(number), Self::ATTEMPTS, |stored| {
                let mut part = Part::read(stored);
                let here = due.iter().filter(|entry| is_here(entry));
                here.for_each(|entry| part.enter(entry));
                Ok::<_, std::convert::Infallible>(Change::Store(part.to_record(), ()))
            });
            let (here, others) = due.into_iter().partition(is_here);
            due = others;
            if changed.result.is_err() {
                self.due.borrow_mut().extend::<Vec<_>>(here);
            }
        }
    }

    /// Everybody whom the workers of this proxy have entered. What cannot be read is left out.
    #[must_use]
    pub fn read(&self, data: &impl SharedData) -> Listed {
        let mut listed = Listed::default();
        for part in 0..Self::PARTS {
            let Ok(Some(stored)) = data.get(&self.key(part)) else {
                continue;
            };
            let part = Part::read(&stored.value);
            listed.is_incomplete |= part.full;
            listed.entries.extend(part.entries);
        }
        listed
    }

    fn part(label: &str) -> u32 {
        NameHash::of(label).get() % Self::PARTS
    }

    fn key(&self, part: u32) -> String {
        AccountKey::place(&self.namespace, &format!("roster/{part}"))
    }
}

impl Part {
    /// What is stored: a line for each entry, its fields between tabs. What is no such line is left out.
    fn read(stored: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stored);
        Self {
            full: text.starts_with(Self::FULL),
            entries: text.lines().filter_map(Entry::from_line).collect(),
        }
    }

    fn to_record(&self) -> Vec<u8> {
        let mut record = String::new();
        if self.full {
            record.push_str(Self::FULL);
        }
        self.entries
            .iter()
            .for_each(|entry| entry.write(&mut record));
        record.into_bytes()
    }

    /// The first line of a part in which there was an entry too many.
    const FULL: &'static str = "full\n";

    /// Enters somebody in place of an earlier entry, and of those who have not been active for longer than a day.
    fn enter(&mut self, entry: &Entry) {
        let same = |known: &Entry| known.label == entry.label && known.shared == entry.shared;
        self.entries
            .retain(|known| !same(known) && known.day >= entry.day.saturating_sub(1));
        if self.entries.len() < Roster::MOST {
            self.full &= self.entries.len().saturating_add(1) == Roster::MOST;
            self.entries.push(entry.clone());
        } else {
            self.full = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::{ledger::fake::FakeSharedData, tally::tests::holder},
        model::{credits::Credits, terms::Model},
    };
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const TODAY: DayNumber = DayNumber::new(20_787);

    fn terms() -> Terms {
        Terms::new(Model::Credits, Credits::new(100).unwrap())
    }

    fn labels(listed: &Listed) -> Vec<&str> {
        let mut labels: Vec<_> = listed.entries.iter().map(|e| e.label.as_str()).collect();
        labels.sort_unstable();
        labels
    }

    #[test]
    fn what_two_workers_enter_is_listed_once() {
        let data = FakeSharedData::default();
        let (one, other) = (
            Roster::new(Namespace::default()),
            Roster::new(Namespace::default()),
        );
        let (a, b) = (holder("a"), holder("b"));
        one.note(&a, TODAY, terms);
        one.note(&b, TODAY, terms);
        other.note(&b, TODAY, terms);
        one.flush(&data);
        other.flush(&data);
        let listed = other.read(&data);
        assert_eq!(
            (labels(&listed), listed.is_incomplete),
            (vec!["a", "b"], false)
        );
        assert_eq!(listed.entries[0].total, 100);
        assert!(listed.entries[0].shared);
    }

    #[test]
    fn a_holder_is_entered_once_a_day_and_when_it_changes() {
        let data = FakeSharedData::default();
        let roster = Roster::new(Namespace::default());
        let writes = || data.dump().len();
        let (former, later) = (holder("a"), holder("a"));
        roster.note(&former, TODAY, terms);
        roster.flush(&data);
        assert_eq!(writes(), 1);
        roster.note(&former, TODAY, || panic!("it is known"));
        assert!(roster.due.borrow().is_empty());
        roster.note(&later, TODAY, terms);
        assert!(
            roster.due.borrow().is_empty(),
            "it is another, and the same"
        );
        roster.note(&later, DayNumber::new(20_788), terms);
        roster.flush(&data);
        let listed = roster.read(&data);
        assert_eq!((listed.entries.len(), listed.entries[0].day), (1, 20_788));
    }

    #[test]
    fn who_was_not_active_for_longer_than_a_day_makes_room() {
        let mut part = Part::default();
        let entry = |label: String, day| Entry {
            label,
            ..Entry::of(&holder("x"), DayNumber::new(day), terms())
        };
        for number in 0..Roster::MOST {
            part.enter(&entry(number.to_string(), 10));
        }
        assert!(!part.full);
        part.enter(&entry("one too many".to_owned(), 11));
        assert!(part.full);
        part.enter(&entry("tomorrow".to_owned(), 12));
        assert_eq!((part.entries.len(), part.full), (1, false));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let entry = Entry {
            concurrency: Some(5),
            edition: "two\nlines\tand tabs".to_owned(),
            ..Entry::of(&holder("x"), TODAY, terms())
        };
        let other = Entry {
            label: "é".to_owned(),
            shared: false,
            enforced: false,
            ..Entry::of(&holder("x"), TODAY, terms())
        };
        let part = Part {
            full: true,
            entries: vec![entry.clone(), other.clone()],
        };
        let edition = "two lines and tabs".to_owned();
        let expected = Part {
            full: true,
            entries: vec![Entry { edition, ..entry }, other],
        };
        assert_eq!(Part::read(&part.to_record()), expected);
        assert_eq!(Part::read(b"\xff\t\n\n{}"), Part::default());
    }

    #[test]
    fn what_could_not_be_written_is_written_the_next_time() {
        let mut rivals = 20;
        let data = FakeSharedData::with_rival(move |data, key| {
            if rivals > 0 {
                rivals -= 1;
                data.put(key, b"something else");
            }
        });
        let roster = Roster::new(Namespace::default());
        roster.note(&holder("a"), TODAY, terms);
        roster.flush(&data);
        assert_eq!(labels(&roster.read(&data)), [""; 0]);
        roster.flush(&data);
        assert_eq!(labels(&roster.read(&data)), ["a"]);
    }
}
