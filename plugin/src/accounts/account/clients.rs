//! The clients of an organization: what each has used of the organization's day, and its calls in progress.
//!
//! They lie in the account's record, so that one compare-and-set admits a call by its organization and by its client, or by neither.
//! They stay as bytes, of which a call reads and writes those of its own client alone. So many are kept whatever names are invented:
//! those that the configuration or the directory names, and [`ClientClaim::most`] others; all further ones are counted together.
//!
//! After two bytes with the number of those that are not kept, there follow, the client that called last first:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | length of the name |
//! | 1 | 1 if it is kept whoever else calls |
//! | 2 | thresholds of its cap that have been warned of |
//! | 3-10 | credits used |
//! | 11 | number of workers that serve it |
//! | 12 … | the name, and 10 bytes for each worker: worker (4), renewed (4), calls (2) |

use std::{ops::Range, rc::Rc};

use super::{ChargedClient, InsufficientCredits, NotAdmitted};
use crate::{
    accounts::slots::{CallsOf, Claim, Group, Holding, Slots, TooManyCalls, WorkerId},
    model::{client::ClientId, credits::Credits},
};

const HEAD: usize = 12;
const HOLDING: usize = 10;
/// The longest lease of a slot, in seconds.
const LONGEST_LEASE: u32 = 3_600;
/// The number of clients that are not kept.
const COUNT: usize = 2;

/// What the clients of one organization have used, the one that called last first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients(Vec<u8>);

impl Default for Clients {
    fn default() -> Self {
        Self(vec![0; COUNT])
    }
}

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
    fn charged(&self, is_apart: bool) -> ChargedClient {
        if is_apart {
            ChargedClient {
                id: self.id.clone(),
                cap: self.own.cap,
            }
        } else {
            ChargedClient {
                id: ClientId::others(),
                cap: self.others.cap,
            }
        }
    }

    /// What it asks for as the one as whom it is counted.
    #[must_use]
    pub fn terms(&self, counted_as: &ClientId) -> &ClientTerms {
        if *counted_as == self.id {
            &self.own
        } else {
            &self.others
        }
    }

    /// The same without a cap: for a call that takes its slot and pays later.
    #[must_use]
    pub fn slots_alone(&self) -> Box<Self> {
        let slot_of = |terms: &ClientTerms| ClientTerms {
            cap: None,
            slot: terms.slot,
        };
        Box::new(Self {
            own: slot_of(&self.own),
            others: slot_of(&self.others),
            ..self.clone()
        })
    }
}

