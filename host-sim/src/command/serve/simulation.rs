//! The thread on which the simulation lives, and what reaches it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::Context as _;
use host_sim::target::{Exchange, Request, Service, ServiceBehaviour, Upstream, UpstreamBehaviour};
use host_sim::{CallId, CalloutId, Explanation, Happening, Module, Simulator, StartError};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::outside::Outside;
use crate::command::check::reasons;
use crate::command::output::say;
use crate::command::plugin::{Plugin, PluginOptions};

/// Something that reaches the simulation.
pub(super) enum Event {
    /// A client calls.
    Request {
        /// By which the proxy knows the call.
        client: u64,
        request: Request,
        reply: oneshot::Sender<Exchange>,
    },
    /// A client has gone away.
    Gone { client: u64 },
    /// The upstream has done this.
    Upstream {
        generation: u64,
        call: CallId,
        behaviour: UpstreamBehaviour,
    },
    /// A service has answered, or cannot be reached.
    Callout {
        generation: u64,
        callout: CalloutId,
        answer: Option<Upstream>,
    },
    /// The filter or its configuration has changed.
    Reload,
    /// That is all.
    Stop,
}

/// The simulation and its surroundings.
pub(super) struct Simulation {
    options: PluginOptions,
    /// The bytes of the module in force.
    module: Vec<u8>,
    /// Simulations by number; only the last one takes new calls.
    generations: BTreeMap<u64, Generation>,
    outside: Outside,
    events: Sender<Event>,
    trace: bool,
}

/// The simulation of one module. It lives until its last call has ended.
struct Generation {
    simulator: Simulator,
    calls: BTreeMap<CallId, (u64, oneshot::Sender<Exchange>)>,
}

impl Simulation {
    /// Starts the filter. Also says which files it depends on.
    pub(super) fn start(
        options: PluginOptions,
        outside: Outside,
        events: Sender<Event>,
        trace: bool,
    ) -> anyhow::Result<(Self, Vec<PathBuf>)> {
        let plugin = options.resolve()?;
        let mut simulation = Self {
            options,
            module: Vec::new(),
            generations: BTreeMap::new(),
            outside,
            events,
            trace,
        };
        simulation.start_generation(&plugin)?;
        Ok((simulation, plugin.files))
    }

    fn start_generation(&mut self, plugin: &Plugin) -> anyhow::Result<()> {
        let place = || plugin.name().to_string();
        let bytes = std::fs::read(&plugin.file).with_context(place)?;
        let module = Module::unmetered(&bytes).with_context(place)?;
        let service = |cluster: &str| Service {
            cluster: cluster.to_owned(),
            // It is never asked: callouts go outside before.
            behaviour: ServiceBehaviour::Hang,
        };
        let builder = plugin
            .builder(&module)
            .services(self.outside.clusters().map(service).collect())
            .clock(Timestamp::now());
        let simulator = crate::command::started(builder.start(), plugin)?;
        let number = self.newest().map_or(0, |number| number.saturating_add(1));
        let calls = BTreeMap::new();
        self.generations
            .insert(number, Generation { simulator, calls });
        self.module = bytes;
        Ok(())
    }

    fn newest(&self) -> Option<u64> {
        self.generations.keys().next_back().copied()
    }

    /// Handles events until it is told to stop.
    pub(super) fn run(mut self, events: &Receiver<Event>) -> anyhow::Result<()> {
        self.settle()?;
        loop {
            let event = match self.patience() {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => events.recv_timeout(patience),
            };
            let now = Timestamp::now();
            for generation in self.generations.values_mut() {
                generation.simulator.advance_to(now);
            }
            match event {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.settle()?;
        }
    }

    /// How long it is until something happens by itself.
    fn patience(&self) -> Option<Duration> {
        let due = self.generations.values();
        let due = due
            .filter_map(|generation| generation.simulator.next_due())
            .min()?;
        let until = due.duration_since(Timestamp::now());
        // A little later is enough, earlier is not.
        let until = Duration::try_from(until).unwrap_or_default();
        Some(until.saturating_add(Duration::from_micros(100)))
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Request {
                client,
                request,
                reply,
            } => {
                if let Some(mut newest) = self.generations.last_entry() {
                    let newest = newest.get_mut();
                    let call = newest.simulator.begin(&request)?;
                    newest.calls.insert(call, (client, reply));
                }
            }
            Event::Gone { client } => {
                for Generation { simulator, calls } in self.generations.values_mut() {
                    let call = calls.iter().find(|(_, (of, _))| *of == client);
                    if let Some((call, _)) = call {
                        simulator.leave(*call);
                    }
                }
            }
            Event::Upstream {
                generation,
                call,
                behaviour,
            } => {
                if let Some(generation) = self.generations.get_mut(&generation) {
                    generation.simulator.answer(call, behaviour);
                }
            }
            Event::Callout {
                generation,
                callout,
                answer,
            } => {
                if let Some(generation) = self.generations.get_mut(&generation) {
                    generation
                        .simulator
                        .answer_callout(callout, answer.as_ref());
                }
            }
            Event::Reload => match self.reload() {
                Ok(what) => say!("reloaded: {what}"),
                Err(error) => crate::command::print_error(&error.context("still the old one")),
            },
            Event::Stop => {}
        }
        Ok(())
    }

    /// Takes a changed configuration as Envoy does, and a changed module as Envoy takes a new VM. Shared data do not outlive a module.
    fn reload(&mut self) -> anyhow::Result<&'static str> {
        let plugin = self.options.resolve()?;
        let bytes = std::fs::read(&plugin.file).with_context(|| plugin.name().to_string())?;
        if bytes != self.module {
            self.start_generation(&plugin)?;
            return Ok("the filter");
        }
        if let Some(mut newest) = self.generations.last_entry() {
            let simulator = &mut newest.get_mut().simulator;
            match simulator.configure(&plugin.configuration) {
                Ok(()) => {}
                Err(StartError::Rejected { log, .. }) => {
                    anyhow::bail!("the configuration is refused: {}", reasons(&log).join("\n"))
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok("the configuration")
    }

    /// Goes on with everything and acts on what has happened.
    fn settle(&mut self) -> anyhow::Result<()> {
        let newest = self.newest();
        for (number, generation) in &mut self.generations {
            let happenings = generation.simulator.settle()?;
            let trace = generation.simulator.take_trace();
            let log = generation.simulator.take_log();
            if self.trace {
                for line in &trace {
                    say!("{line}");
                }
            }
            for line in &log {
                say!("{line}");
            }
            if let Some(explanation) = Explanation::of(&trace, &log) {
                eprint!("{explanation}");
            }
            for happening in happenings {
                act(happening, *number, generation, &self.outside, &self.events);
            }
        }
        self.generations
            .retain(|number, generation| Some(*number) == newest || !generation.calls.is_empty());
        Ok(())
    }
}

fn act(
    happening: Happening,
    number: u64,
    generation: &mut Generation,
    outside: &Outside,
    events: &Sender<Event>,
) {
    let events = events.clone();
    match happening {
        Happening::Forward { call, request } => outside.forward(request, move |behaviour| {
            let _ = events.send(Event::Upstream {
                generation: number,
                call,
                behaviour,
            });
        }),
        Happening::Ended { call, exchange } => {
            if let Some((_, reply)) = generation.calls.remove(&call) {
                let _ = reply.send(exchange);
            }
        }
        Happening::Callout {
            callout,
            cluster,
            request,
            ..
        } => outside.call_out(&cluster, request, move |answer| {
            let _ = events.send(Event::Callout {
                generation: number,
                callout,
                answer,
            });
        }),
    }
}
