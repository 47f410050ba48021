//! `host-sim fuzz`: looks for what breaks a filter.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::fuzz::{FuzzError, Fuzzer, Settings};
use host_sim::scenario::Scenario;
use indicatif::{ProgressBar, ProgressStyle};

use super::NotStarted;
use super::diagnostic::Pointed;
use super::output::say;
use super::run::scenario_files;

/// What `host-sim fuzz` is told.
#[derive(Args, Debug)]
pub(crate) struct Fuzz {
    /// The filter, as Envoy loads it
    #[arg(value_name = "FILTER.wasm")]
    plugin: PathBuf,
    /// Scenarios to begin with, and directories with some: what they set up, their steps and their invariants
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// The file with the filter's configuration, where no scenario is named
    #[arg(long, value_name = "FILE", conflicts_with = "scenarios")]
    config: Option<PathBuf>,
    /// Show the filter the body of a request whose headers it holds, where no scenario is named, as with `allow_on_headers_stop_iteration: true` in Envoy
    #[arg(long, conflicts_with = "scenarios")]
    allow_on_headers_stop_iteration: bool,
    /// What everything follows from
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// After how many calls to end
    #[arg(short = 'n', long, value_name = "CALLS", default_value_t = 100_000)]
    executions: u64,
    /// After how many seconds to end, if that is earlier
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// The most steps of a scenario
    #[arg(long, value_name = "STEPS", default_value_t = Settings::default().steps)]
    steps: usize,
    /// After how many instructions a callback counts as one that never returns
    #[arg(long, value_name = "NUMBER", default_value_t = Settings::default().instructions)]
    instructions: u64,
    /// Make up no configurations
    #[arg(long)]
    same_configuration: bool,
    /// Where the smallest scenario with a fault is written
    #[arg(
        short,
        long,
        value_name = "SCENARIO.toml",
        default_value = "found.toml"
    )]
    output: PathBuf,
}

/// How often it says how far it is.
const INTERVAL: Duration = Duration::from_secs(10);

impl Fuzz {
    /// Whether nothing was found.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long it takes on the machine is told, and ends it where somebody says so"
    )]
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if self.steps == 0 || self.executions == 0 {
            bail!("--steps and --executions must be at least 1");
        }
        // What is wrong with the file is said as always.
        super::load(&self.plugin)?;
        let place = || self.plugin.display().to_string();
        let module = fs::read(&self.plugin).with_context(place)?;
        let settings = Settings {
            seed: self.seed,
            steps: self.steps,
            instructions: self.instructions,
            configurations: !self.same_configuration,
        };
        let mut fuzzer =
            Fuzzer::new(&module, &self.beginnings()?, settings).map_err(|error| match error {
                FuzzError::Start { scenario, why } => {
                    NotStarted(format!("{scenario}: {}: {why}", place())).into()
                }
                error => anyhow::Error::msg(error),
            })?;
        let bar = ProgressBar::new(self.executions).with_style(ProgressStyle::with_template(
            "{bar:30} {pos}/{len} calls {eta} {msg}",
        )?);
        let started = Instant::now();
        let limit = self.time.map(Duration::from_secs);
        let mut told = started;
        let found = loop {
            let is_late = limit.is_some_and(|limit| started.elapsed() > limit);
            if fuzzer.executions() >= self.executions || is_late {
                break None;
            }
            if let Some(found) = fuzzer.round() {
                break Some(found);
            }
            bar.set_position(fuzzer.executions());
            bar.set_message(progress(&fuzzer));
            if bar.is_hidden() && told.elapsed() > INTERVAL {
                told = Instant::now();
                eprintln!("{} calls, {}", fuzzer.executions(), progress(&fuzzer));
            }
        };
        bar.finish_and_clear();
        let (reached, all) = fuzzer.reached();
        say!(
            "seed {}: {} calls in {} scenarios, {} kept; {reached} of {all} blocks of code reached",
            self.seed,
            fuzzer.executions(),
            fuzzer.rounds(),
            fuzzer.kept()
        );
        eprintln!("took {:.1} s", started.elapsed().as_secs_f64());
        let Some(found) = found else {
            say!("nothing found");
            return Ok(true);
        };
        fs::write(&self.output, &found.scenario)
            .with_context(|| self.output.display().to_string())?;
        say!("found: {}", found.fault);
        let (steps, before) = found.steps;
        say!("{}: {steps} of {before} steps", self.output.display());
        let command = match found.fault {
            host_sim::fuzz::Fault::Leak(_) => "bench --scenario",
            _ => "run",
        };
        let plugin = self.plugin.display();
        let output = self.output.display();
        say!(
            "run it:  host-sim {command} {} ",
            if command == "run" {
                format!("{plugin} {output}")
            } else {
                format!("{output} --plugin {plugin}")
            }
        );
        Ok(false)
    }

    /// The scenarios to begin with.
    fn beginnings(&self) -> anyhow::Result<Vec<Scenario>> {
        let mut scenarios = Vec::new();
        for path in &self.scenarios {
            for file in scenario_files(path)? {
                scenarios.push(Scenario::from_file(&file).map_err(Pointed::of_scenario)?);
            }
        }
        if !self.scenarios.is_empty() {
            return Ok(scenarios);
        }
        let mut text = "about = \"A plain call.\"\n".to_owned();
        if let Some(file) = &self.config {
            let file = std::path::absolute(file).with_context(|| file.display().to_string())?;
            let name = toml::Value::String(file.display().to_string());
            text.push_str(&format!("config_file = {name}\n"));
        }
        if self.allow_on_headers_stop_iteration {
            text.push_str("plugin = { allow_on_headers_stop_iteration = true }\n");
        }
        text.push_str("workers = 2\n[[step]]\nrequest = {}\n");
        let path = std::path::Path::new("the beginning");
        Ok(vec![
            Scenario::from_toml(&text, path).map_err(Pointed::of_scenario)?,
        ])
    }
}

fn progress(fuzzer: &Fuzzer) -> String {
    let (reached, all) = fuzzer.reached();
    format!(
        "{} scenarios, {} kept, {reached} of {all} blocks",
        fuzzer.rounds(),
        fuzzer.kept()
    )
}
