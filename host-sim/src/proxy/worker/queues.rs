//! Shared queues that a worker's root contexts registered for.

use std::rc::Rc;

use super::Worker;

impl Worker {
    /// Tells root contexts of every item that was put into one of their queues. Says whether there was any.
    pub(crate) fn deliver_queues(&mut self) -> bool {
        let state = self.vm.store.data();
        let (host, number) = (Rc::clone(&state.host), state.number);
        let ready = host.process.queues.borrow_mut().take_ready(number);
        if self.vm.failure().is_some() {
            return false;
        }
        let mut any = false;
        for (root, token) in ready {
            // Envoy looks the root context up when it is its turn.
            if !self.vm.store.data().roots.contains_key(&root) {
                continue;
            }
            any = true;
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.callback::<_, ()>(
                "proxy_on_queue_ready",
                root,
                (root, token),
                format_args!("{token}"),
            );
            self.run_deferred();
        }
        any
    }
}
