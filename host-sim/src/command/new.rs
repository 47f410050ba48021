//! `host-sim new`: a first scenario to change.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{self, Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::SimTarget;
use host_sim::scenario::{Scenario, Step};
use host_sim::target::{Exchange, LogLevel, Refusal, Started, Target as _};

use super::diagnostic::Pointed;
use crate::command::output::{say, show};

/// What `host-sim new` is told.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// Write it to this file, which must not exist; otherwise it is printed
    #[arg(value_name = "SCENARIO.toml")]
    file: Option<PathBuf>,
    /// Expect what this filter does with a plain request, so that the scenario holds
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: Option<PathBuf>,
    /// The filter's configuration; without it, an empty JSON object
    #[arg(long, value_name = "FILE", requires = "plugin")]
    config: Option<PathBuf>,
}

/// The scenario, with all steps that one can take.
pub(crate) const TEMPLATE: &str = include_str!("new/template.toml");

/// What the scenario says of a filter that lets a plain request pass.
const ABOUT: &str = "about = \"A request passes, and the upstream sees it.\"";
const CONFIG: &str = "\nconfig = {}\n";
const EXPECT: &str = "expect = { status = 200, upstream = true }";

impl New {
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let text = match &self.plugin {
            Some(plugin) => self.about(plugin)?,
            None => TEMPLATE.to_owned(),
        };
        let Some(file) = &self.file else {
            show!("{text}");
            return Ok(true);
        };
        let place = || file.display().to_string();
        let mut written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file)
            .with_context(place)?;
        written.write_all(text.as_bytes()).with_context(place)?;
        let plugin = self.plugin.as_deref().unwrap_or(Path::new("FILTER.wasm"));
        say!(
            "run it:  host-sim run --plugin {} {}",
            plugin.display(),
            file.display()
        );
        Ok(true)
    }

    /// The scenario with what this filter does with its request.
    fn about(&self, plugin: &Path) -> anyhow::Result<String> {
        let file = self.file.as_deref().unwrap_or(Path::new("new.toml"));
        let text = match &self.config {
            Some(config) => {
                let config = relative_to(file, config)?;
                TEMPLATE.replacen(CONFIG, &format!("\nconfig_file = {config}\n"), 1)
            }
            None => TEMPLATE.to_owned(),
        };
        let scenario = Scenario::from_toml(&text, file).map_err(Pointed::of_scenario)?;
        let request = scenario.steps().iter().find_map(|step| match step {
            Step::Exchange { requests, .. } => Some(&requests.request),
            _ => None,
        });
        let request = request.context("the scenario has no request")?;
        let setup = scenario.setup().map_err(Pointed::of_scenario)?;
        let target = SimTarget::new(super::load(plugin)?);
        let exchange = match target.start(&setup)? {
            Started::Running(mut session) => session.exchange(request)?,
            Started::Rejected(refusal) => bail!(
                "{}: the filter refuses its configuration: {}; name another with --config FILE",
                plugin.display(),
                why(&refusal)
            ),
        };
        if exchange.status == 200 && exchange.upstream.is_some() && !exchange.aborted {
            return Ok(text);
        }
        let about = format!(
            "about = \"A plain request is answered {}.\"",
            exchange.status
        );
        let text = text.replacen(ABOUT, &about, 1);
        Ok(text.replacen(EXPECT, &expectation(&exchange), 1))
    }
}

/// A file as a scenario in this one names it.
pub(super) fn relative_to(scenario: &Path, file: &Path) -> anyhow::Result<toml::Value> {
    let beside = scenario
        .parent()
        .is_none_or(|folder| folder == Path::new(""));
    let file = if beside {
        file.to_owned()
    } else {
        path::absolute(file).with_context(|| file.display().to_string())?
    };
    Ok(toml::Value::String(file.display().to_string()))
}

fn why(refusal: &Refusal) -> String {
    let errors = refusal
        .log
        .iter()
        .filter(|line| line.level >= LogLevel::Error);
    let errors = errors.map(|line| line.text.clone());
    let lines: Vec<_> = errors.chain(refusal.failure.clone()).collect();
    match lines.as_slice() {
        [] => "it does not say why".to_owned(),
        lines => lines.join("; "),
    }
}

fn expectation(exchange: &Exchange) -> String {
    let mut members = Vec::new();
    if exchange.status != 0 {
        members.push(format!("status = {}", exchange.status));
    }
    if exchange.aborted {
        members.push("reset = true".to_owned());
    }
    members.push(format!("upstream = {}", exchange.upstream.is_some()));
    format!("expect = {{ {} }}", members.join(", "))
}
