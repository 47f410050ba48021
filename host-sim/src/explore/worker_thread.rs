//! A thread with one worker in it, seen from the scheduler.

use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::gate::Gate;
use crate::host::access::Access;
use crate::host::shared::ProcessState;
use crate::proxy::simulator::{Builder, CallId, Event, SimulationError, Simulator, StartError};

/// What a worker has touched since it last said so.
#[derive(Debug)]
pub(crate) struct Touched {
    /// What it had stopped for came to nothing.
    pub(super) missed: bool,
    /// What it touched without stopping.
    pub(super) besides: Vec<Access>,
}

/// What a worker's thread says while a step is explored.
#[derive(Debug)]
pub(crate) enum Message {
    /// It has stopped at the gate.
    Reached {
        /// What it touched since the last message.
        touched: Touched,
        /// What it will touch first when it goes on.
        next: Access,
    },
    /// The event is over.
    Done {
        /// What it touched since the last message.
        touched: Touched,
        /// What came of it.
        outcome: Result<Outcome, SimulationError>,
    },
}

/// What came of an event.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The call that it began.
    pub(super) begun: Option<CallId>,
    /// What has happened meanwhile.
    pub(super) events: Vec<Event>,
}

/// What a worker does at once, unless the gate stops it.
pub(super) type Work = Box<dyn FnOnce(&mut Simulator) -> Result<Outcome, SimulationError> + Send>;

type Job = Box<dyn FnOnce(&mut Simulator, &Gate) + Send>;

/// The thread.
#[derive(Debug)]
pub(super) struct WorkerThread {
    jobs: Option<Sender<Job>>,
    messages: Receiver<Message>,
    go: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread is gone, which it never is while somebody knows it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a worker's thread ended")]
pub(super) struct Gone;

impl WorkerThread {
    /// Starts the worker with this index.
    pub(super) fn start(
        builder: Builder,
        index: usize,
        process: ProcessState,
    ) -> Result<Result<Self, StartError>, Gone> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (sender, messages) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let (started, is_started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let gate = Rc::new(Gate::new(sender, may_go));
            let outcome = builder.start_one(index, process, gate.clone());
            let (outcome, simulator) = match outcome {
                Ok(simulator) => (Ok(()), Some(simulator)),
                Err(error) => (Err(error), None),
            };
            // Whoever does not listen any more does not want it.
            let _ = started.send(outcome);
            if let Some(mut simulator) = simulator {
                for job in todo {
                    job(&mut simulator, &gate);
                }
            }
        });
        let outcome = is_started.recv().map_err(|_| Gone)?;
        Ok(outcome.map(|()| Self {
            jobs: Some(jobs),
            messages,
            go: Some(go),
            thread: Some(thread),
        }))
    }

    /// Does something with the simulation and waits for it. The gate is open meanwhile.
    pub(super) fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Simulator) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (sender, result) = mpsc::channel();
        self.send(Box::new(move |simulator, _| {
            let _ = sender.send(work(simulator));
        }))?;
        result.recv().map_err(|_| Gone)
    }

    /// Lets an event begin; [`next`](Self::next) says how far it came. When it is not explored, the gate is open.
    pub(super) fn begin(&self, event: Work, explored: bool) -> Result<(), Gone> {
        self.send(Box::new(move |simulator, gate| {
            gate.shut(explored);
            let outcome = event(simulator);
            gate.shut(false);
            gate.say(Message::Done {
                touched: gate.take_touched(),
                outcome,
            });
        }))
    }

    /// Lets a worker go on that has stopped at the gate.
    pub(super) fn go(&self) -> Result<(), Gone> {
        self.go.as_ref().ok_or(Gone)?.send(()).map_err(|_| Gone)
    }

    /// Waits for how far the worker came.
    pub(super) fn next(&self) -> Result<Message, Gone> {
        self.messages.recv().map_err(|_| Gone)
    }

    fn send(&self, job: Job) -> Result<(), Gone> {
        self.jobs.as_ref().ok_or(Gone)?.send(job).map_err(|_| Gone)
    }
}

impl Drop for WorkerThread {
    /// A worker that stands at the gate goes through it to the end of its event.
    fn drop(&mut self) {
        self.jobs = None;
        self.go = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
