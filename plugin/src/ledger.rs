//! The ledger: every account, behind a shared-data port of two methods.
//!
//! All compare-and-set lives here: a pure transition of [`Account`] inside, a bounded retry outside. A mismatch means that another
//! worker made progress, so retries are short; running out of them is an outcome of its own, never a wrong number.

use crate::{
    account::{Account, InsufficientCredits, UnreadableRecord},
    credits::Credits,
    day::DayNumber,
    namespace::Namespace,
    organization::OrganizationId,
};

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
/// Invariant: no two accounts share a key. Keys are prefixed, because plugins may share one key space (Istio gives all of them the
/// same), and ids hold no `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey(String);

impl AccountKey {
    /// The account of `organization` in `namespace`.
    #[must_use]
    pub fn of(namespace: &Namespace, organization: &OrganizationId) -> Self {
        Self(format!(
            "api_credits/{}/{}/organization/{organization}",
            Account::VERSION,
            namespace.as_str()
        ))
    }

    /// An account in `namespace` that callers share, named for them.
    #[must_use]
    pub fn shared(namespace: &Namespace, callers: &str) -> Self {
        Self(format!(
            "api_credits/{}/{}/shared/{callers}",
            Account::VERSION,
            namespace.as_str()
        ))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The accounts in a store.
#[derive(Debug)]
pub struct Ledger<'a, S> {
    data: &'a S,
}

/// What came of a charge, and how many times another worker was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The account after the charge, or why there was none.
    pub result: Result<Account, ChargeError>,
    /// Mismatches on the way.
    pub retries: u32,
}

/// Why nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChargeError {
    /// The day's credits cannot pay for it.
    #[error(transparent)]
    Insufficient(#[from] InsufficientCredits),
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
    /// How often a charge is tried. With n workers charging one account at the same moment, each mismatch of one is a success of
    /// another, so that even 64 workers in step need no more.
    pub const ATTEMPTS: u32 = 64;

    /// The accounts in `data`.
    pub fn new(data: &'a S) -> Self {
        Self { data }
    }

    /// Charges `cost` to the account at `key`, all or nothing: it pays if at most `allotment` is used on `today` then.
    pub fn charge(
        &self,
        key: &AccountKey,
        today: DayNumber,
        cost: Credits,
        allotment: Credits,
    ) -> Posting {
        let mut retries = 0;
        while retries < Self::ATTEMPTS {
            let attempt = self.load(key, today).and_then(|(account, cas)| {
                let charged = account.charge(cost, allotment)?;
                Ok((
                    charged,
                    self.data
                        .compare_and_set(key.as_str(), &charged.to_record(), cas),
                ))
            });
            match attempt {
                Err(error) => {
                    return Posting {
                        result: Err(error),
                        retries,
                    };
                }
                Ok((charged, Ok(()))) => {
                    return Posting {
                        result: Ok(charged),
                        retries,
                    };
                }
                Ok((_, Err(SetError::Refused(refused)))) => {
                    return Posting {
                        result: Err(refused.into()),
                        retries,
                    };
                }
                Ok((_, Err(SetError::Mismatch))) => retries = retries.saturating_add(1),
            }
        }
        Posting {
            result: Err(ChargeError::Contended {
                attempts: Self::ATTEMPTS,
            }),
            retries,
        }
    }

    /// The account at `key` as of `today`, without charging anything.
    ///
    /// # Errors
    /// When what is stored is no account, or the host refuses the call.
    pub fn peek(&self, key: &AccountKey, today: DayNumber) -> Result<Account, ChargeError> {
        self.load(key, today).map(|(account, _)| account)
    }

    fn load(&self, key: &AccountKey, today: DayNumber) -> Result<(Account, Cas), ChargeError> {
        match self.data.get(key.as_str())? {
            None => Ok((Account::opened(today), Cas::ABSENT)),
            Some(emptied) if emptied.value.is_empty() => Ok((Account::opened(today), emptied.cas)),
            Some(stored) => Ok((Account::from_record(&stored.value)?.on(today), stored.cas)),
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
