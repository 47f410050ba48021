//! The filters that a VM serves: one, or several with the same `vm_id`, module, VM configuration and environment.
//!
//! As observed on Envoy 1.40, each of them has a root context of its own, unless all that is said of the two plugins is the same: then
//! they share that one as well, and it is configured once.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{Configured, Rules, Worker};
use crate::guest::module::Module;
use crate::guest::vm::{Vm, VmFailure, VmStartError};
use crate::guest::vm_state::{Identity, Plugin};
use crate::host::Host;
use crate::http::stream::HttpStream;
use crate::model::clock::Instant;

/// A filter's place in a VM.
#[derive(Clone, Debug)]
pub(super) struct PluginHandle {
    pub(super) plugin: Rc<Plugin>,
    pub(super) rules: Rc<Rules>,
    /// The configuration in force.
    pub(super) configuration: Arc<[u8]>,
    /// The root context of new streams.
    pub(super) root: u32,
    /// When a VM was last started for it, or was tried to be.
    pub(super) loaded: Instant,
}

impl Worker {
    /// Starts a VM that no filter is configured in yet. It is started for this plugin.
    pub(crate) fn start(
        module: &Module,
        host: Rc<Host>,
        identity: Rc<Identity>,
        plugin: Rc<Plugin>,
    ) -> Result<Self, VmStartError> {
        Ok(Self {
            vm: Vm::new(module, host, identity, plugin)?,
            module: module.clone(),
            handles: Vec::new(),
            orphans: BTreeMap::new(),
            stirred: false,
        })
    }

    /// Whether Envoy would have such a plugin live in this VM as well.
    pub(crate) fn takes(&self, module: &Module, identity: &Identity) -> bool {
        self.module.is_same(module) && self.vm.store.data().identity.is_same(identity)
    }

    /// The same for the plugins of another VM.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.takes(&other.module, &other.vm.store.data().identity)
    }

    /// Configures a filter in this VM. Says which handle it has.
    pub(crate) fn join(
        &mut self,
        plugin: &Rc<Plugin>,
        rules: &Rc<Rules>,
        configuration: &Arc<[u8]>,
    ) -> Result<(usize, Configured), VmFailure> {
        let handle = self.handles.len();
        self.handles.push(PluginHandle {
            plugin: Rc::clone(plugin),
            rules: Rc::clone(rules),
            configuration: Arc::default(),
            root: 0,
            loaded: self.now(),
        });
        self.vm.store.data_mut().handle(handle, plugin);
        let outcome = self.configure(handle, configuration)?;
        Ok((handle, outcome))
    }

    pub(super) fn handle(&self, handle: usize) -> Option<&PluginHandle> {
        self.handles.get(handle)
    }

    /// The rules for a filter.
    pub(crate) fn rules(&self, handle: usize) -> Option<Rc<Rules>> {
        self.handle(handle).map(|handle| Rc::clone(&handle.rules))
    }

    /// The rules for a stream.
    pub(super) fn rules_of(&mut self, id: u32) -> Option<Rc<Rules>> {
        let handle = self.stream(id)?.handle;
        self.rules(handle)
    }

    /// The configuration of a filter that is in force, or is to be once the VM is started anew.
    pub(crate) fn configuration(&self, handle: usize) -> Option<&[u8]> {
        self.handle(handle).map(|handle| &*handle.configuration)
    }

    /// A new configuration for a VM that has failed takes effect when the VM is started anew.
    pub(crate) fn configure_later(&mut self, handle: usize, configuration: &Arc<[u8]>) {
        if let Some(handle) = self.handles.get_mut(handle) {
            handle.configuration = Arc::clone(configuration);
        }
    }

    /// A number for the next stream of a filter, and the root context that it belongs to.
    pub(crate) fn next_stream(&mut self, handle: usize) -> (u32, u32) {
        let root = self.handle(handle).map_or(0, |handle| handle.root);
        (self.vm.store.data_mut().take_context_id(), root)
    }

    /// The root context of another filter of this VM of which all the same is said.
    pub(super) fn root_like(&self, handle: usize, configuration: &Arc<[u8]>) -> Option<u32> {
        let own = self.handle(handle)?;
        let identity = &self.vm.store.data().identity;
        let others = self.handles.iter().enumerate();
        let mut same = others.filter(|(index, other)| {
            *index != handle
                && other.root != 0
                && other.configuration == *configuration
                && identity.shares_context(&other.plugin.settings, &own.plugin.settings)
        });
        same.next().map(|(_, other)| other.root)
    }

    /// Takes the streams of a filter out of this VM, which has failed.
    pub(super) fn take_streams(&mut self, handle: usize) -> Vec<(u32, Box<HttpStream>)> {
        let own = |_: &u32, stream: &mut Box<HttpStream>| stream.handle == handle;
        let mut taken: Vec<_> = self.orphans.extract_if(.., own).collect();
        taken.extend(self.vm.store.data_mut().streams.extract_if(.., own));
        taken
    }
}