impl Clients {
    /// The clients that a record holds. Bytes that make no sense are no clients.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.len() < COUNT {
            return Self::default();
        }
        Self(bytes.to_vec())
    }

    /// The bytes in a record.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
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

    /// As whom a client is counted, and what that one has used: as itself if it is kept, or known, or if there is room for it, and with the
    /// others else.
    pub(super) fn counted(&self, claim: &ClientClaim) -> (ChargedClient, Option<ClientAccount>) {
        let own = self.find(claim.id.as_str());
        let is_apart = claim.kept || own.is_some() || self.not_kept() < claim.most;
        let place = if is_apart {
            own
        } else {
            self.find(ClientId::OTHERS)
        };
        let known = place.map(|entry| self.read(&entry));
        (claim.charged(is_apart), known)
    }

    /// The same of the client that was charged last, and asked for this.
    pub(super) fn charged(&self, claim: &ClientClaim) -> (ChargedClient, ClientAccount) {
        let Some(first) = entry(&self.0, COUNT) else {
            return (claim.charged(true), ClientAccount::default());
        };
        let name = self.0.get(first.name());
        if name != Some(claim.id.as_str().as_bytes()) {
            let (charged, known) = self.counted(claim);
            return (charged, known.unwrap_or_default());
        }
        (claim.charged(true), self.read(&first))
    }

    /// How many are counted that are not kept.
    fn not_kept(&self) -> usize {
        let count = self.0.first_chunk::<COUNT>();
        count.map_or(0, |count| usize::from(u16::from_le_bytes(*count)))
    }

    /// Charges a client and gives it its slot, both or neither.
    pub(super) fn admit(&self, claim: &ClientClaim, cost: Credits) -> Result<Self, NotAdmitted> {
        let own = self.find(claim.id.as_str());
        let is_apart = claim.kept || own.is_some() || self.not_kept() < claim.most;
        let (id, terms, place) = if is_apart {
            (claim.id.as_str(), &claim.own, own)
        } else {
            let place = self.find(ClientId::OTHERS);
            (ClientId::OTHERS, &claim.others, place)
        };
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
        if place.is_none() && cost.is_zero() && account.slots.is_empty() {
            // Who has neither used anything nor has a call in progress takes up no room.
            return Ok(self.clone());
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
        if !account.kept && account.used.is_zero() && account.slots.is_empty() {
            return self.without(&entry);
        }
        self.with(id, Some(entry), &account)
    }

    /// The clients on another day: with nothing used. Calls in progress stay in progress; `None` if there are none. A word that is older by
    /// the longest lease than another one was left by a worker that is no more.
    pub(super) fn on_another_day(&self) -> Option<Rc<Self>> {
        let renewed = |account: &ClientAccount| {
            let holdings = account.slots.holdings().iter();
            holdings.map(|holding| holding.renewed).max()
        };
        let latest = self
            .iter()
            .filter_map(|(_, account)| renewed(&account))
            .max()?;
        let mut still = Self::default();
        for (id, account) in self.iter() {
            let lasts = |renewed: u32| latest.saturating_sub(renewed) < LONGEST_LEASE;
            if renewed(&account).is_some_and(lasts) {
                let account = ClientAccount {
                    warned: 0,
                    used: Credits::ZERO,
                    ..account
                };
                still = still.with(id, None, &account);
            }
        }
        (still.0.len() > COUNT).then(|| Rc::new(still))
    }

    /// With this account before all others, in place of its entry if it has one.
    fn with(&self, id: &str, place: Option<Entry>, account: &ClientAccount) -> Self {
        let was_counted = place.as_ref().is_some_and(|entry| !self.is_kept(entry));
        let before = self.not_kept().saturating_sub(usize::from(was_counted));
        let count = before.saturating_add(usize::from(!account.kept));
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let holdings = account.slots.holdings();
        let workers = u8::try_from(holdings.len()).unwrap_or(u8::MAX);
        let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
        let [c0, c1] = count.to_le_bytes();
        let [u0, u1, u2, u3, u4, u5, u6, u7] = account.used.get().to_le_bytes();
        let kept = u8::from(account.kept);
        let mut bytes = Vec::with_capacity(self.0.len().saturating_add(192));
        bytes.extend_from_slice(&[
            c0,
            c1,
            length,
            kept,
            account.warned,
            u0,
            u1,
            u2,
            u3,
            u4,
            u5,
            u6,
            u7,
            workers,
        ]);
        bytes.extend_from_slice(id.as_bytes());
        for holding in holdings.iter().take(usize::from(workers)) {
            bytes.extend_from_slice(&holding.worker.0.to_le_bytes());
            bytes.extend_from_slice(&holding.renewed.to_le_bytes());
            bytes.extend_from_slice(&holding.calls.to_le_bytes());
        }
        let end = self.0.len();
        let Range { start, end } = place.map_or(end..end, |entry| entry.begin..entry.end);
        bytes.extend_from_slice(self.0.get(COUNT..start).unwrap_or_default());
        bytes.extend_from_slice(self.0.get(end..).unwrap_or_default());
        Self(bytes)
    }

    /// Without a client that is not kept.
    fn without(&self, entry: &Entry) -> Self {
        let mut bytes = self.0.clone();
        bytes.drain(entry.begin..entry.end);
        let count = u16::try_from(self.not_kept().saturating_sub(1)).unwrap_or(u16::MAX);
        for (byte, of_count) in bytes.iter_mut().zip(count.to_le_bytes()) {
            *byte = of_count;
        }
        Self(bytes)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let mut at = COUNT;
        std::iter::from_fn(move || {
            let entry = entry(&self.0, at)?;
            at = entry.end;
            Some(entry)
        })
    }

    fn find(&self, id: &str) -> Option<Entry> {
        self.entries().find(|entry| {
            entry.length == id.len() && self.0.get(entry.name()) == Some(id.as_bytes())
        })
    }

    fn name(&self, entry: &Entry) -> &str {
        let name = self.0.get(entry.name()).unwrap_or_default();
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
        let holdings = self.0.get(entry.name().end..entry.end).unwrap_or_default();
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
    /// How long its name is.
    length: usize,
    end: usize,
}

impl Entry {
    fn name(&self) -> Range<usize> {
        let begin = self.begin.saturating_add(HEAD);
        begin..begin.saturating_add(self.length)
    }
}

/// The client whose bytes begin at `at`.
#[inline]
fn entry(bytes: &[u8], at: usize) -> Option<Entry> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<HEAD>()?;
    let [length, .., workers] = *head;
    let length = usize::from(length);
    let after = length.saturating_add(HOLDING.saturating_mul(usize::from(workers)));
    (after <= rest.len()).then_some(Entry {
        begin: at,
        length,
        end: at.saturating_add(HEAD).saturating_add(after),
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
