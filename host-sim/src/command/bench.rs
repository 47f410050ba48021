//! `host-sim bench`: what a request costs in a module, and whether its memory grows.
//!
//! The time is that of the whole simulation, the module's callbacks and the simulated host around them, on one thread of this
//! machine. Hostcalls and fuel do not depend on the machine: they are the numbers to compare between two versions of a module.

mod firefox;
mod flamegraph;
mod names;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use hdrhistogram::Histogram;
use host_sim::profile::{Frame, Profile};
use host_sim::scenario::{Scenario, Step};
use host_sim::target::Request;
use host_sim::{Builder, Module, SimulationError, Simulator, VmFailure};
use indicatif::ProgressBar;
use serde::Serialize;

use names::Names;

use super::diagnostic::Pointed;
use super::plugin::{Plugin, PluginOptions, SymbolsOptions};
use super::request::RequestOptions;
use crate::command::output::{say, show};

/// What `host-sim bench` is told.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// The filter; the same as --plugin
    #[arg(value_name = "FILTER.wasm")]
    module: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    symbols: SymbolsOptions,
    #[command(flatten)]
    request: RequestOptions,
    /// Send the requests of a scenario over and over, with its configuration, in place of one
    #[arg(long, value_name = "FILE.toml")]
    scenario: Option<PathBuf>,
    /// How many requests are measured
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 1000)]
    requests: u32,
    /// How many requests are sent before that
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    warm_up: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Also write where the instructions go, by the module's functions, for https://profiler.firefox.com
    #[arg(long, value_name = "FILE.json", help_heading = "The profile")]
    profile: Option<PathBuf>,
    /// The same as a picture
    #[arg(long, value_name = "FILE.svg", help_heading = "The profile")]
    flamegraph: Option<PathBuf>,
}

/// The longest time that is told apart from longer ones: a minute, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// What was measured.
#[derive(Debug, Serialize)]
struct Measurements {
    requests: u32,
    microseconds: Microseconds,
    hostcalls_per_request: f64,
    callbacks_per_request: f64,
    /// Instructions, as wasmtime counts them.
    fuel_per_request: f64,
    memory: Memory,
    /// The host's calls of the module.
    callbacks: Vec<Called>,
    /// The module's calls of the host.
    hostcalls: Vec<Called>,
    /// The module's functions, if they were asked for; the one with the most instructions of its own first.
    #[serde(skip_serializing_if = "Option::is_none")]
    functions: Option<Vec<Called>>,
}

/// What is called, and what that takes in a request, on the average.
#[derive(Debug, Serialize)]
struct Called {
    name: String,
    calls: f64,
    /// With those of whatever it calls in the module.
    instructions: f64,
    /// Without.
    own_instructions: f64,
    /// Of module and host together, while they were watched.
    microseconds: f64,
    /// What hostcalls copied out of and into the module's memory.
    bytes: f64,
    hostcalls: f64,
}

#[derive(Debug, Serialize)]
struct Microseconds {
    mean: f64,
    median: f64,
    p90: f64,
    p99: f64,
    most: f64,
}

/// The memory of all workers together, in bytes.
#[derive(Debug, Serialize)]
struct Memory {
    after_warm_up: usize,
    halfway: usize,
    at_the_end: usize,
    /// Whether it grew in the first half and in the second one as well.
    grows: bool,
}

/// Makes a simulation of a module ready.
type Build = dyn Fn(&Module) -> anyhow::Result<Builder>;

/// A plugin and what is sent to it.
struct Load {
    builder: Box<Build>,
    plugin: Plugin,
    requests: Vec<Request>,
}

/// What is left of a module that has died is not worth measuring.
#[derive(Debug, thiserror::Error)]
#[error("the module died: {0}; host-sim trace says where")]
struct Unmeasurable(VmFailure);

