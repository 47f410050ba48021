//! The queues that all plugins of a process share, with Envoy's own rules (`shared_queue.cc`).
//!
//! - A queue is known by the `vm_id` under which it was registered and its name; registering it again gives the same token, keeps what is
//!   in it, and makes the latest root context to do so the one that is told.
//! - Telling is posted: `proxy_on_queue_ready` is called once for each item, and never within another callback.
//! - Whoever knows the token may put in and take out.

use std::collections::{BTreeMap, VecDeque};

/// The root context of a VM that is told when something is put into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// The VM's number.
    pub(crate) vm: u32,
    pub(crate) root: u32,
}

/// Why a queue could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueError {
    Unknown,
    Empty,
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
    /// Who is still to be told of which queue.
    ready: VecDeque<(Listener, u32)>,
}

#[derive(Debug)]
struct Queue {
    items: VecDeque<Vec<u8>>,
    listener: Listener,
}

impl SharedQueues {
    /// Registers a queue and gives its token; the first is 1.
    pub(crate) fn register(&mut self, vm_id: &str, name: &[u8], listener: Listener) -> u32 {
        let next = u32::try_from(self.tokens.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let key = (vm_id.to_owned(), name.to_vec());
        let token = *self.tokens.entry(key).or_insert(next);
        let queue = self.queues.entry(token).or_insert_with(|| Queue {
            items: VecDeque::new(),
            listener,
        });
        queue.listener = listener;
        token
    }

    /// The token of a queue that was registered under this `vm_id`.
    pub(crate) fn resolve(&self, vm_id: &str, name: &[u8]) -> Result<u32, QueueError> {
        let key = (vm_id.to_owned(), name.to_vec());
        self.tokens.get(&key).copied().ok_or(QueueError::Unknown)
    }

    /// Puts an item into a queue, of which its listener is told later.
    pub(crate) fn enqueue(&mut self, token: u32, item: Vec<u8>) -> Result<(), QueueError> {
        let queue = self.queues.get_mut(&token).ok_or(QueueError::Unknown)?;
        queue.items.push_back(item);
        self.ready.push_back((queue.listener, token));
        Ok(())
    }

    /// Takes the oldest item out of a queue.
    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, QueueError> {
        let queue = self.queues.get_mut(&token).ok_or(QueueError::Unknown)?;
        queue.items.pop_front().ok_or(QueueError::Empty)
    }

    /// Whether anybody is still to be told of anything.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether anybody in this VM is still to be told of anything.
    pub(crate) fn is_ready_for(&self, vm: u32) -> bool {
        self.ready.iter().any(|(listener, _)| listener.vm == vm)
    }

    /// Forgets whom there is still to tell, once everybody who is left has been told.
    pub(crate) fn forget_ready(&mut self) {
        self.ready.clear();
    }

    /// What the root contexts of a VM are still to be told: the root context and the queue.
    pub(crate) fn take_ready(&mut self, vm: u32) -> Vec<(u32, u32)> {
        let (of_vm, others) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition(|(listener, _)| listener.vm == vm);
        self.ready = others;
        let of_vm: VecDeque<_> = of_vm;
        of_vm
            .into_iter()
            .map(|(listener, token)| (listener.root, token))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Listener = Listener { vm: 1, root: 1 };
    const SECOND: Listener = Listener { vm: 2, root: 3 };

    #[test]
    fn a_queue_keeps_its_token_and_its_items_when_it_is_registered_again() {
        let mut queues = SharedQueues::default();
        assert_eq!(queues.register("vm", b"a", FIRST), 1);
        assert_eq!(queues.register("other", b"a", FIRST), 2);
        queues.enqueue(1, b"x".to_vec()).unwrap();
        assert_eq!(queues.register("vm", b"a", SECOND), 1);
        queues.enqueue(1, b"y".to_vec()).unwrap();
        assert_eq!(queues.resolve("vm", b"a"), Ok(1));
        assert_eq!(queues.resolve("vm", b"b"), Err(QueueError::Unknown));
        assert_eq!(queues.dequeue(1), Ok(b"x".to_vec()));
        assert_eq!(queues.dequeue(1), Ok(b"y".to_vec()));
        assert_eq!(queues.dequeue(1), Err(QueueError::Empty));
        assert_eq!(queues.dequeue(9), Err(QueueError::Unknown));
        assert_eq!(queues.enqueue(9, Vec::new()), Err(QueueError::Unknown));
    }

    #[test]
    fn each_item_is_told_once_to_whoever_was_registered_when_it_was_put_in() {
        let mut queues = SharedQueues::default();
        let token = queues.register("vm", b"a", FIRST);
        queues.enqueue(token, Vec::new()).unwrap();
        queues.register("vm", b"a", SECOND);
        queues.enqueue(token, Vec::new()).unwrap();
        queues.enqueue(token, Vec::new()).unwrap();
        assert_eq!(queues.take_ready(2), [(3, token), (3, token)]);
        assert_eq!(queues.take_ready(1), [(1, token)]);
        assert_eq!(queues.take_ready(1), []);
    }
}
