//! The clients of an organization: what each has used of the organization's day, and its calls in progress.
//!
//! They lie in the account's record, so that one compare-and-set admits a call by its organization and by its client, or by neither.
//! They stay as bytes, of which a call reads and writes those of its own client alone. So many are kept whatever names are invented:
//! those that the configuration or the directory names, and [`ClientClaim::most`] others; all further ones are counted together.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | length of the name |
//! | 1 | 1 if it is kept whoever else calls |
//! | 2 | thresholds of its cap that have been warned of |
//! | 3-10 | credits used |
//! | 11 | number of workers that serve it |
//! | 12 … | the name, and 10 bytes for each worker: worker (4), renewed (4), calls (2) |

use std::ops::Range;

use super::{InsufficientCredits, NotAdmitted};
use crate::{
    accounts::slots::{CallsOf, Claim, Group, Holding, Slots, TooManyCalls, WorkerId},
    model::{client::ClientId, credits::Credits},
};

const HEAD: usize = 12;
const HOLDING: usize = 10;

/// What the clients of one organization have used, in the order in which they first called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients(Vec<u8>);

/// What one client has used of the organization's day, and its calls in progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAccount {
    /// Whether it is counted apart however many clients there are.
    pub kept: bool,
    /// A bit for each threshold of its cap that has been warned of.
    pub warned: u8,
    /// The credits used.
    pub used: Credits,
    /// Its calls in progress, where they are limited.
    pub slots: Slots,
}

/// What a call asks of the account on behalf of its client.
#[derive(Clone, Debug)]
pub struct ClientClaim {
    /// The client.
    pub id: ClientId,
    /// Whether it is counted apart however many clients there are.
    pub kept: bool,
    /// How many clients are counted apart that are not kept.
    pub most: usize,
    /// What it asks for.
    pub own: ClientTerms,
    /// What it asks for where it is counted with the others.
    pub others: ClientTerms,
}

/// What a client may use, as far as a call asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientTerms {
    /// The most credits of the day; `None` for any amount.
    pub cap: Option<Credits>,
    /// The slot that the call takes; `None` where the client's calls in progress are not limited.
    pub slot: Option<Claim>,
}

impl ClientClaim {
    /// The same without a cap: for a call that takes its slot and pays later.
    #[must_use]
    pub fn slots_alone(&self) -> Self {
        let slot_of = |terms: &ClientTerms| ClientTerms {
            cap: None,
            slot: terms.slot,
        };
        Self {
            own: slot_of(&self.own),
            others: slot_of(&self.others),
            ..self.clone()
        }
    }
}

