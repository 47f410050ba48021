//! The answers of name servers, which come back in root contexts.

use super::Worker;

impl Worker {
    /// Tells the plugin what became of the names that it asked for. Says whether there was any.
    pub(crate) fn deliver_names(&mut self) -> bool {
        if self.vm.failure().is_some() {
            return false;
        }
        let lookups = std::mem::take(&mut self.vm.store.data_mut().outbound.lookups);
        let any = !lookups.is_empty();
        for lookup in lookups {
            let state = self.vm.store.data_mut();
            if !state.roots.contains_key(&lookup.root) {
                continue;
            }
            let size = u32::try_from(lookup.answer.len()).unwrap_or(u32::MAX);
            state.running.at.call_data = lookup.answer;
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.callback::<_, ()>(
                "envoy_on_resolve_dns",
                lookup.root,
                (lookup.root, lookup.token, size),
                format_args!("{}, {size}", lookup.token),
            );
            self.vm.store.data_mut().running.at.call_data.clear();
            self.run_deferred();
        }
        any
    }
}
