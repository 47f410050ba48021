//! Where a worker stops before it touches what all workers share, until the scheduler lets it go on.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Receiver, Sender};

use super::access::Access;
use super::seat::{Message, Touched};

/// The worker's side of the gate.
#[derive(Debug)]
pub(crate) struct Gate {
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

    /// The worker is about to do this. Once nobody schedules it any more, the gate stays open.
    pub(crate) fn pass(&self, access: impl FnOnce() -> Access) {
        if !self.shut.get() {
            return;
        }
        let message = Message::Reached {
            touched: self.take_touched(),
            next: access(),
        };
        self.say(message);
        if self.go.recv().is_err() {
            self.shut.set(false);
        }
    }

    /// Tells the scheduler, if it still listens.
    pub(super) fn say(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    /// The worker does this without stopping, because it can be swapped with nearly anything.
    pub(crate) fn touch(&self, access: impl FnOnce() -> Access) {
        if self.shut.get() {
            self.touched.borrow_mut().push(access());
        }
    }

    /// What the worker last stopped for has come to nothing, and would have whatever had come before it.
    pub(crate) fn miss(&self) {
        self.missed.set(self.shut.get());
    }

    /// What was touched since this was last asked, besides that for which the worker stopped.
    pub(super) fn take_touched(&self) -> Touched {
        Touched {
            missed: self.missed.take(),
            besides: self.touched.take(),
        }
    }
}
