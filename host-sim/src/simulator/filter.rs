//! A filter of the chain: its module, its identity, and the VMs that are started for it.

use std::rc::Rc;

use super::{StartError, accepted};
use crate::host::Host;
use crate::module::Module;
use crate::vm::StartError as VmStartError;
use crate::vm_state::Identity;
use crate::worker::{Rules, Worker};

/// A filter.
pub(super) struct Filter {
    pub(super) module: Module,
    pub(super) identity: Rc<Identity>,
    pub(super) rules: Rc<Rules>,
    /// How traces call it; empty when it is the only one.
    pub(super) label: String,
    /// With which it starts.
    pub(super) configuration: Vec<u8>,
}

impl Filter {
    /// A new VM with this configuration.
    pub(super) fn start(
        &self,
        host: &Rc<Host>,
        label: &str,
        configuration: &[u8],
    ) -> Result<Worker, StartError> {
        let (identity, rules) = (Rc::clone(&self.identity), Rc::clone(&self.rules));
        let label = format!("{label}{}", self.label);
        let worker = Worker::start(&self.module, Rc::clone(host), identity, rules, label);
        let mut worker = worker.map_err(|error| match error {
            VmStartError::Load(error) => StartError::Load(error),
            VmStartError::Failure(failure) => StartError::Failed {
                failure,
                log: host.log_lines(),
                trace: Vec::new(),
            },
        })?;
        accepted(host, worker.configure(configuration))?;
        Ok(worker)
    }
}
