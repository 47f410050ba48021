//! The key-value store that all workers share, with Envoy's own rules for conditional writes (`shared_data.cc`).
//!
//! - Every write takes the next number of one counter for all keys; the first is 1, and 0 is skipped when it wraps.
//! - A write with number 0 is unconditional; any other must match the key's number, unless **the key is missing: then any
//!   number creates it**.
//! - Keys live in the namespace of the plugin's `vm_id`. Nothing is ever deleted.

use std::hash::BuildHasher as _;
use std::num::NonZeroU32;

use foldhash::fast::{FixedState, RandomState};

/// Keys are looked up several times in every call.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

type Entries = HashMap<Vec<u8>, Entry>;

/// A value and the number of its last write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) cas: NonZeroU32,
    /// How often it has been written.
    writes: u32,
}

/// What has been written under a key of shared data, as numbers that tell keys and values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Which key.
    pub key: u64,
    /// What stands there now.
    pub value: u64,
    /// How often it was written.
    pub writes: u32,
}

/// Somebody else wrote in between.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CasMismatch {
    /// The number that the caller knew.
    pub(crate) given: u32,
    /// The key's number.
    pub(crate) current: Option<NonZeroU32>,
}

/// The store.
#[derive(Debug)]
pub(crate) struct SharedData {
    /// Under no `vm_id`, which hardly any plugin has. To look that up by its name is slow: comparing two texts without any byte takes a tenth
    /// of a microsecond where `memcmp` uses AVX-512, whose masked load from a pointer to nothing is left to microcode.
    entries: Entries,
    /// Under each other `vm_id`.
    of_others: HashMap<String, Entries>,
    next_cas: NonZeroU32,
    conflicts_to_inject: u32,
}

impl Default for SharedData {
    fn default() -> Self {
        Self {
            entries: Entries::default(),
            of_others: HashMap::default(),
            next_cas: NonZeroU32::MIN,
            conflicts_to_inject: 0,
        }
    }
}

impl SharedData {
    /// The value of a key.
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Option<&Entry> {
        let entries = match vm_id {
            "" => &self.entries,
            other => self.of_others.get(other)?,
        };
        entries.get(key)
    }

    /// Writes a value under the rules above.
    pub(crate) fn set(
        &mut self,
        vm_id: &str,
        key: &[u8],
        value: &[u8],
        cas: u32,
    ) -> Result<(), CasMismatch> {
        let next = self.next_cas;
        let known = match vm_id {
            "" => Some(&mut self.entries),
            other => self.of_others.get_mut(other),
        };
        let mut entry = known.and_then(|known| known.get_mut(key));
        if cas != 0 && self.conflicts_to_inject > 0 {
            self.conflicts_to_inject = self.conflicts_to_inject.saturating_sub(1);
            if let Some(entry) = &mut entry {
                // Another worker wrote the very same value.
                entry.cas = next;
                self.next_cas = after(next);
            }
            return Err(CasMismatch {
                given: cas,
                current: entry.map(|entry| entry.cas),
            });
        }
        match entry {
            Some(entry) if cas != 0 && cas != entry.cas.get() => {
                return Err(CasMismatch {
                    given: cas,
                    current: Some(entry.cas),
                });
            }
            Some(entry) => {
                entry.value.clear();
                entry.value.extend_from_slice(value);
                entry.cas = next;
                entry.writes = entry.writes.saturating_add(1);
            }
            None => {
                let known = match vm_id {
                    "" => &mut self.entries,
                    other => self.of_others.entry(other.to_owned()).or_default(),
                };
                let value = value.to_vec();
                let entry = Entry {
                    value,
                    cas: next,
                    writes: 1,
                };
                known.insert(key.to_vec(), entry);
            }
        }
        self.next_cas = after(next);
        Ok(())
    }

    /// Whether a conditional write with this number fails now and, because numbers only grow, at any time later. Numbers go round: those of
    /// the half circle before the key's are in the past.
    pub(crate) fn is_overtaken(&self, vm_id: &str, key: &[u8], cas: u32) -> bool {
        let of_past = |entry: &Entry| cas.wrapping_sub(entry.cas.get()) > u32::MAX / 2;
        cas != 0 && self.conflicts_to_inject == 0 && self.get(vm_id, key).is_some_and(of_past)
    }

