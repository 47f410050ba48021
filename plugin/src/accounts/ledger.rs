//! The ledger: every account, behind a shared-data port of two methods.
//!
//! All compare-and-set lives here: a pure transition of [`Account`] inside, a bounded retry outside. A mismatch means that another
//! worker made progress, so retries are short; running out of them is an outcome of its own, never a wrong number.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use crate::{
    accounts::{
        account::{Account, UnreadableRecord},
        slots::WorkerId,
    },
    model::{day::DayNumber, namespace::Namespace, organization::OrganizationId},
};

mod birth;

pub use birth::{Acquaintance, Birth};

/// What every key begins with: plugins may share one key space (Istio gives all of them the same).
const PREFIX: &str = "api_credits";

/// A store that all workers of a proxy share: Proxy-Wasm shared data, or a test's fake.
pub trait SharedData {
    /// The value of `key` and the number to change it by, `None` for a key that was never set.
    ///
    /// # Errors
    /// When the host refuses the call.
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused>;

    /// Sets `key` to `value`, if it still is as it was when `expected` was read.
    ///
    /// # Errors
    /// When the value has changed since, or the host refuses the call.
    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError>;
}

/// The number that identifies one version of a value (Proxy-Wasm: CAS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cas(pub u32);

impl Cas {
    /// Expects that the key is absent. On Envoy any number creates an absent key, and this one, the last of 2^32, matches no present
    /// one, so that creating is put-if-absent; 0 would overwrite whatever another worker has stored meanwhile (proxy-wasm-cpp-host,
    /// `src/shared_data.cc`).
    pub const ABSENT: Self = Self(u32::MAX);
}

/// A value with the number of its version. An emptied key has an empty value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes.
    pub value: Vec<u8>,
    /// Which version they are.
    pub cas: Cas,
}

/// Why a value was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Another worker was faster.
    #[error("the value has changed since it was read")]
    Mismatch,
    /// The host refused the call.
    #[error(transparent)]
    Refused(#[from] HostRefused),
}

/// A hostcall that the host did not carry out, as under a capability restriction that leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed with status {status}")]
pub struct HostRefused {
    /// The name of the host function.
    pub call: &'static str,
    /// Its status, a number of the Proxy-Wasm ABI.
    pub status: u32,
}

/// Where an account lies in shared data.
///
/// Invariant: no two accounts share a key, because ids hold no `/`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccountKey(Rc<Named>);

#[derive(Debug)]
struct Named {
    text: String,
    /// Of the text, so that maps of accounts need not look at it for each call.
    hash: u64,
}

impl PartialEq for AccountKey {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for AccountKey {}

impl Hash for AccountKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.0.hash as u32);
    }
}

impl AccountKey {
    /// The account of `organization` in `namespace`.
    #[must_use]
    pub fn of(namespace: &Namespace, organization: &OrganizationId) -> Self {
        Self::named(namespace, "organization", organization.as_str())
    }

    /// An account in `namespace` that callers share, named for them.
    #[must_use]
    pub fn shared(namespace: &Namespace, callers: &str) -> Self {
        Self::named(namespace, "shared", callers)
    }

    /// What a proxy knows of the engine of `namespace`, and what the engine knows of itself.
    #[must_use]
    pub fn engine(namespace: &Namespace) -> Self {
        Self::named(namespace, "engine", "birth")
    }

    fn named(namespace: &Namespace, kind: &str, name: &str) -> Self {
        let text = format!(
            "{PREFIX}/{}/{}/{kind}/{name}",
            Account::VERSION,
            namespace.as_str()
        );
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        Self(Rc::new(Named { text, hash }))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What the account's names at an engine begin with. What is between the braces decides on which node of a cluster they lie
    /// (Redis Cluster specification, hash tags), the same one for all of them.
    #[must_use]
    pub fn at_engine(&self) -> String {
        let name = self.as_str();
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        format!("{PREFIX}:{{{}}}", name.trim_start_matches('/'))
    }
}

/// The accounts in a store.
#[derive(Debug)]
pub struct Ledger<'a, S> {
    data: &'a S,
}

/// What came of a step, and how many times another worker was faster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting<E> {
    /// The account before and after, or why nothing was changed.
    pub result: Result<Posted, NotPosted<E>>,
    /// Mismatches on the way.
    pub retries: u32,
}

