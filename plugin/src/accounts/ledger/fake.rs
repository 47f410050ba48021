//! Shared data in memory, by Envoy's rules, which can let another worker be faster at any compare-and-set.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use super::{Cas, HostRefused, SetError, SharedData, Versioned};

type Rival = Box<dyn FnMut(&FakeSharedData, &str)>;

/// The store. Numbers of versions are global and start at 1, as on Envoy.
#[derive(Default)]
pub(crate) struct FakeSharedData {
    values: RefCell<HashMap<String, Versioned>>,
    versions: Cell<u32>,
    rival: RefCell<Option<Rival>>,
    refuses: Cell<Option<HostRefused>>,
}

impl FakeSharedData {
    /// Calls `rival` just before each compare-and-set of others: what it stores makes theirs a mismatch.
    pub(crate) fn with_rival(rival: impl FnMut(&Self, &str) + 'static) -> Self {
        let store = Self::default();
        *store.rival.borrow_mut() = Some(Box::new(rival));
        store
    }

    /// Refuses every call from now on.
    pub(crate) fn refuse(&self, refused: HostRefused) {
        self.refuses.set(Some(refused));
    }

    /// Stores `value` whatever is there, as another worker that was faster.
    pub(crate) fn put(&self, key: &str, value: &[u8]) {
        self.versions.set(self.versions.get() + 1);
        let stored = Versioned {
            value: value.to_vec(),
            cas: Cas(self.versions.get()),
        };
        self.values.borrow_mut().insert(key.to_owned(), stored);
    }

    /// Every key and value.
    pub(crate) fn dump(&self) -> HashMap<String, Vec<u8>> {
        let values = self.values.borrow();
        values
            .iter()
            .map(|(key, stored)| (key.clone(), stored.value.clone()))
            .collect()
    }
}

impl SharedData for FakeSharedData {
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        match self.refuses.get() {
            Some(refused) => Err(refused),
            None => Ok(self.values.borrow().get(key).cloned()),
        }
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        // Taken out while it runs, so that it may use the store itself.
        if let Some(mut rival) = self.rival.take() {
            rival(self, key);
            *self.rival.borrow_mut() = Some(rival);
        }
        if let Some(refused) = self.refuses.get() {
            return Err(refused.into());
        }
        let present = self.values.borrow().get(key).map(|stored| stored.cas);
        if present.is_some_and(|cas| cas != expected) {
            return Err(SetError::Mismatch);
        }
        self.put(key, value);
        Ok(())
    }
}
