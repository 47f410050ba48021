//! Statistics: what an organization did today, beyond what its account says it used.
//!
//! They are counted by the *names* of the rules and reasons, so that a new configuration with other rules never mixes them up. What is
//! stored is not the name but its hash, which keeps the record of a typical organization well below 200 bytes; names come from the
//! configuration when the record is shown, and what it no longer names is shown as such.

mod addition;
mod record;

#[cfg(test)]
mod tests;

pub use record::UnreadableStatistics;

use crate::model::{
    client::ClientId, credits::Credits, day::DayNumber, reason::Reason, sorted::sorted,
};

/// What one organization did on one day.
///
/// Numbers saturate: a count that is full stays full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    day: DayNumber,
    operations: Breakdown,
    refusals: Breakdown,
    refunds: Count,
    /// By client, each once; at most [`Statistics::MAX_CLIENTS`].
    clients: Vec<ClientStatistics>,
}

/// What one client did, or all that are not counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientStatistics {
    /// Who.
    pub id: ClientId,
    /// Charged calls and their credits by the name of the rule that priced them.
    pub operations: Breakdown,
    /// Calls whose credits were given back, and these credits.
    pub refunds: Count,
    /// Refused calls.
    pub refused: u64,
}

/// Something to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A call that was charged. Counted once its cost is final, so that what a rule brought needs no correction.
    Charged {
        /// The name of the rule that priced it.
        rule: &'a str,
        /// What it cost.
        cost: Credits,
    },
    /// A call that was charged before and got this back.
    Refunded(Credits),
    /// A call that was refused.
    Refused(Reason),
}

/// A number of calls, and of the credits that they moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls.
    pub calls: u64,
    /// Credits.
    pub credits: Credits,
}

/// Counts by name.
///
/// Invariant: at most [`Breakdown::MAX_NAMES`] names, each once; whatever comes later is summed under no name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    named: Vec<(NameHash, Count)>,
    others: Count,
}

/// What stands for the name of a rule or a reason in a record: its 32-bit FNV-1a hash (draft-eastlake-fnv).
///
/// Two names of one configuration that share a hash (one chance in a million for a table of a hundred rules) are counted together
/// under the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameHash(u32);

impl NameHash {
    /// The hash as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The hash of `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self(hash)
    }
}

impl Count {
    /// One call with these credits.
    #[must_use]
    pub const fn one(credits: Credits) -> Self {
        Self { calls: 1, credits }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.calls == 0 && self.credits.is_zero()
    }

    /// What of it is not `part`.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(part.calls),
            credits: self.credits.saturating_sub(part.credits),
        }
    }

    /// What of two counts the greater one has more of.
    const fn rank(&self) -> (u64, u64) {
        (self.credits.get(), self.calls)
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.credits = self
            .credits
            .checked_add(other.credits)
            .unwrap_or(Credits::MAX);
    }
}

impl Breakdown {
    /// The most names that are counted apart.
    pub const MAX_NAMES: usize = 64;

    /// What rules are called that the present configuration no longer has.
    pub const FORMER: &'static str = "(a former rule)";

    /// What rules are called that were too many to be counted apart.
    pub const OTHERS: &'static str = "(others)";

    /// Each name with its count, in the order in which they first occurred.
    pub fn named(&self) -> impl Iterator<Item = (NameHash, Count)> {
        self.named.iter().copied()
    }

    /// What was counted after there were too many names.
    #[must_use]
    pub fn others(&self) -> Count {
        self.others
    }

    fn add(&mut self, name: NameHash, count: Count) {
        if let Some((_, known)) = self.named.iter_mut().find(|(known, _)| *known == name) {
            known.add(count);
        } else if self.named.len() < Self::MAX_NAMES {
            self.named.push((name, count));
        } else {
            self.others.add(count);
        }
    }

    /// All calls and credits.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = self.others;
        self.named.iter().for_each(|(_, count)| total.add(*count));
        total
    }

    /// What of it is not `part`. A name that only `part` has is among the others here.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let mut rest = self.clone();
        for (name, count) in part.named() {
            let named = rest.named.iter_mut().find(|(known, _)| *known == name);
            match named {
                Some((_, known)) => *known = known.without(count),
                None => rest.others = rest.others.without(count),
            }
        }
        rest.others = rest.others.without(part.others);
        rest
    }

    /// Keeps the names with the most credits, and sums up the others.
    fn trim(&mut self, names: usize) {
        if self.named.len() <= names {
            return;
        }
        let named = std::mem::take(&mut self.named);
        self.named = sorted(named, |(_, one), (_, other)| other.rank().cmp(&one.rank()));
        for (_, count) in self.named.split_off(names) {
            self.others.add(count);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (name, count) in other.named() {
            self.add(name, count);
        }
        self.others.add(other.others);
    }
}

impl Statistics {
    /// The version of the record's layout, which is part of its key too.
    pub const VERSION: u8 = 1;

    /// Where they are stored, below the key of an account: the layout's version is in it.
    pub const BELOW: &str = "/statistics/1";

    /// A day on which nothing has happened yet.
    #[must_use]
    pub fn opened(day: DayNumber) -> Self {
        Self {
            day,
            operations: Breakdown::default(),
            refusals: Breakdown::default(),
            refunds: Count::default(),
            clients: Vec::new(),
        }
    }

