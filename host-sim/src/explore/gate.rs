//! Where a worker stops before it touches what all workers share, until the scheduler lets it go on.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Receiver, Sender};

use super::worker_thread::{Message, Touched};
use crate::host::access::Access;
use crate::host::probe::Probe;

/// The worker's side of the gate.
#[derive(Debug)]
pub(super) struct Gate {
    /// Whether the scheduler is asked at all; between explored steps it is not.
    shut: Cell<bool>,
    messages: Sender<Message>,
    go: Receiver<()>,
    /// What was touched without stopping since the last message.
    touched: RefCell<Vec<Access>>,
    /// Whether what it last stopped for came to nothing.
    missed: Cell<bool>,
}

impl Gate {
    pub(super) fn new(messages: Sender<Message>, go: Receiver<()>) -> Self {
        Self {
            shut: Cell::new(false),
            messages,
            go,
            touched: RefCell::default(),
            missed: Cell::new(false),
        }
    }

    /// From now on the worker stops at the gate, or passes.
    pub(super) fn shut(&self, shut: bool) {
        self.shut.set(shut);
    }

    /// Tells the scheduler, if it still listens.
    pub(super) fn say(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    /// What was touched since this was last asked, besides that for which the worker stopped.
    pub(super) fn take_touched(&self) -> Touched {
        Touched {
            missed: self.missed.take(),
            besides: self.touched.take(),
        }
    }
}

impl Probe for Gate {
    fn watches(&self) -> bool {
        self.shut.get()
    }

    /// Once nobody schedules the worker any more, the gate stays open.
    fn reach(&self, access: Access) {
        let message = Message::Reached {
            touched: self.take_touched(),
            next: access,
        };
        self.say(message);
        if self.go.recv().is_err() {
            self.shut.set(false);
        }
    }

    fn touch(&self, access: Access) {
        self.touched.borrow_mut().push(access);
    }

    fn miss(&self) {
        self.missed.set(true);
    }
}