impl Bench {
    /// Whether the memory stopped growing.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if self.requests < 2 {
            bail!("a measurement takes at least 2 requests");
        }
        let load = self.load()?;
        let bytes =
            std::fs::read(&load.plugin.file).with_context(|| load.plugin.name().to_string())?;
        let bar = ProgressBar::new(u64::from(self.requests).saturating_mul(2));
        // With counting first: a callback that never returns is noticed there, and only there.
        let metered = Module::from_bytes(&bytes).with_context(|| load.plugin.name().to_string())?;
        let (fuel, profile) = match self.fuel(&load, &metered, &bar) {
            Ok(found) => found,
            Err(error) if error.is::<Unmeasurable>() || error.is::<SimulationError>() => {
                bar.finish_and_clear();
                say!("{}: {error}", load.plugin.name());
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let module = Module::unmetered(&bytes).with_context(|| load.plugin.name().to_string())?;
        let mut measurements = self.measure(&load, &module, &bar)?;
        measurements.fuel_per_request = fuel;
        let of = |profile: &Profile, names: &Names, is_one: fn(&Frame) -> bool| {
            called(profile, names, is_one, self.requests)
        };
        let none = Names::default();
        measurements.callbacks = of(&profile, &none, |frame| matches!(frame, Frame::Callback(_)));
        measurements.hostcalls = of(&profile, &none, |frame| matches!(frame, Frame::Hostcall(_)));
        if self.profile.is_some() || self.flamegraph.is_some() {
            let names = Names::of(&bytes, self.symbols.symbols.as_deref())?;
            let profiled =
                Module::profiled(&bytes).with_context(|| load.plugin.name().to_string())?;
            let (_, profile) = self.fuel(&load, &profiled, &bar)?;
            let is_function = |frame: &Frame| matches!(frame, Frame::Function(_));
            measurements.functions = Some(of(&profile, &names, is_function));
            let title = load.plugin.name().to_string();
            if let Some(file) = &self.profile {
                let document = firefox::document(&profile, &names, &title);
                std::fs::write(file, document.to_string())
                    .with_context(|| file.display().to_string())?;
            }
            if let Some(file) = &self.flamegraph {
                std::fs::write(file, flamegraph::svg(&profile, &names, &title))
                    .with_context(|| file.display().to_string())?;
            }
        }
        bar.finish_and_clear();
        if self.json {
            say!("{}", serde_json::to_string_pretty(&measurements)?);
        } else {
            show!("{}", table::text(&measurements));
        }
        Ok(!measurements.memory.grows)
    }

    fn load(&self) -> anyhow::Result<Load> {
        let plugin = self
            .plugin
            .clone()
            .with_module(self.module.as_ref())?
            .with_metadata(&self.request.metadata)
            .resolve()?;
        let Some(file) = &self.scenario else {
            let (upstream, services) = (self.request.upstream(), self.request.services());
            let of = plugin.clone();
            return Ok(Load {
                builder: Box::new(move |module| {
                    Ok(of
                        .builder(module)
                        .upstream(upstream.clone())
                        .services(services.clone()))
                }),
                plugin,
                requests: vec![self.request.request()],
            });
        };
        let scenario = Scenario::from_file(file).map_err(Pointed::of_scenario)?;
        let setup = scenario.setup().map_err(Pointed::of_scenario)?;
        let requests: Vec<_> = scenario
            .steps()
            .iter()
            .filter_map(|step| match step {
                Step::Exchange { requests, .. } => Some(requests.request.clone()),
                _ => None,
            })
            .collect();
        if requests.is_empty() {
            bail!("{}: no step of it is a request", file.display());
        }
        Ok(Load {
            builder: Box::new(move |module| {
                Ok(Simulator::builder(module).setup(&setup, Module::from_file)?)
            }),
            plugin,
            requests,
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "how long requests take is what is measured"
    )]
    fn measure(
        &self,
        load: &Load,
        module: &Module,
        bar: &ProgressBar,
    ) -> anyhow::Result<Measurements> {
        let mut simulator = self.warmed_up(load, module)?;
        let after_warm_up = memory(&simulator);
        let mut halfway = after_warm_up;
        let mut times = Histogram::<u64>::new_with_bounds(1, LONGEST, 3)?;
        let before = simulator.counts();
        for (number, request) in (0..self.requests).zip(load.requests.iter().cycle()) {
            let started = Instant::now();
            simulator.exchange(request)?;
            times.saturating_record(u64::try_from(started.elapsed().as_nanos())?);
            simulator.take_log();
            if number == self.requests / 2 {
                halfway = memory(&simulator);
            }
            bar.inc(1);
        }
        let at_the_end = memory(&simulator);
        let after = simulator.counts();
        let hostcalls = after.hostcalls.saturating_sub(before.hostcalls);
        let callbacks = after.callbacks.saturating_sub(before.callbacks);
        let micro = |nanoseconds: u64| rounded(nanoseconds, 1000);
        Ok(Measurements {
            requests: self.requests,
            microseconds: Microseconds {
                mean: (times.mean() / 10.0).round() / 100.0,
                median: micro(times.value_at_quantile(0.5)),
                p90: micro(times.value_at_quantile(0.9)),
                p99: micro(times.value_at_quantile(0.99)),
                most: micro(times.max()),
            },
            hostcalls_per_request: rounded(hostcalls, self.requests),
            callbacks_per_request: rounded(callbacks, self.requests),
            fuel_per_request: 0.0,
            memory: Memory {
                after_warm_up,
                halfway,
                at_the_end,
                grows: after_warm_up < halfway && halfway < at_the_end,
            },
            callbacks: Vec::new(),
            hostcalls: Vec::new(),
            functions: None,
        })
    }

    /// The instructions of a request and where they go, counted in a run of its own, because counting takes time.
    fn fuel(
        &self,
        load: &Load,
        module: &Module,
        bar: &ProgressBar,
    ) -> anyhow::Result<(f64, Profile)> {
        let mut simulator = self.warmed_up(load, module)?;
        simulator.start_profile();
        let before = simulator.fuel_used().unwrap_or_default();
        for (_, request) in (0..self.requests).zip(load.requests.iter().cycle()) {
            simulator.exchange(request)?;
            simulator.take_log();
            bar.inc(1);
        }
        if let Some(failure) = simulator.failure(0) {
            return Err(Unmeasurable(failure.clone()).into());
        }
        let used = simulator
            .fuel_used()
            .unwrap_or_default()
            .saturating_sub(before);
        let profile = simulator.take_profile().unwrap_or_default();
        Ok((rounded(used, self.requests), profile))
    }

    fn warmed_up(&self, load: &Load, module: &Module) -> anyhow::Result<Simulator> {
        let mut simulator =
            super::started((load.builder)(module)?.untraced().start(), &load.plugin)?;
        for (_, request) in (0..self.warm_up).zip(load.requests.iter().cycle()) {
            simulator.exchange(request)?;
        }
        simulator.take_log();
        Ok(simulator)
    }
}

/// The frames that are such, those with the most instructions of their own first.
fn called(
    profile: &Profile,
    names: &Names,
    is_one: fn(&Frame) -> bool,
    requests: u32,
) -> Vec<Called> {
    let mut totals: Vec<_> = profile.totals().into_iter().collect();
    totals.retain(|(frame, _)| is_one(frame));
    totals.sort_by_key(|(frame, totals)| (std::cmp::Reverse(totals.own_instructions), *frame));
    let of = |(frame, totals): (Frame, host_sim::profile::Totals)| {
        let nanoseconds = u64::try_from(totals.time.as_nanos()).unwrap_or(u64::MAX);
        Called {
            name: names.name(frame),
            calls: rounded(totals.calls, requests),
            instructions: rounded(totals.instructions, requests),
            own_instructions: rounded(totals.own_instructions, requests),
            microseconds: (rounded(nanoseconds, requests) / 10.0).round() / 100.0,
            bytes: rounded(totals.bytes, requests),
            hostcalls: rounded(totals.hostcalls, requests),
        }
    };
    totals.into_iter().map(of).collect()
}

fn memory(simulator: &Simulator) -> usize {
    simulator.memory_bytes().into_iter().sum()
}

/// A quotient with two digits behind the point.
fn rounded(sum: u64, count: u32) -> f64 {
    // Numbers beyond 2^53 do not occur, and would lose no digit that is shown.
    let sum = sum as f64;
    (sum / f64::from(count) * 100.0).round() / 100.0
}
