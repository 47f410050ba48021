//! The timers of a worker's root contexts.

use std::time::Duration;

use super::Worker;
use crate::model::clock::Instant;

impl Worker {
    /// When something is due by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let tick = self.next_tick();
        if !self.has_called_out() {
            return tick;
        }
        let due = [tick, self.next_callout(), self.next_grpc()];
        due.into_iter().flatten().min()
    }

    /// When the next timer of this worker is due.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.vm
            .failure()
            .map_or_else(|| self.due_ticks().map(|(due, _)| due).min(), |_| None)
    }

    fn due_ticks(&self) -> impl Iterator<Item = (Instant, u32)> {
        self.vm
            .store
            .data()
            .roots
            .iter()
            .filter_map(|(id, root)| Some((root.tick?.due, *id)))
    }

    /// Fires every timer once, whenever it is due, and leaves it armed as it is.
    pub(crate) fn fire_timers(&mut self) {
        let armed: Vec<u32> = self.due_ticks().map(|(_, root)| root).collect();
        for root in armed {
            let _ = self.vm.notify("proxy_on_tick", root);
            self.run_deferred();
        }
    }

    /// Fires the timers that are due at this instant, each of which is armed again after its callback, and gives up calls that hang.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due: Vec<u32> = self
            .due_ticks()
            .filter(|(due, _)| *due <= now)
            .map(|(_, root)| root)
            .collect();
        for root in due {
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.notify("proxy_on_tick", root);
            if let Some(tick) = self
                .vm
                .store
                .data_mut()
                .roots
                .get_mut(&root)
                .and_then(|root| root.tick.as_mut())
            {
                tick.due = now.after(tick.period.max(Duration::from_millis(1)));
            }
            self.run_deferred();
        }
        // And what nobody has answered by now.
        if self.vm.failure().is_none() {
            self.deliver_answers();
            self.deliver_grpc();
        }
    }
}
