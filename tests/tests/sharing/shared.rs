//! What the workers of one proxy share.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use api_credits::accounts::ledger::{Cas, HostRefused, SetError, SharedData, Versioned};

/// Shared data by Envoy's rules.
#[derive(Default)]
pub(crate) struct Shared {
    values: RefCell<HashMap<String, Versioned>>,
    versions: Cell<u32>,
}

impl SharedData for Shared {
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        let mut values = self.values.borrow_mut();
        if values.get(key).is_some_and(|stored| stored.cas != expected) {
            return Err(SetError::Mismatch);
        }
        self.versions.set(self.versions.get() + 1);
        let stored = Versioned {
            value: value.to_vec(),
            cas: Cas(self.versions.get()),
        };
        values.insert(key.to_owned(), stored);
        Ok(())
    }
}
