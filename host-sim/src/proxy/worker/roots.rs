//! The root contexts of a worker: one per configuration, from its first callback to its last.

use std::sync::Arc;

use super::{Configured, Worker};
use crate::guest::vm::VmFailure;
use crate::guest::vm_state::Root;

impl Worker {
    /// Makes a root context for a filter's configuration. If the module refuses it, the old root context stays in force; if it accepts,
    /// the old one has no new streams any more.
    pub(crate) fn configure(
        &mut self,
        handle: usize,
        configuration: &Arc<[u8]>,
    ) -> Result<Configured, VmFailure> {
        let root = match self.root_like(handle, configuration) {
            Some(root) => root,
            None => {
                let state = self.vm.store.data_mut();
                let root = state.take_context_id();
                state.roots.insert(root, Root::of(handle));
                let outcome = self.configure_root(root, configuration);
                if outcome != Ok(true) {
                    self.vm.store.data_mut().roots.remove(&root);
                    return outcome.map(|_| Configured::Refused);
                }
                root
            }
        };
        if let Some(handle) = self.handles.get_mut(handle) {
            handle.configuration = Arc::clone(configuration);
            handle.root = root;
        }
        self.retire_idle()?;
        Ok(Configured::Accepted)
    }

    /// Ends the work of root contexts that are not in force any more and whose last stream is gone. Until then their timers go
    /// on as well.
    pub(super) fn retire_idle(&mut self) -> Result<(), VmFailure> {
        let state = self.vm.store.data();
        let in_force = |id: u32| self.handles.iter().any(|handle| handle.root == id);
        let has_streams = |id: u32| state.streams.values().any(|stream| stream.root == id);
        let roots = state.roots.iter();
        let done: Vec<_> = roots
            .filter(|(id, root)| !root.pending_done && !in_force(**id) && !has_streams(**id))
            .map(|(id, _)| *id)
            .collect();
        for root in done {
            self.retire(root)?;
        }
        Ok(())
    }

    /// The plugin's configuration can be read while the context is made and configured, but not while the VM starts.
    fn configure_root(&mut self, root: u32, configuration: &Arc<[u8]>) -> Result<bool, VmFailure> {
        self.vm.store.data_mut().running.configuration = Some(Arc::clone(configuration));
        let created = self.vm.on_context_create(root, 0);
        self.vm.store.data_mut().running.configuration = None;
        created?;
        self.run_deferred();
        let started = self.vm.on_vm_start(root)?;
        self.run_deferred();
        if !started {
            return Ok(false);
        }
        let size = u32::try_from(configuration.len()).unwrap_or(u32::MAX);
        self.vm.store.data_mut().running.configuration = Some(Arc::clone(configuration));
        let accepted = self.vm.on_configure(root, size);
        self.vm.store.data_mut().running.configuration = None;
        self.run_deferred();
        accepted
    }

    /// Ends the work of a root context: `proxy_on_done`, and `proxy_on_delete` now or when the module says `proxy_done`.
    fn retire(&mut self, root: u32) -> Result<(), VmFailure> {
        let done = self.vm.on_done(root)?;
        if done {
            self.delete_root(root);
        } else if let Some(root) = self.vm.store.data_mut().roots.get_mut(&root) {
            root.pending_done = true;
        }
        self.run_deferred();
        Ok(())
    }

    pub(super) fn delete_root(&mut self, root: u32) {
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.notify("proxy_on_delete", root);
        self.vm.store.data_mut().roots.remove(&root);
    }

    /// Ends the work of all root contexts that are in force.
    pub(crate) fn shut_down(&mut self) {
        let mut roots: Vec<_> = self.handles.iter().map(|handle| handle.root).collect();
        roots.dedup();
        for root in roots {
            let _ = self.retire(root);
        }
    }
}
