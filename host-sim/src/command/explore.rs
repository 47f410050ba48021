//! `host-sim explore`: scenarios under every order of events.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use host_sim::EnvoyVersion;
use host_sim::explore::{Bounds, ExploreError, Explored, Explorer, Failure, Problem};
use host_sim::runner::RunError;
use host_sim::scenario::Scenario;
use indicatif::{ProgressBar, ProgressStyle};

use super::diagnostic::Pointed;
use super::interruption::{self, Interrupted};
use super::plugin::SymbolsOptions;
use crate::command::output::{say, show};

/// What `host-sim explore` is told.
#[derive(Args, Debug)]
pub(crate) struct Explore {
    /// The filter, as Envoy loads it
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: PathBuf,
    #[command(flatten)]
    symbols: SymbolsOptions,
    /// Scenario files, or directories that are searched for *.toml
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Search so many schedules of a scenario; if there are more, draw as many by lot
    #[arg(long, value_name = "N", default_value_t = Bounds::default().schedules, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// What the lot follows from: the same number draws the same schedules
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Let each worker's timer fire once at any time
    #[arg(long)]
    ticks: bool,
    /// Let request bodies arrive in one piece and in two, ended by the last piece or after it
    #[arg(long)]
    shapes: bool,
    /// The version of Envoy whose rules are followed, 1.36 to 1.40
    #[arg(long, value_name = "VERSION", default_value_t = EnvoyVersion::NEWEST)]
    envoy: EnvoyVersion,
}

impl Explore {
    /// Whether all scenarios hold under all schedules that were run.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let module = super::with_symbols(super::load(&self.plugin)?, &self.symbols)?;
        let bounds = Bounds {
            schedules: self.schedules,
            seed: self.seed,
            ticks: self.ticks,
            shapes: self.shapes,
        };
        let mut scenarios = Vec::new();
        for path in &self.scenarios {
            for file in super::run::scenario_files(path)? {
                scenarios.push(Scenario::from_file(&file).map_err(Pointed::of_scenario)?);
            }
        }
        let style = ProgressStyle::with_template("{spinner} {msg}: {pos} schedules, {per_sec}")?;
        let interrupted = interruption::listen()?;
        let mut all_hold = true;
        for scenario in &scenarios {
            let name = scenario.path.display().to_string();
            let bar = ProgressBar::new_spinner()
                .with_style(style.clone())
                .with_message(name.clone());
            let explored = Explorer::new(&module, scenario, bounds)
                .with_envoy(self.envoy)
                .interrupted_by(Arc::clone(&interrupted))
                .run(|count| bar.set_position(count))
                .map_err(pointed)?;
            bar.finish_and_clear();
            all_hold &= explored.failure.is_none();
            show!("{}", told(&name, &explored));
            // What fails from the start needs no order.
            if let Some(failure) = explored
                .failure
                .as_ref()
                .filter(|failure| !failure.schedule.is_empty())
            {
                say!(
                    "  To run it again: host-sim run --plugin {} {name} --schedule {:?}",
                    self.plugin.display(),
                    failure.schedule.to_string()
                );
            }
            if explored.interrupted && all_hold {
                return Err(Interrupted.into());
            }
        }
        Ok(all_hold)
    }
}

pub(super) fn pointed(error: ExploreError) -> anyhow::Error {
    match error {
        ExploreError::Run(RunError::Scenario(error)) => Pointed::of_scenario(error),
        error => error.into(),
    }
}

fn told(name: &str, explored: &Explored) -> String {
    let count = explored.schedules;
    match &explored.failure {
        None if explored.complete => format!(
            "ok       {name}: holds under every order of events, {}\n",
            schedules(count)
        ),
        None if explored.interrupted => format!(
            "stopped  {name}: holds under {} that were run until then; there are others\n",
            schedules(count.saturating_add(explored.drawn))
        ),
        None => format!(
            "ok       {name}: holds under {}, and under {} more drawn by lot; there are others\n",
            schedules(count),
            explored.drawn
        ),
        Some(failure) if failure.schedule.is_empty() => format!(
            "{}  It takes no particular order: one thing after the other is enough.\n",
            problem(name, failure)
        ),
        Some(failure) => {
            let ran = count.saturating_add(explored.drawn);
            format!("{}{}", problem(name, failure), found(failure, ran))
        }
    }
}

fn schedules(count: u64) -> String {
    match count {
        1 => "1 schedule".to_owned(),
        count => format!("{count} schedules"),
    }
}

fn problem(name: &str, failure: &Failure) -> String {
    match &failure.problem {
        Problem::Differs(report) => format!("{report:#}"),
        Problem::Broken(what) => format!("FAILED   {name}: {what}\n"),
    }
}

fn found(failure: &Failure, ran: u64) -> String {
    let preemptions = match failure.preemptions {
        0 => "without interrupting any worker".to_owned(),
        1 => "interrupting a worker once".to_owned(),
        more => format!("interrupting workers {more} times"),
    };
    let mut text = format!(
        "  The schedule, {preemptions}: {} (found after {ran})\n",
        failure.schedule
    );
    for step in &failure.steps {
        text.push_str(&format!("    {step}\n"));
    }
    text
}
