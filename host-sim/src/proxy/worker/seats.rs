//! The filters that a VM serves: one, or several with the same `vm_id`, module, VM configuration and environment.
//!
//! As observed on Envoy 1.40, each of them has a root context of its own, unless all that is said of the two plugins is the same: then
//! they share that one as well, and it is configured once.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{Configured, Rules, Worker};
use crate::guest::module::Module;
use crate::guest::vm::{StartError, Vm, VmFailure};
use crate::guest::vm_state::{Identity, Plugin};
use crate::host::Host;
use crate::http::stream::HttpStream;
use crate::model::clock::Instant;

/// A filter's place in a VM.
#[derive(Clone, Debug)]
pub(super) struct Seat {
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
    ) -> Result<Self, StartError> {
        Ok(Self {
            vm: Vm::new(module, host, identity, plugin)?,
            module: module.clone(),
            seats: Vec::new(),
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

    /// Configures a filter in this VM. Says which seat it has.
    pub(crate) fn join(
        &mut self,
        plugin: &Rc<Plugin>,
        rules: &Rc<Rules>,
        configuration: &Arc<[u8]>,
    ) -> Result<(usize, Configured), VmFailure> {
        let seat = self.seats.len();
        self.seats.push(Seat {
            plugin: Rc::clone(plugin),
            rules: Rc::clone(rules),
            configuration: Arc::default(),
            root: 0,
            loaded: self.now(),
        });
        self.vm.store.data_mut().seat(seat, plugin);
        let outcome = self.configure(seat, configuration)?;
        Ok((seat, outcome))
    }

    pub(super) fn seat(&self, seat: usize) -> Option<&Seat> {
        self.seats.get(seat)
    }

    /// The rules for a filter.
    pub(crate) fn rules(&self, seat: usize) -> Option<Rc<Rules>> {
        self.seat(seat).map(|seat| Rc::clone(&seat.rules))
    }

    /// The rules for a stream.
    pub(super) fn rules_of(&mut self, id: u32) -> Option<Rc<Rules>> {
        let seat = self.stream(id)?.seat;
        self.rules(seat)
    }

    /// The configuration of a filter that is in force, or is to be once the VM is started anew.
    pub(crate) fn configuration(&self, seat: usize) -> Option<&[u8]> {
        self.seat(seat).map(|seat| &*seat.configuration)
    }

    /// A new configuration for a VM that has failed takes effect when the VM is started anew.
    pub(crate) fn configure_later(&mut self, seat: usize, configuration: &Arc<[u8]>) {
        if let Some(seat) = self.seats.get_mut(seat) {
            seat.configuration = Arc::clone(configuration);
        }
    }

    /// A number for the next stream of a filter, and the root context that it belongs to.
    pub(crate) fn next_stream(&mut self, seat: usize) -> (u32, u32) {
        let root = self.seat(seat).map_or(0, |seat| seat.root);
        (self.vm.store.data_mut().take_context_id(), root)
    }

    /// The root context of another filter of this VM of which all the same is said.
    pub(super) fn root_like(&self, seat: usize, configuration: &Arc<[u8]>) -> Option<u32> {
        let own = self.seat(seat)?;
        let identity = &self.vm.store.data().identity;
        let others = self.seats.iter().enumerate();
        let mut same = others.filter(|(index, other)| {
            *index != seat
                && other.root != 0
                && other.configuration == *configuration
                && identity.shares_context(&other.plugin.settings, &own.plugin.settings)
        });
        same.next().map(|(_, other)| other.root)
    }

    /// Takes the streams of a filter out of this VM, which has failed.
    pub(super) fn take_streams(&mut self, seat: usize) -> Vec<(u32, Box<HttpStream>)> {
        let own = |_: &u32, stream: &mut Box<HttpStream>| stream.seat == seat;
        let mut taken: Vec<_> = self.orphans.extract_if(.., own).collect();
        taken.extend(self.vm.store.data_mut().streams.extract_if(.., own));
        taken
    }
}
