//! The worker: what one worker's plugin remembers between calls.
//!
//! Which calls it serves, so that it can state their number in the accounts and renew the statement while they last; and what it owes
//! the accounts, because other workers were faster each time that it tried. Both are settled when the host's timer ticks, so that no
//! response ever waits for accounting.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    convert::Infallible,
    rc::Rc,
};

use jiff::Timestamp;

use crate::{
    accounts::{
        account::{Account, CountedAs},
        complaints::Complaints,
        history::History,
        holder::AccountHolder,
        ledger::{AccountKey, Ledger, PostingFailure, SharedData},
        slots::{Group, WorkerId},
        statistics::{Event, Statistics},
        tally::Tally,
    },
    model::{
        client::ClientId,
        credits::Credits,
        day::{DayNumber, Seconds},
        namespace::Namespace,
        spread::BuildSpread,
    },
};

/// One worker's plugin.
#[derive(Debug, Default)]
pub struct Worker {
    id: Cell<Option<WorkerId>>,
    serving: RefCell<HashMap<AccountKey, Serving, BuildSpread>>,
    owed: RefCell<Vec<Owed>>,
    tally: RefCell<Tally>,
    renewed: Cell<Option<Timestamp>>,
    /// Whether a call came whose body was to be read and could not be.
    unread: Cell<bool>,
    /// What it complained of in the log.
    pub complaints: Complaints,
}

/// The calls that a worker serves for one account.
#[derive(Clone, Debug)]
struct Serving {
    holder: Rc<AccountHolder>,
    groups: Vec<(Group, u16)>,
    /// Of clients whose calls in progress are limited.
    clients: Vec<(ClientId, u16)>,
}

/// The slots that one call holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// Among whose calls in progress it is.
    pub holder: Rc<AccountHolder>,
    /// In which group, if it is counted for its organization.
    pub group: Option<Group>,
    /// For which client, if it is counted for that.
    pub client: Option<ClientId>,
}

/// A correction that could not be posted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Whose account.
    pub key: AccountKey,
    /// The day of the charge that it corrects.
    pub day: DayNumber,
    /// As what the charge was counted.
    pub counted_as: CountedAs,
    /// How.
    pub correction: Correction,
}

/// How a charge is corrected once its call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// So much is given back.
    Refund(Credits),
    /// So much more is charged, as far as there is that much of the allotment; without an allotment, whatever it is.
    ChargeMore(Credits, Option<Credits>),
}

impl Correction {
    /// The account after the correction of a charge on `day`, which was counted as this.
    #[must_use]
    pub fn apply(self, account: &Account, day: DayNumber, counted_as: &CountedAs) -> Account {
        match self {
            Self::Refund(amount) => account.refund(day, amount, counted_as),
            Self::ChargeMore(amount, allotment) => {
                account.charge_more(day, amount, allotment, counted_as)
            }
        }
    }
}

impl Worker {
    /// Whether the call whose body is not read, though its price is in it, is the first of them.
    pub fn is_first_unread(&self) -> bool {
        !self.unread.replace(true)
    }

    /// The worker's number, which it draws when it first needs one.
    ///
    /// # Errors
    /// When none can be drawn.
    pub fn id(
        &self,
        namespace: &Namespace,
        data: &impl SharedData,
    ) -> Result<WorkerId, PostingFailure> {
        if let Some(id) = self.id.get() {
            return Ok(id);
        }
        let id = Ledger::new(data).enlist(namespace)?;
        self.id.set(Some(id));
        Ok(id)
    }

    /// How many calls of `group` it serves for the account at `key`.
    #[must_use]
    pub fn serves(&self, key: &AccountKey, group: Group) -> u16 {
        let serving = self.serving.borrow();
        let groups = serving.get(key).map(|serving| serving.groups.as_slice());
        let groups = groups.unwrap_or_default();
        groups
            .iter()
            .find(|(known, _)| *known == group)
            .map_or(0, |(_, calls)| *calls)
    }

    /// How many calls of `client` it serves for the account at `key`.
    #[must_use]
    pub fn serves_client(&self, key: &AccountKey, client: &str) -> u16 {
        let serving = self.serving.borrow();
        let clients = serving.get(key).map(|serving| serving.clients.as_slice());
        let clients = clients.unwrap_or_default();
        let found = clients.iter().find(|(known, _)| known.as_str() == client);
        found.map_or(0, |(_, calls)| *calls)
    }

    /// It serves one more call, which holds these slots.
    pub fn begins(&self, held: &Held) {
        let holder = &held.holder;
        let mut serving = self.serving.borrow_mut();
        let serving = serving
            .entry(holder.key.clone())
            .or_insert_with(|| Serving {
                holder: Rc::clone(holder),
                groups: Vec::new(),
                clients: Vec::new(),
            });
        if !Rc::ptr_eq(&serving.holder, holder) {
            serving.holder = Rc::clone(holder);
        }
        if let Some(group) = held.group {
            one_more(&mut serving.groups, &group);
        }
        if let Some(client) = &held.client {
            one_more(&mut serving.clients, client);
        }
    }