impl Clients {
    /// The clients that a record holds; `None` if these are not the bytes of clients.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        while at < bytes.len() {
            at = entry(bytes, at)?.end;
        }
        Some(Self(bytes.to_vec()))
    }

    /// The bytes in a record.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether nobody is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The account of a client, if it is counted apart.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<ClientAccount> {
        self.find(id).map(|entry| self.read(&entry))
    }

    /// Each client with its account.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ClientAccount)> {
        self.entries()
            .map(|entry| (self.name(&entry), self.read(&entry)))
    }

    /// Whether a client is counted apart: if it is kept, or known, or if there is room for it.
    pub(super) fn is_apart(&self, claim: &ClientClaim) -> bool {
        let not_kept = || self.entries().filter(|entry| !self.is_kept(entry)).count();
        claim.kept || self.find(claim.id.as_str()).is_some() || not_kept() < claim.most
    }

    /// Charges a client and gives it its slot, both or neither.
    pub(super) fn admit(&self, claim: &ClientClaim, cost: Credits) -> Result<Self, NotAdmitted> {
        let is_apart = self.is_apart(claim);
        let (id, terms) = if is_apart {
            (claim.id.as_str(), &claim.own)
        } else {
            (ClientId::OTHERS, &claim.others)
        };
        let place = self.find(id);
        let mut account = match &place {
            Some(entry) => self.read(entry),
            None => ClientAccount::default(),
        };
        account.kept = !is_apart || claim.kept;
        let used = account.used.checked_add(cost);
        account.used = match (terms.cap, used) {
            (None, used) => used.unwrap_or(Credits::MAX),
            (Some(cap), Some(used)) if used <= cap => used,
            (Some(cap), _) => {
                let remaining = cap.saturating_sub(account.used);
                return Err(NotAdmitted::Client(InsufficientCredits { cost, remaining }));
            }
        };
        if let Some(slot) = &terms.slot {
            account.slots = account.slots.take(slot).map_err(|calls| TooManyCalls {
                of: CallsOf::Client,
                ..calls
            })?;
        }
        Ok(self.with(id, place, &account))
    }

    /// The clients after a step of one of them; of one that is not counted, nothing changes.
    pub(super) fn changed(&self, id: &str, step: impl FnOnce(&mut ClientAccount)) -> Self {
        let Some(entry) = self.find(id) else {
            return self.clone();
        };
        let mut account = self.read(&entry);
        step(&mut account);
        self.with(id, Some(entry), &account)
    }

    /// The clients on another day: with nothing used. Calls in progress stay in progress.
    pub(super) fn on_another_day(&self) -> Self {
        let mut still = Self::default();
        for (id, account) in self.iter().filter(|(_, account)| !account.slots.is_empty()) {
            let account = ClientAccount {
                warned: 0,
                used: Credits::ZERO,
                ..account
            };
            still = still.with(id, None, &account);
        }
        still
    }

    /// With this account in the place of an entry, or behind all of them.
    fn with(&self, id: &str, place: Option<Entry>, account: &ClientAccount) -> Self {
        let end = self.0.len();
        let Range { start, end } = place.map_or(end..end, |entry| entry.begin..entry.end);
        let (before, after) = (self.0.get(..start), self.0.get(end..));
        let holdings = account.slots.holdings();
        let workers = u8::try_from(holdings.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(self.0.len().saturating_add(192));
        bytes.extend_from_slice(before.unwrap_or_default());
        let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
        bytes.extend_from_slice(&[length, u8::from(account.kept), account.warned]);
        bytes.extend_from_slice(&account.used.get().to_le_bytes());
        bytes.push(workers);
        bytes.extend_from_slice(id.as_bytes());
        for holding in holdings.iter().take(usize::from(workers)) {
            bytes.extend_from_slice(&holding.worker.0.to_le_bytes());
            bytes.extend_from_slice(&holding.renewed.to_le_bytes());
            bytes.extend_from_slice(&holding.calls.to_le_bytes());
        }
        bytes.extend_from_slice(after.unwrap_or_default());
        Self(bytes)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let entry = entry(&self.0, at)?;
            at = entry.end;
            Some(entry)
        })
    }

    fn find(&self, id: &str) -> Option<Entry> {
        self.entries()
            .find(|entry| self.0.get(entry.name.clone()) == Some(id.as_bytes()))
    }

    fn name(&self, entry: &Entry) -> &str {
        let name = self.0.get(entry.name.clone()).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    fn is_kept(&self, entry: &Entry) -> bool {
        self.0.get(entry.begin.saturating_add(1)) == Some(&1)
    }

    fn read(&self, entry: &Entry) -> ClientAccount {
        let head = self
            .0
            .get(entry.begin..)
            .and_then(|bytes| bytes.first_chunk::<HEAD>());
        let Some([_, kept, warned, u0, u1, u2, u3, u4, u5, u6, u7, _]) = head else {
            return ClientAccount::default();
        };
        let used = u64::from_le_bytes([*u0, *u1, *u2, *u3, *u4, *u5, *u6, *u7]);
        let holdings = self.0.get(entry.name.end..entry.end).unwrap_or_default();
        let (holdings, _) = holdings.as_chunks::<HOLDING>();
        ClientAccount {
            kept: *kept == 1,
            warned: *warned,
            used: Credits::saturating(used),
            slots: Slots::of(holdings.iter().map(holding).collect()),
        }
    }
}

/// Where the bytes of a client are.
struct Entry {
    begin: usize,
    name: Range<usize>,
    end: usize,
}

/// The client whose bytes begin at `at`.
fn entry(bytes: &[u8], at: usize) -> Option<Entry> {
    let head = bytes.get(at..)?.first_chunk::<HEAD>()?;
    let [length, .., workers] = *head;
    let name = at.saturating_add(HEAD);
    let after = name.saturating_add(usize::from(length));
    let end = after.saturating_add(HOLDING.saturating_mul(usize::from(workers)));
    (end <= bytes.len()).then_some(Entry {
        begin: at,
        name: name..after,
        end,
    })
}

fn holding(bytes: &[u8; HOLDING]) -> Holding {
    let [w0, w1, w2, w3, r0, r1, r2, r3, c0, c1] = *bytes;
    Holding {
        worker: WorkerId(u32::from_le_bytes([w0, w1, w2, w3])),
        renewed: u32::from_le_bytes([r0, r1, r2, r3]),
        calls: u16::from_le_bytes([c0, c1]),
        group: Group::NONE,
    }
}

#[cfg(test)]
mod tests;
