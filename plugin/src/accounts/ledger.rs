//! The ledger: every account, behind a shared-data port of two methods.
//!
//! A pure transition of [`Account`] inside, a bounded number of tries outside.

use std::{
    convert::Infallible,
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

mod engine_view;

pub use engine_view::{EngineView, Epoch};

pub use super::shared_data::{Cas, HostRefused, SetError, SharedData, Versioned};
use super::shared_data::{Change, NotChanged, change};

/// What every key begins with: plugins may share one key space (Istio gives all of them the same).
const PREFIX: &str = "api_credits";

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

    /// The key of something else in `namespace` that all workers share.
    #[must_use]
    pub fn place(namespace: &Namespace, name: &str) -> String {
        format!(
            "{PREFIX}/{}/{}/{name}",
            Account::VERSION,
            namespace.as_str()
        )
    }

    /// Whether callers share the account.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        let mut parts = self.as_str().split('/');
        parts.nth(3) == Some("shared")
    }

    fn named(namespace: &Namespace, kind: &str, name: &str) -> Self {
        let text = Self::place(namespace, &format!("{kind}/{name}"));
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

    /// What the names of the days of all accounts in `namespace` begin with at an engine.
    #[must_use]
    pub fn days_at_engine(namespace: &Namespace) -> String {
        let version = Account::VERSION;
        format!("{PREFIX}:{{{version}/{}/", namespace.as_str())
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

impl From<NotChanged<Infallible>> for PostingFailure {
    fn from(why: NotChanged<Infallible>) -> Self {
        match why {
            NotChanged::Stopped(never) => match never {},
            NotChanged::Contended { attempts } => Self::Contended { attempts },
            NotChanged::Refused(refused) => Self::Refused(refused),
        }
    }
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
    // Called in one place, with a step that is too large for the compiler to do this by itself: 400 instructions of each call each.
    #[inline(always)]
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

    #[inline(always)]
    fn take<E>(
        &self,
        key: &AccountKey,
        as_of: AsOf,
        step: impl Fn(&Account) -> Result<Account, E>,
    ) -> Posting<E> {
        // Not moved through the loop: two accounts are many bytes.
        let mut posted: Option<Posted> = None;
        let changed = change(self.data, key.as_str(), Self::ATTEMPTS, |stored| {
            let Loaded {
                account: before,
                former,
            } = Loaded::of(stored, as_of).map_err(PostingFailure::from)?;
            if let AsOf::Now(today) = as_of
                && let Some(back) = before.brought_back_to(today)
            {
                // Stored by itself, so that it holds for a call that is refused as well, and then tried again.
                return Ok(Change::StoreAndRepeat(back.to_record()));
            }
            let after = step(&before).map_err(NotPosted::Declined)?;
            let change = if after == before {
                Change::Keep(())
            } else {
                Change::Store(after.to_record(), ())
            };
            posted = Some(Posted {
                before,
                after,
                former,
            });
            Ok(change)
        });
        let attempts = Self::ATTEMPTS;
        let result = match (changed.result, posted) {
            (Ok(()), Some(posted)) => Ok(posted),
            (Err(NotChanged::Stopped(why)), _) => Err(why),
            (Err(NotChanged::Refused(refused)), _) => Err(PostingFailure::from(refused).into()),
            (Err(NotChanged::Contended { .. }) | Ok(()), _) => {
                Err(PostingFailure::Contended { attempts }.into())
            }
        };
        Posting {
            result,
            retries: changed.retries,
        }
    }

    /// The account at `key` as of `today`.
    ///
    /// # Errors
    /// When what is stored is no account, or the host refuses the call.
    pub fn peek(&self, key: &AccountKey, today: DayNumber) -> Result<Account, PostingFailure> {
        let stored = self.data.get(key.as_str())?;
        let stored = stored.map(|stored| stored.value).unwrap_or_default();
        Ok(Loaded::of(&stored, AsOf::Day(today))?.account)
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
        let key = AccountKey::place(namespace, "envoy");
        let changed = change(self.data, &key, Self::ATTEMPTS, |stored| {
            let known = stored.try_into().map(Change::Keep);
            Ok::<_, Infallible>(known.unwrap_or_else(|_| Change::Store(drawn.to_vec(), drawn)))
        });
        Ok(changed.result?)
    }

    /// A number for a worker, which no other worker of the `namespace` has.
    ///
    /// # Errors
    /// When other workers are faster each time, or the host refuses a call.
    pub fn enlist(&self, namespace: &Namespace) -> Result<WorkerId, PostingFailure> {
        let key = AccountKey::place(namespace, "workers");
        let changed = change(self.data, &key, Self::ATTEMPTS, |stored| {
            let last = stored.try_into().map_or(0, u32::from_le_bytes);
            let next = last.wrapping_add(1);
            Ok::<_, Infallible>(Change::Store(next.to_le_bytes().to_vec(), WorkerId(next)))
        });
        Ok(changed.result?)
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

/// An account as of a day.
struct Loaded {
    account: Account,
    /// As it is stored, if that is as of an earlier day.
    former: Option<Box<Account>>,
}

impl Loaded {
    /// The account whose record is `stored`; a new one where there are no bytes.
    fn of(stored: &[u8], as_of: AsOf) -> Result<Self, UnreadableRecord> {
        let (AsOf::Day(day) | AsOf::Now(day) | AsOf::Posted(day)) = as_of;
        if stored.is_empty() {
            return Ok(Self {
                account: Account::opened(day),
                former: None,
            });
        }
        let account = Account::from_record(stored)?;
        if let AsOf::Posted(_) = as_of {
            return Ok(Self {
                account,
                former: None,
            });
        }
        let former = (account.day() < day).then(|| Box::new(account.clone()));
        Ok(Self {
            account: account.on(day),
            former,
        })
    }
}

#[cfg(test)]
mod clocks;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
