//! The host's shared data, as the ledger's port.

use super::{accepted, receive};
use crate::ledger::{Cas, HostRefused, SetError, SharedData, Versioned};

// The host functions used, as in the Proxy-Wasm ABI 0.2.1. Both return a status.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_shared_data(
        key: *const u8,
        key_len: usize,
        value: *mut *mut u8,
        len: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_len: usize,
        value: *const u8,
        len: usize,
        cas: u32,
    ) -> u32;
}

const CAS_MISMATCH: u32 = 8;

/// The shared data of the plugin's `vm_id`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSharedData;

impl SharedData for HostSharedData {
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        let mut cas = 0;
        // SAFETY: the host reads the key during the call and writes to live variables.
        let received = receive(|data, len| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), data, len, &raw mut cas)
        });
        match received {
            Ok(value) => Ok(value.map(|value| Versioned {
                value,
                cas: Cas(cas),
            })),
            Err(status) => Err(HostRefused {
                call: "proxy_get_shared_data",
                status,
            }),
        }
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        // SAFETY: the host reads key and value during the call.
        let status = unsafe {
            proxy_set_shared_data(
                key.as_ptr(),
                key.len(),
                value.as_ptr(),
                value.len(),
                expected.0,
            )
        };
        if status == CAS_MISMATCH {
            return Err(SetError::Mismatch);
        }
        Ok(accepted("proxy_set_shared_data", status)?)
    }
}