    /// What has been written under each key, told shortly: the same in any store in which the same was written as often.
    pub(crate) fn written(&self) -> impl Iterator<Item = Written> {
        let others = self.of_others.iter();
        let others = others.flat_map(|(vm_id, entries)| entries.iter().map(move |of| (vm_id, of)));
        const NONE: &String = &String::new();
        let own = self.entries.iter().map(|of| (NONE, of));
        own.chain(others).map(|(vm_id, (key, entry))| {
            let hasher = FixedState::default();
            Written {
                key: hasher.hash_one((vm_id, key)),
                value: hasher.hash_one(&entry.value),
                writes: entry.writes,
            }
        })
    }

    /// Makes the next `count` conditional writes meet a conflict: another worker seems to have written the very same value
    /// just before, so the key's number moves on.
    pub(crate) fn inject_conflicts(&mut self, count: u32) {
        self.conflicts_to_inject = self.conflicts_to_inject.saturating_add(count);
    }
}

/// The number of the write after this one.
fn after(cas: NonZeroU32) -> NonZeroU32 {
    cas.checked_add(1).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cas(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn get(data: &SharedData, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        data.get("", key)
            .map(|entry| (entry.value.clone(), entry.cas.get()))
    }

    #[test]
    fn numbers_are_global_and_start_at_one() {
        let mut data = SharedData::default();
        assert_eq!(data.set("", b"a", b"1", 0), Ok(()));
        assert_eq!(data.set("", b"b", b"2", 0), Ok(()));
        assert_eq!(data.set("", b"a", b"3", 0), Ok(()));
        assert_eq!(get(&data, b"a"), Some((b"3".to_vec(), 3)));
        assert_eq!(get(&data, b"b"), Some((b"2".to_vec(), 2)));
    }

    #[test]
    fn a_number_must_match_unless_the_key_is_missing() {
        let mut data = SharedData::default();
        assert_eq!(data.set("", b"a", b"1", u32::MAX), Ok(()));
        assert_eq!(
            data.set("", b"a", b"2", u32::MAX),
            Err(CasMismatch {
                given: u32::MAX,
                current: Some(cas(1))
            })
        );
        assert_eq!(data.set("", b"a", b"2", 1), Ok(()));
        assert_eq!(
            data.set("", b"a", b"3", 1),
            Err(CasMismatch {
                given: 1,
                current: Some(cas(2))
            })
        );
        assert_eq!(get(&data, b"a"), Some((b"2".to_vec(), 2)));
    }

    #[test]
    fn what_was_overtaken_once_is_so_for_ever() {
        let mut data = SharedData::default();
        assert!(!data.is_overtaken("", b"a", u32::MAX), "it creates the key");
        for value in 0..3 {
            data.set("", b"a", &[value], 0).unwrap();
        }
        let overtaken = |data: &SharedData, cas| data.is_overtaken("", b"a", cas);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|cas| overtaken(&data, cas)),
            [false, true, true, false, false]
        );
        assert!(overtaken(&data, u32::MAX));
        data.inject_conflicts(1);
        assert!(
            !overtaken(&data, 1),
            "it would use up the injected conflict"
        );
    }

    #[test]
    fn a_wrapping_counter_skips_zero() {
        let mut data = SharedData {
            next_cas: NonZeroU32::MAX,
            ..SharedData::default()
        };
        data.set("", b"a", b"", 0).unwrap();
        data.set("", b"b", b"", 0).unwrap();
        assert_eq!(get(&data, b"a"), Some((Vec::new(), u32::MAX)));
        assert_eq!(get(&data, b"b"), Some((Vec::new(), 1)));
    }

    #[test]
    fn vm_ids_do_not_see_each_other() {
        let mut data = SharedData::default();
        data.set("one", b"a", b"1", 0).unwrap();
        assert_eq!(data.get("two", b"a"), None);
    }

    #[test]
    fn an_injected_conflict_looks_like_another_worker() {
        let mut data = SharedData::default();
        data.set("", b"a", b"1", 0).unwrap();
        data.inject_conflicts(1);
        assert_eq!(
            data.set("", b"a", b"2", 1),
            Err(CasMismatch {
                given: 1,
                current: Some(cas(2))
            })
        );
        assert_eq!(get(&data, b"a"), Some((b"1".to_vec(), 2)));
        assert_eq!(data.set("", b"a", b"2", 2), Ok(()));
        data.inject_conflicts(1);
        assert_eq!(
            data.set("", b"new", b"", u32::MAX),
            Err(CasMismatch {
                given: u32::MAX,
                current: None
            })
        );
        assert_eq!(data.set("", b"new", b"", u32::MAX), Ok(()));
    }
}
