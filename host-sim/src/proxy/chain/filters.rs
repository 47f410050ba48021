//! The filters of one worker, first to last, and the VMs that they live in.

use std::rc::Rc;
use std::sync::Arc;

use crate::guest::module::Module;
use crate::guest::vm::{VmFailure, VmStartError};
use crate::guest::vm_state::{Identity, Plugin};
use crate::host::Host;
use crate::http::message::Part;
use crate::http::stream::{HttpStream, Side};
use crate::model::clock::Instant;
use crate::proxy::worker::{Configured, Rules, Worker};

/// The filters of one worker.
#[derive(Default)]
pub(crate) struct Filters {
    vms: Vec<Worker>,
    /// Where each filter is.
    places: Vec<Place>,
}

/// Where a filter is: in which VM, and by which handle there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    vm: usize,
    handle: usize,
}

/// A stream that has a number in a filter, whether it has reached it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) id: u32,
    /// The root context that it belongs to.
    pub(crate) root: u32,
    /// The VM, by which the process knows it.
    vm: u32,
}

/// What a filter is started with.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) module: Module,
    pub(crate) identity: Rc<Identity>,
    pub(crate) plugin: Rc<Plugin>,
    pub(crate) rules: Rc<Rules>,
}

impl Filters {
    /// Starts one more filter behind the others, in a VM of its own or in that of another filter which Envoy has it share.
    pub(crate) fn add(
        &mut self,
        host: &Rc<Host>,
        recipe: &Recipe,
        configuration: &Arc<[u8]>,
    ) -> Result<Configured, VmStartError> {
        let Recipe {
            module,
            identity,
            plugin,
            rules,
        } = recipe;
        let shared = self.vms.iter().position(|vm| vm.takes(module, identity));
        let vm = match shared {
            Some(vm) => vm,
            None => {
                let (host, identity) = (Rc::clone(host), Rc::clone(identity));
                let started = Worker::start(module, host, identity, Rc::clone(plugin))?;
                self.vms.push(started);
                self.vms.len().saturating_sub(1)
            }
        };
        let Some(worker) = self.vms.get_mut(vm) else {
            return Ok(Configured::Refused);
        };
        let (handle, outcome) = worker.join(plugin, rules, configuration)?;
        self.places.push(Place { vm, handle });
        Ok(outcome)
    }

    /// How many filters there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The VMs, each once.
    pub(crate) fn vms(&self) -> impl Iterator<Item = &Worker> {
        self.vms.iter()
    }

