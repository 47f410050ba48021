//! The command `host-sim`: runs scenarios and checks configurations without Envoy.

#![expect(clippy::print_stdout, reason = "printing is what a command is for")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use host_sim::runner::{self, RunError};
use host_sim::scenario::Scenario;
use host_sim::target::{LogLevel, LogLine};
use host_sim::{Module, SimTarget, Simulator, StartError};

/// Runs a proxy-wasm filter as Envoy does, without Envoy.
///
/// The module is the very .wasm file that Envoy loads. Hostcalls, shared data, local responses and buffering follow Envoy 1.40.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Exit status: 0 good · 1 a scenario does not hold, or the configuration is refused · 2 the input cannot be read"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and say which of them do not hold
    ///
    /// A scenario is a TOML file with one behaviour: a configuration, the requests that are sent, and what a client, the upstream
    /// or an operator then sees. When one does not hold, the difference is printed together with every callback and hostcall of
    /// the step that went wrong.
    #[command(after_help = "\
A whole scenario:

  about = \"The last credit is spendable, and the next call is refused.\"
  config = { daily = 1 }

  [[step]]
  request = { path = \"/things\", headers = { orgId = \"7\" } }
  expect = { status = 200, headers = { x-remaining = \"0\" } }

  [[step]]
  request = { path = \"/things\", headers = { orgId = \"7\" } }
  expect = { status = 429, upstream = false, headers = { retry-after = true } }

Other steps: parallel; open, finish and disconnect (calls that overlap); advance = \"5s\" (moves the
clock); metrics, configure, log, cas_conflicts.")]
    Run {
        /// The filter, as Envoy loads it
        #[arg(long, value_name = "FILTER.wasm")]
        plugin: PathBuf,
        /// Scenario files, or directories that are searched for *.toml
        #[arg(required = true, value_name = "SCENARIO")]
        scenarios: Vec<PathBuf>,
    },
    /// Say whether Envoy would accept a configuration
    ///
    /// Prints `accepted`, or the line with which the filter refuses it.
    Check {
        /// The filter, as Envoy loads it
        #[arg(long, value_name = "FILTER.wasm")]
        plugin: PathBuf,
        /// The configuration, as the filter gets it
        #[arg(value_name = "FILTER.json")]
        configuration: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run { plugin, scenarios } => run(&plugin, &scenarios),
        Command::Check {
            plugin,
            configuration,
        } => check(&plugin, &configuration),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all scenarios hold. They are all read before the first one runs, so that a typing error is not found halfway.
fn run(plugin: &Path, paths: &[PathBuf]) -> anyhow::Result<bool> {
    let mut scenarios = Vec::new();
    for path in paths {
        for file in scenario_files(path)? {
            // The message says all that the chain of causes would.
            scenarios.push(Scenario::from_file(&file).map_err(anyhow::Error::msg)?);
        }
    }
    let target = SimTarget::new(load(plugin)?);
    let (mut held, mut failed) = (0_usize, 0_usize);
    for scenario in &scenarios {
        let holds = match runner::run(scenario, &target) {
            Ok(report) => {
                print!("{report}");
                report.mismatches.is_empty()
            }
            // The filter hangs or dies: that is what the scenario has found, and the others go on.
            Err(error @ RunError::Target { .. }) => {
                println!("FAILED   {error}");
                false
            }
            Err(error @ RunError::Scenario(_)) => return Err(anyhow::Error::msg(error)),
        };
        let count = if holds { &mut held } else { &mut failed };
        *count = count.saturating_add(1);
    }
    println!("{held} passed, {failed} failed");
    Ok(failed == 0)
}

/// A file itself, or the scenarios in a directory and below it, in the order of their names.
fn scenario_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = || format!("{}", path.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).with_context(unreadable)? {
        entries.push(entry.with_context(unreadable)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(scenario_files(&entry).unwrap_or_default());
        } else if entry
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(entry);
        }
    }
    if files.is_empty() {
        bail!("{}: no *.toml in this directory", path.display());
    }
    Ok(files)
}

/// Whether the configuration is accepted.
fn check(plugin: &Path, configuration: &Path) -> anyhow::Result<bool> {
    let text = fs::read(configuration).with_context(|| format!("{}", configuration.display()))?;
    let module = load(plugin)?;
    match Simulator::builder(&module).configuration(text).start() {
        Ok(_) => {
            println!("accepted");
            Ok(true)
        }
        Err(StartError::Rejected { log }) => {
            let reasons: Vec<_> = log
                .iter()
                .filter(|line| line.level >= LogLevel::Error)
                .collect();
            if reasons.is_empty() {
                println!("refused, and the filter does not say why");
            }
            for LogLine { text, .. } in reasons {
                println!("{text}");
            }
            Ok(false)
        }
        Err(error @ StartError::Failed { .. }) => {
            let logged = match &error {
                StartError::Failed { log, .. } => {
                    log.iter().map(|line| format!("\n  {line}")).collect()
                }
                _ => String::new(),
            };
            bail!("{}: {error}{logged}", plugin.display())
        }
        Err(error) => Err(error).with_context(|| format!("{}", plugin.display())),
    }
}

fn load(plugin: &Path) -> anyhow::Result<Module> {
    let bytes = fs::read(plugin).with_context(|| format!("{}", plugin.display()))?;
    Module::from_bytes(&bytes).with_context(|| format!("{}", plugin.display()))
}