    /// It serves one call less, which held these slots, and states so in the account. What cannot be stated now is stated at the next
    /// tick. Returns the races lost.
    pub fn ends(&self, held: &Held, lease: Seconds, now: Timestamp, data: &impl SharedData) -> u32 {
        self.state(&held.holder.key, Some(held), lease, now, data)
    }

    /// Whose calls it serves.
    #[must_use]
    pub fn served(&self) -> Vec<Rc<AccountHolder>> {
        let serving = self.serving.borrow();
        let holders = serving.values().map(|serving| &serving.holder);
        holders.cloned().collect()
    }

    /// Notes what is owed to an account.
    pub fn owes(&self, owed: Owed) {
        self.owed.borrow_mut().push(owed);
    }

    /// Counts something for the usage details of `holder` and its client, on this day of its account.
    pub fn counts(
        &self,
        holder: &Rc<AccountHolder>,
        day: DayNumber,
        client: Option<&ClientId>,
        event: Event<'_>,
    ) {
        self.tally.borrow_mut().add(holder, day, client, event);
    }

    /// What an organization did today, as far as the workers have told.
    #[must_use]
    pub fn statistics(
        &self,
        key: &AccountKey,
        today: DayNumber,
        data: &impl SharedData,
    ) -> Statistics {
        let known = self.tally.borrow().read(key, today, data);
        // The details are shown without a breakdown rather than not at all.
        known.unwrap_or_else(|_| Statistics::opened(today))
    }

    /// The same, and what it did on the days before today.
    #[must_use]
    pub fn history(
        &self,
        key: &AccountKey,
        today: DayNumber,
        data: &impl SharedData,
    ) -> (Statistics, History) {
        let known = self.tally.borrow().history(key, today, data);
        known.unwrap_or_else(|_| (self.statistics(key, today, data), History::default()))
    }

    /// Tells what was counted, `counted` as well, and tries again what is owed.
    pub fn flush(
        &self,
        data: &impl SharedData,
        counted: impl FnMut(&Rc<AccountHolder>, &Statistics),
    ) {
        self.tally.borrow_mut().flush(data, counted);
        self.settle(data);
    }

    /// Renews every statement well before its lease ends.
    pub fn tick(&self, lease: Seconds, now: Timestamp, data: &impl SharedData) {
        let age = self
            .renewed
            .get()
            .map(|renewed| Seconds::between(renewed, now).get());
        if age.is_none_or(|age| age.saturating_mul(3) >= lease.get()) {
            self.renewed.set(Some(now));
            self.renew(lease, now, data);
        }
    }

    fn renew(&self, lease: Seconds, now: Timestamp, data: &impl SharedData) {
        let keys: Vec<_> = self.serving.borrow().keys().cloned().collect();
        for key in keys {
            self.state(&key, None, lease, now, data);
        }
    }

    fn settle(&self, data: &impl SharedData) {
        for owed in self.owed.take() {
            let posting = Ledger::new(data).amend(&owed.key, owed.day, |account| {
                let after = owed.correction.apply(account, owed.day, &owed.counted_as);
                Ok::<_, Infallible>(after)
            });
            if posting.result.is_err() {
                self.owes(owed);
            }
        }
    }

    /// States in an account how many of its calls the worker serves, without one that has ended, and forgets it if there are none. Returns
    /// the races lost.
    fn state(
        &self,
        key: &AccountKey,
        ended: Option<&Held>,
        lease: Seconds,
        now: Timestamp,
        data: &impl SharedData,
    ) -> u32 {
        let mut known = self.serving.borrow_mut();
        let (Some(worker), Some(serving)) = (self.id.get(), known.get_mut(key)) else {
            return 0;
        };
        if let Some(held) = ended {
            serving.end(held);
        }
        let today = serving.holder.data_center.calendar.day(now).number;
        let posting = Ledger::new(data).post(key, today, |account| {
            let mut slots = account.slots().clone();
            for (group, calls) in &serving.groups {
                slots = slots.state(worker, *group, *calls, lease, now);
            }
            let account = account.with_slots(slots);
            let clients = serving.clients.iter();
            Ok::<_, Infallible>(clients.fold(account, |account, (client, calls)| {
                account.with_calls_of(client, worker, *calls, lease, now)
            }))
        });
        if posting.result.is_ok() {
            // Not to remember every name that ever called.
            serving.clients.retain(|(_, calls)| *calls > 0);
            let is_idle = serving.groups.iter().all(|(_, calls)| *calls == 0);
            if is_idle && serving.clients.is_empty() {
                known.remove(key);
            }
        }
        posting.retries
    }
}