    /// The VMs, each once.
    pub(crate) fn vms_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.vms.iter_mut()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.vms.first().map(Worker::now)
    }

    fn at(&self, filter: usize) -> Option<(&Worker, usize)> {
        let Place { vm, handle } = *self.places.get(filter)?;
        Some((self.vms.get(vm)?, handle))
    }

    fn at_mut(&mut self, filter: usize) -> Option<(&mut Worker, usize)> {
        let Place { vm, handle } = *self.places.get(filter)?;
        Some((self.vms.get_mut(vm)?, handle))
    }

    /// The VM of a filter.
    pub(crate) fn vm_of(&mut self, filter: usize) -> Option<&mut Worker> {
        self.at_mut(filter).map(|(vm, _)| vm)
    }

    /// Why the VM of the first filter with a dead one is dead.
    pub(crate) fn failure(&self) -> Option<&VmFailure> {
        let filters = 0..self.len();
        filters
            .into_iter()
            .find_map(|filter| self.at(filter)?.0.failure())
    }

    /// The configuration of a filter that is in force.
    pub(crate) fn configuration(&self, filter: usize) -> Option<&[u8]> {
        let (vm, handle) = self.at(filter)?;
        vm.configuration(handle)
    }

    /// Gives a filter a new configuration. Envoy passes over VMs that have failed.
    pub(crate) fn configure(
        &mut self,
        filter: usize,
        configuration: &Arc<[u8]>,
    ) -> Result<Configured, VmFailure> {
        let Some((vm, handle)) = self.at_mut(filter) else {
            return Ok(Configured::Accepted);
        };
        if vm.failure().is_some() {
            vm.configure_later(handle, configuration);
            return Ok(Configured::Accepted);
        }
        vm.configure(handle, configuration)
    }

    /// A filter gets a VM that runs: the one that another filter which shared the old one has by now, or a new one.
    fn reload(&mut self, filter: usize) -> Option<()> {
        let Place { vm, handle } = *self.places.get(filter)?;
        let old = self.vms.get(vm)?;
        let mut others = self.vms.iter().enumerate();
        let joined = others
            .find(|(index, other)| *index != vm && other.failure().is_none() && other.is_like(old));
        let place = match joined.map(|(index, _)| index) {
            Some(index) => {
                let [old, other] = self.vms.get_disjoint_mut([vm, index]).ok()?;
                let handle = old.move_to(handle, other)?;
                Place { vm: index, handle }
            }
            None => {
                let (fresh, handle) = self.vms.get_mut(vm)?.renewed(handle)?;
                self.vms.push(fresh);
                let vm = self.vms.len().saturating_sub(1);
                Place { vm, handle }
            }
        };
        *self.places.get_mut(filter)? = place;
        self.drop_vm_without_filters(vm);
        Some(())
    }

    fn drop_vm_without_filters(&mut self, vm: usize) {
        if self.places.iter().any(|place| place.vm == vm) {
            return;
        }
        self.vms.remove(vm);
        for place in &mut self.places {
            if place.vm > vm {
                place.vm = place.vm.saturating_sub(1);
            }
        }
    }

    /// The rules of a filter.
    pub(crate) fn rules(&self, filter: usize) -> Option<Rc<Rules>> {
        let (vm, handle) = self.at(filter)?;
        vm.rules(handle)
    }

    /// The part of a stream in a filter.
    pub(crate) fn stream(&mut self, filter: usize, id: u32) -> Option<&mut HttpStream> {
        self.vm_of(filter)?.stream(id)
    }

    /// Numbers for the next stream in all filters, of which those are given new VMs whose are due for it.
    pub(crate) fn next_stream(&mut self, now: Instant) -> impl Iterator<Item = Numbered> {
        let all = 0..self.len();
        all.filter_map(move |filter| {
            let (worker, handle) = self.at_mut(filter)?;
            if worker.is_due_for_reload(handle, now) {
                self.reload(filter);
            }
            let (worker, handle) = self.at_mut(filter)?;
            let (id, root) = worker.next_stream(handle);
            let vm = worker.vm_number();
            Some(Numbered { id, root, vm })
        })
    }

    /// Opens a stream in a filter and shows it the request headers.
    pub(crate) fn open(&mut self, filter: usize, number: Numbered, mut stream: Box<HttpStream>) {
        if let Some((vm, handle)) = self.at_mut(filter) {
            stream.handle = handle;
            // One that has got another VM since the stream began does not show it this one.
            if vm.vm_number() == number.vm {
                vm.open(number.id, stream);
            } else {
                vm.open_orphan(number.id, stream);
            }
        }
    }

    /// Makes a context for a stream that never reached this filter and is over.
    pub(crate) fn open_unseen(
        &mut self,
        filter: usize,
        number: Numbered,
        mut stream: Box<HttpStream>,
    ) {
        if let Some((vm, handle)) = self.at_mut(filter)
            && vm.vm_number() == number.vm
        {
            stream.handle = handle;
            vm.open_unseen(number.id, stream);
        }
    }

    /// Takes a stream of which no filter ever hears.
    pub(crate) fn open_unheard(&mut self, filter: usize, id: u32, mut stream: Box<HttpStream>) {
        if let Some((vm, handle)) = self.at_mut(filter) {
            stream.handle = handle;
            vm.take_unheard(id, stream);
        }
    }

    /// Shows a filter a part of a message.
    pub(crate) fn show(&mut self, filter: usize, id: u32, side: Side, part: Part) {
        if let Some(vm) = self.vm_of(filter) {
            vm.show(id, side, part);
        }
    }
}
