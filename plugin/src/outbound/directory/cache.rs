//! A bounded memory of organizations: those that were asked for lately.
//!
//! Two generations instead of a list in order of use: whatever is asked for goes to the recent one, and once that holds half of what
//! may be remembered, it becomes the former one, and what was still in that is forgotten. No step ever looks at more than one entry.

use std::{collections::HashMap, mem};

use crate::model::organization::OrganizationId;

/// Up to so many entries.
#[derive(Debug)]
pub(super) struct Cache<V> {
    recent: HashMap<OrganizationId, V>,
    former: HashMap<OrganizationId, V>,
    half: usize,
}

impl<V: Default> Cache<V> {
    /// An empty cache of at most `most` entries, of 2 at least.
    pub(super) fn new(most: usize) -> Self {
        Self {
            recent: HashMap::new(),
            former: HashMap::new(),
            half: most.checked_div(2).unwrap_or_default().max(1),
        }
    }

    /// The entry of an organization that there is one of; it counts as used.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut V> {
        if !self.recent.contains_key(id) {
            let (id, value) = self.former.remove_entry(id)?;
            self.make_room();
            self.recent.insert(id, value);
        }
        self.recent.get_mut(id)
    }

    /// The entry of an organization, made if there is none; it counts as used.
    pub(super) fn entry(&mut self, id: &OrganizationId) -> &mut V {
        if !self.recent.contains_key(id) {
            let value = self.former.remove(id).unwrap_or_default();
            self.make_room();
            return self.recent.entry(id.clone()).or_insert(value);
        }
        self.recent.entry(id.clone()).or_default()
    }

    /// Forgets an organization.
    pub(super) fn remove(&mut self, id: &str) {
        self.recent.remove(id);
        self.former.remove(id);
    }

    fn make_room(&mut self) {
        if self.recent.len() >= self.half {
            self.former = mem::take(&mut self.recent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn id(number: usize) -> OrganizationId {
        OrganizationId::try_from(number.to_string()).unwrap()
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut cache = Cache::new(10);
        *cache.entry(&id(0)) = "kept";
        for number in 1..1_000 {
            *cache.entry(&id(number)) = "other";
            assert_eq!(cache.get_mut("0"), Some(&mut "kept"), "after {number}");
            assert!(cache.recent.len() + cache.former.len() <= 10);
        }
        assert_eq!(cache.get_mut("1"), None);
        assert_eq!(*cache.entry(&id(1)), "");
        cache.remove("0");
        assert_eq!(cache.get_mut("0"), None);
    }
}