impl Serving {
    /// A call has ended that held these slots.
    fn end(&mut self, held: &Held) {
        if let Some(group) = held.group {
            one_less(&mut self.groups, &group);
        }
        if let Some(client) = &held.client {
            one_less(&mut self.clients, client);
        }
    }
}

fn one_more<K: Clone + PartialEq>(calls: &mut Vec<(K, u16)>, key: &K) {
    match calls.iter_mut().find(|(known, _)| known == key) {
        Some((_, calls)) => *calls = calls.saturating_add(1),
        None => calls.push((key.clone(), 1)),
    }
}

fn one_less<K: PartialEq>(calls: &mut [(K, u16)], key: &K) {
    if let Some((_, calls)) = calls.iter_mut().find(|(known, _)| known == key) {
        *calls = calls.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::ledger::fake::FakeSharedData;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const TODAY: DayNumber = DayNumber::new(20_833); // that of second 1,800,000,000 in UTC
    const LEASE: Seconds = Seconds::new(30);

    fn holder() -> Rc<AccountHolder> {
        let config = br#"{"identity":{"header":"o"},"editions":{"E":{"base":100}},"organizations":{"callers":{"edition":"E"}},"costs":{"default":1}}"#;
        let policy = crate::decide::policy::Policy::from_json(config).unwrap();
        Rc::clone(&policy.organizations["callers"])
    }

    fn key() -> AccountKey {
        holder().key.clone()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// What happens every second.
    fn tick(worker: &Worker, now: Timestamp, data: &FakeSharedData) {
        worker.flush(data, |_, _| {});
        worker.tick(LEASE, now, data);
    }

    fn in_progress(data: &FakeSharedData, now: Timestamp) -> u32 {
        Ledger::new(data)
            .peek(&key(), TODAY)
            .unwrap()
            .slots()
            .in_progress(LEASE, now)
    }

    fn held() -> Held {
        Held {
            holder: holder(),
            group: Some(Group::NONE),
            client: None,
        }
    }

    fn busy(data: &FakeSharedData) -> Worker {
        let worker = Worker::default();
        worker.id(&Namespace::default(), data).unwrap();
        worker.begins(&held());
        worker.begins(&held());
        worker
    }

    #[test]
    fn a_worker_states_what_it_serves_and_renews_it_while_it_does() {
        let data = FakeSharedData::default();
        let worker = busy(&data);
        for second in [0, 10, 20, 40, 69] {
            tick(&worker, at(second), &data);
        }
        assert_eq!(in_progress(&data, at(98)), 2);
        assert_eq!(in_progress(&data, at(99)), 0, "a lease after the last word");
        worker.ends(&held(), LEASE, at(70), &data);
        assert_eq!(in_progress(&data, at(70)), 1);
        worker.ends(&held(), LEASE, at(70), &data);
        assert_eq!(in_progress(&data, at(70)), 0);
        assert!(
            worker.serving.borrow().is_empty(),
            "nothing is kept of an idle organization"
        );
    }

    #[test]
    fn a_release_that_loses_every_race_is_made_up_for_at_the_next_tick() {
        let races = std::rc::Rc::new(Cell::new(0_u64));
        let lost = std::rc::Rc::clone(&races);
        let data = FakeSharedData::with_rival(move |store, key| {
            if lost.get() > 0 && key.contains("callers") {
                lost.set(lost.get() - 1);
                let account = Ledger::new(store)
                    .peek(&super::tests::key(), TODAY)
                    .unwrap();
                store.put(
                    key,
                    &account
                        .charge_more(TODAY, Credits::ONE, None, &CountedAs::default())
                        .to_record(),
                );
            }
        });
        let worker = busy(&data);
        tick(&worker, at(0), &data);
        races.set(64);
        worker.ends(&held(), LEASE, at(1), &data);
        assert_eq!(in_progress(&data, at(1)), 2, "not stated yet");
        tick(&worker, at(10), &data);
        assert_eq!(in_progress(&data, at(10)), 1);
    }

    #[test]
    fn what_is_owed_is_posted_once() {
        let data = FakeSharedData::default();
        let worker = Worker::default();
        let used = |data| Ledger::new(data).peek(&key(), TODAY).unwrap().used().get();
        let charge = Correction::ChargeMore(Credits::new(9).unwrap(), None);
        worker.owes(Owed {
            key: key(),
            day: TODAY,
            counted_as: CountedAs::default(),
            correction: charge,
        });
        let refund = Correction::Refund(Credits::new(4).unwrap());
        worker.owes(Owed {
            key: key(),
            day: TODAY,
            counted_as: CountedAs::default(),
            correction: refund,
        });
        tick(&worker, at(0), &data);
        assert_eq!(used(&data), 5);
        tick(&worker, at(10), &data);
        assert_eq!(used(&data), 5);
    }
}