/// An account before and after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// As of the step's day, without the step.
    pub before: Account,
    /// As it is stored now.
    pub after: Account,
    /// As it was on an earlier day, if it was still as of that.
    pub former: Option<Box<Account>>,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPosted<E> {
    /// The account declined the step.
    #[error("the account declined")]
    Declined(E),
    /// It could not be carried out.
    #[error(transparent)]
    Failed(#[from] PostingFailure),
}

/// Why a step could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostingFailure {
    /// Other workers were faster each time.
    #[error("another worker was faster {attempts} times")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// What is stored is no account.
    #[error("the stored account is unreadable: {0}")]
    Unreadable(#[from] UnreadableRecord),
    /// The host refused a call.
    #[error(transparent)]
    Refused(#[from] HostRefused),
}

impl<'a, S: SharedData> Ledger<'a, S> {
    /// How often a step is tried. With n workers changing one account at the same moment, each mismatch of one is a success of
    /// another, so that even 64 workers in step need no more.
    pub const ATTEMPTS: u32 = 64;

    /// The accounts in `data`.
    pub fn new(data: &'a S) -> Self {
        Self { data }
    }

    /// Takes the account at `key`, as of `today`, one step further. A step that changes nothing is not stored. The step may be tried
    /// several times, and only what it returns counts.
    pub fn post<E>(
        &self,
        key: &AccountKey,
        today: DayNumber,
        step: impl Fn(&Account) -> Result<Account, E>,
    ) -> Posting<E> {
        self.take(key, AsOf::Day(today), step)
    }

    /// The same where the clock says that it is `today`: an account is [brought back](Account::brought_back_to) that is far ahead. What
    /// comes late for a day that has passed must not do that.
    pub fn post_now<E>(
        &self,
        key: &AccountKey,
        today: DayNumber,
        step: impl Fn(&Account) -> Result<Account, E>,
    ) -> Posting<E> {
        self.take(key, AsOf::Now(today), step)
    }

    /// The same for something that was posted on `day` before: whatever day the account is on, it stays there.
    pub fn amend<E>(
        &self,
        key: &AccountKey,
        day: DayNumber,
        step: impl Fn(&Account) -> Result<Account, E>,
    ) -> Posting<E> {
        self.take(key, AsOf::Posted(day), step)
    }

    fn take<E>(
        &self,
        key: &AccountKey,
        as_of: AsOf,
        step: impl Fn(&Account) -> Result<Account, E>,
    ) -> Posting<E> {
        let mut retries = 0;
        while retries < Self::ATTEMPTS {
            match self.attempt(key, as_of, &step) {
                Ok(Some(posted)) => {
                    return Posting {
                        result: Ok(posted),
                        retries,
                    };
                }
                Ok(None) => retries = retries.saturating_add(1),
                Err(error) => {
                    return Posting {
                        result: Err(error),
                        retries,
                    };
                }
            }
        }
        let contended = PostingFailure::Contended {
            attempts: Self::ATTEMPTS,
        };
        Posting {
            result: Err(contended.into()),
            retries,
        }
    }

    /// The account at `key` as of `today`.
    ///
    /// # Errors
    /// When what is stored is no account, or the host refuses the call.
    pub fn peek(&self, key: &AccountKey, today: DayNumber) -> Result<Account, PostingFailure> {
        self.load(key, AsOf::Day(today))
            .map(|loaded| loaded.account)
    }

    /// The name of this proxy in `namespace`: `drawn`, unless another worker has drawn one.
    ///
    /// # Errors
    /// When other workers are faster each time, or the host refuses a call.
    pub fn identify(
        &self,
        namespace: &Namespace,
        drawn: [u8; 8],
    ) -> Result<[u8; 8], PostingFailure> {
        let key = format!("{PREFIX}/{}/{}/envoy", Account::VERSION, namespace.as_str());
        for _ in 0..Self::ATTEMPTS {
            let stored = self.data.get(&key)?;
            let cas = stored.as_ref().map_or(Cas::ABSENT, |stored| stored.cas);
            let known = stored.and_then(|stored| stored.value.try_into().ok());
            if let Some(known) = known {
                return Ok(known);
            }
            match self.data.compare_and_set(&key, &drawn, cas) {
                Ok(()) => return Ok(drawn),
                Err(SetError::Mismatch) => {}
                Err(SetError::Refused(refused)) => return Err(refused.into()),
            }
        }
        Err(PostingFailure::Contended {
            attempts: Self::ATTEMPTS,
        })
    }

    /// A number for a worker, which no other worker of the `namespace` has.
    ///
    /// # Errors
    /// When other workers are faster each time, or the host refuses a call.
    pub fn enlist(&self, namespace: &Namespace) -> Result<WorkerId, PostingFailure> {
        let key = format!(
            "{PREFIX}/{}/{}/workers",
            Account::VERSION,
            namespace.as_str()
        );
        for _ in 0..Self::ATTEMPTS {
            let stored = self.data.get(&key)?;
            let (last, cas) = stored.map_or((0, Cas::ABSENT), |stored| {
                let number = stored
                    .value
                    .as_slice()
                    .try_into()
                    .map_or(0, u32::from_le_bytes);
                (number, stored.cas)
            });
            let next = last.wrapping_add(1);
            match self.data.compare_and_set(&key, &next.to_le_bytes(), cas) {
                Ok(()) => return Ok(WorkerId(next)),
                Err(SetError::Mismatch) => {}
                Err(SetError::Refused(refused)) => return Err(refused.into()),
            }
        }
        Err(PostingFailure::Contended {
            attempts: Self::ATTEMPTS,
        })
    }

    /// One try; `None` if another worker was faster.
    fn attempt<E>(
        &self,
        key: &AccountKey,
        as_of: AsOf,
        step: &impl Fn(&Account) -> Result<Account, E>,
    ) -> Result<Option<Posted>, NotPosted<E>> {
        let Loaded {
            account: before,
            former,
            cas,
        } = self.load(key, as_of)?;
        if let AsOf::Now(today) = as_of
            && let Some(back) = before.brought_back_to(today)
        {
            // Stored by itself, so that it holds for a call that is refused as well, and then tried again.
            return match self
                .data
                .compare_and_set(key.as_str(), &back.to_record(), cas)
            {
                Ok(()) | Err(SetError::Mismatch) => Ok(None),
                Err(SetError::Refused(refused)) => Err(PostingFailure::from(refused).into()),
            };
        }
        let after = step(&before).map_err(NotPosted::Declined)?;
        let posted = Posted {
            before,
            after,
            former,
        };
        if posted.after == posted.before {
            return Ok(Some(posted));
        }
        match self
            .data
            .compare_and_set(key.as_str(), &posted.after.to_record(), cas)
        {
            Ok(()) => Ok(Some(posted)),
            Err(SetError::Mismatch) => Ok(None),
            Err(SetError::Refused(refused)) => Err(PostingFailure::from(refused).into()),
        }
    }

    fn load(&self, key: &AccountKey, as_of: AsOf) -> Result<Loaded, PostingFailure> {
        let (AsOf::Day(day) | AsOf::Now(day) | AsOf::Posted(day)) = as_of;
        let opened = |cas| Loaded {
            account: Account::opened(day),
            former: None,
            cas,
        };
        match self.data.get(key.as_str())? {
            None => Ok(opened(Cas::ABSENT)),
            Some(emptied) if emptied.value.is_empty() => Ok(opened(emptied.cas)),
            Some(stored) => {
                let account = Account::from_record(&stored.value)?;
                if let AsOf::Posted(_) = as_of {
                    return Ok(Loaded {
                        account,
                        former: None,
                        cas: stored.cas,
                    });
                }
                let former = (account.day() < day).then(|| Box::new(account.clone()));
                Ok(Loaded {
                    account: account.on(day),
                    former,
                    cas: stored.cas,
                })
            }
        }
    }
}

/// As of which day an account is taken.
#[derive(Clone, Copy, Debug)]
enum AsOf {
    /// This one, or a later one on which it is already.
    Day(DayNumber),
    /// This one, by the clock.
    Now(DayNumber),
    /// The one on which it is, or this one if it is new.
    Posted(DayNumber),
}

/// An account as of a day, and how it is stored.
struct Loaded {
    account: Account,
    /// As it is stored, if that is as of an earlier day.
    former: Option<Box<Account>>,
    cas: Cas,
}

#[cfg(test)]
mod clocks;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
