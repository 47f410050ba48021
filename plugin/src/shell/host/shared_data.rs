//! The host's shared data, as the ledger's port.

use proxy_wasm::{hostcalls, types::Status};

use crate::accounts::ledger::{Cas, HostRefused, SetError, SharedData, Versioned};

/// The shared data of the plugin's `vm_id`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSharedData;

impl SharedData for HostSharedData {
    #[inline]
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        let refused = |status| refused("proxy_get_shared_data", status);
        let (value, cas) = hostcalls::get_shared_data(key).map_err(refused)?;
        // The SDK shows neither the value of an emptied key nor a version of 0, which no host gives.
        Ok(cas.map(|cas| Versioned {
            value: value.unwrap_or_default(),
            cas: Cas(cas),
        }))
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        match hostcalls::set_shared_data(key, Some(value), Some(expected.0)) {
            Ok(()) => Ok(()),
            Err(Status::CasMismatch) => Err(SetError::Mismatch),
            Err(status) => Err(refused("proxy_set_shared_data", status).into()),
        }
    }
}

fn refused(call: &'static str, status: Status) -> HostRefused {
    let status = status as u32;
    HostRefused { call, status }
}
