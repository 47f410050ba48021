//! Shared data: the store that all workers of a proxy share, and the one way to change what lies in it.

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

/// What to do with a value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// Leave it.
    Keep(T),
    /// Store these bytes in its place.
    Store(Vec<u8>, T),
    /// Store these bytes in its place, and read it again.
    StoreAndRepeat(Vec<u8>),
}

/// Why a value was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotChanged<E> {
    /// The step did not want to.
    Stopped(E),
    /// Other workers were faster each time.
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// The host refused a call.
    Refused(HostRefused),
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T, E> {
    /// What the step returned when it was stored, or had nothing to store.
    pub result: Result<T, NotChanged<E>>,
    /// How many times another worker was faster.
    pub retries: u32,
}

/// Changes the value of `key` by `step`, which is given what is stored (no bytes where nothing is) and may be tried up to `attempts`
/// times: only what it returned last counts. A mismatch means that another worker made progress, so that tries are few; running out of
/// them is an outcome of its own, never a wrong value.
#[inline]
pub fn change<T, E>(
    data: &impl SharedData,
    key: &str,
    attempts: u32,
    mut step: impl FnMut(&[u8]) -> Result<Change<T>, E>,
) -> Changed<T, E> {
    let mut retries = 0_u32;
    let result = loop {
        if retries >= attempts {
            break Err(NotChanged::Contended { attempts });
        }
        let (value, cas) = match data.get(key) {
            Ok(Some(stored)) => (stored.value, stored.cas),
            Ok(None) => (Vec::new(), Cas::ABSENT),
            Err(refused) => break Err(NotChanged::Refused(refused)),
        };
        let (record, done) = match step(&value) {
            Ok(Change::Keep(done)) => break Ok(done),
            Ok(Change::Store(record, done)) => (record, Some(done)),
            Ok(Change::StoreAndRepeat(record)) => (record, None),
            Err(why) => break Err(NotChanged::Stopped(why)),
        };
        match (data.compare_and_set(key, &record, cas), done) {
            (Ok(()), Some(done)) => break Ok(done),
            (Ok(()), None) | (Err(SetError::Mismatch), _) => retries = retries.saturating_add(1),
            (Err(SetError::Refused(refused)), _) => break Err(NotChanged::Refused(refused)),
        }
    };
    Changed { result, retries }
}