    /// By how many days statistics may be ahead of what is to be counted. What is farther ahead was counted while the clock was wrong;
    /// what is less may be behind because the call lasted for so long.
    const AHEAD: i32 = 31;

    /// The statistics as of `today`: empty if they are of an earlier day, and of today if they are far ahead. Otherwise they never go
    /// back to an earlier day, like an account.
    #[must_use]
    pub fn on(self, today: DayNumber) -> Self {
        if self.day < today {
            Self::opened(today)
        } else if self.is_far_ahead_of(today) {
            Self { day: today, ..self }
        } else {
            self
        }
    }

    pub(super) fn is_far_ahead_of(&self, day: DayNumber) -> bool {
        self.day.get().saturating_sub(day.get()) > Self::AHEAD
    }

    /// Counts `event` of a call of this client; `None` where clients are not told apart.
    pub fn add(&mut self, client: Option<&ClientId>, event: Event<'_>) {
        if let Some(client) = client {
            self.with_client(client, |client| client.add(event));
        }
        match event {
            Event::Charged { rule, cost } => {
                self.operations.add(NameHash::of(rule), Count::one(cost));
            }
            Event::Refunded(credits) => self.refunds.add(Count::one(credits)),
            Event::Refused(reason) => {
                let count = Count::one(Credits::ZERO);
                self.refusals.add(NameHash::of(reason.name()), count);
            }
        }
    }

    /// The most clients that are counted apart; an account counts no more of them.
    pub const MAX_CLIENTS: usize = 770;

    /// Has a client counted, with the others if there are too many.
    fn with_client(&mut self, id: &ClientId, count: impl FnOnce(&mut ClientStatistics)) {
        let is_full = self.clients.len() >= Self::MAX_CLIENTS;
        let find = |clients: &[ClientStatistics], id: &str| {
            clients.iter().position(|known| known.id.as_str() == id)
        };
        let place = find(&self.clients, id.as_str());
        let place = place.or_else(|| find(&self.clients, ClientId::OTHERS).filter(|_| is_full));
        match place.and_then(|place| self.clients.get_mut(place)) {
            Some(client) => count(client),
            None => {
                let id = if is_full {
                    ClientId::others()
                } else {
                    id.clone()
                };
                let mut client = ClientStatistics::none_of(id);
                count(&mut client);
                self.clients.push(client);
            }
        }
    }

    /// Adds what another worker counted. Of two different days the later one stays: what comes late for a day that is over is
    /// shown nowhere any more.
    pub fn merge(&mut self, other: &Self) {
        if self.is_far_ahead_of(other.day) {
            self.day = other.day;
        }
        if other.day > self.day {
            self.clone_from(other);
        } else if other.day == self.day {
            self.operations.merge(&other.operations);
            self.refusals.merge(&other.refusals);
            self.refunds.add(other.refunds);
            for client in &other.clients {
                self.with_client(&client.id, |known| known.merge(client));
            }
        }
    }

    /// All charged calls and their credits.
    #[must_use]
    pub fn total(&self) -> Count {
        self.operations.total()
    }

    /// Keeps so many operations and clients, those with the most credits, and sums up the others.
    pub fn trim(&mut self, names: usize) {
        self.operations.trim(names);
        if self.clients.len() > names {
            let clients = std::mem::take(&mut self.clients);
            let rank = |client: &ClientStatistics| client.operations.total().rank();
            self.clients = sorted(clients, |one, other| rank(other).cmp(&rank(one)));
            let rest = self.clients.split_off(names);
            let mut others = ClientStatistics::none_of(ClientId::others());
            for client in &rest {
                others.merge(client);
            }
            let known = self.clients.iter_mut();
            match known.into_iter().find(|client| client.id.is_others()) {
                Some(known) => known.merge(&others),
                None => self.clients.push(others),
            }
        }
        for client in &mut self.clients {
            client.operations.trim(names);
        }
    }

    /// The day on which all this happened.
    #[must_use]
    pub fn day(&self) -> DayNumber {
        self.day
    }

    /// Charged calls and their credits by the name of the rule that priced them.
    #[must_use]
    pub fn operations(&self) -> &Breakdown {
        &self.operations
    }

    /// Refused calls by [`Reason::name`].
    #[must_use]
    pub fn refusals(&self) -> &Breakdown {
        &self.refusals
    }

    /// Calls whose credits were given back, and these credits.
    #[must_use]
    pub fn refunds(&self) -> Count {
        self.refunds
    }

    /// The same by client, in the order in which they first called; nobody where clients are not told apart.
    #[must_use]
    pub fn clients(&self) -> &[ClientStatistics] {
        &self.clients
    }
}

impl ClientStatistics {
    /// A client that has done nothing yet.
    #[must_use]
    pub fn none_of(id: ClientId) -> Self {
        Self {
            id,
            operations: Breakdown::default(),
            refunds: Count::default(),
            refused: 0,
        }
    }

    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Charged { rule, cost } => {
                self.operations.add(NameHash::of(rule), Count::one(cost));
            }
            Event::Refunded(credits) => self.refunds.add(Count::one(credits)),
            Event::Refused(_) => self.refused = self.refused.saturating_add(1),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.operations.merge(&other.operations);
        self.refunds.add(other.refunds);
        self.refused = self.refused.saturating_add(other.refused);
    }
}
