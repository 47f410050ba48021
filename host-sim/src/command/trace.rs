//! `host-sim trace`: every callback and hostcall of one request, or of a scenario.

mod debugger;
mod line;
mod traced;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use host_sim::scenario::Scenario;
use host_sim::target::Exchange;
use host_sim::{Explanation, Module, SimTarget, StartError, runner};
use serde::Serialize;

use super::diagnostic::Pointed;
use super::plugin::{Plugin, PluginOptions, SymbolsOptions};
use super::request::RequestOptions;
use crate::command::output::{say, show};
use line::TraceLine;
use traced::{Line, Traced};

/// What `host-sim trace` is told.
#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// The filter; the same as --plugin
    #[arg(value_name = "FILTER.wasm")]
    module: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    symbols: SymbolsOptions,
    #[command(flatten)]
    request: RequestOptions,
    /// Trace the steps of a scenario, with its configuration, in place of a request
    #[arg(long, value_name = "FILE.toml")]
    scenario: Option<PathBuf>,
    /// Also show what happens before the request: how the VMs start
    #[arg(long)]
    start: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Wait for gdb or lldb, which then stops in the filter's source: it must have DWARF. Its machine code and scripts for both go to this folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    debugger: Option<PathBuf>,
}

#[derive(Serialize)]
struct TraceReport<'a> {
    trace: Vec<TraceLine<'a>>,
    log: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    died: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    aborted: bool,
    reached_upstream: bool,
}

impl Trace {
    /// Whether the filter has started; whatever it does then is what was to be shown.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        match &self.scenario {
            Some(file) => self.of_scenario(file).map(|()| true),
            None => self.of_request(),
        }
    }

    fn of_request(&self) -> anyhow::Result<bool> {
        let plugin = self
            .plugin
            .clone()
            .with_module(self.module.as_ref())?
            .with_metadata(&self.request.metadata)
            .with_symbols(&self.symbols)
            .resolve()?;
        let module = self.load(&plugin)?;
        let builder = plugin
            .builder(&module)
            .upstream(self.request.upstream())
            .services(self.request.services());
        let mut simulator = match builder.start() {
            Ok(simulator) => simulator,
            Err(error) => return self.of_failed_start(&error, &plugin),
        };
        let mut trace = simulator.take_trace();
        if !self.start {
            trace.clear();
        }
        let outcome = simulator.exchange(&self.request.request());
        trace.extend(simulator.take_trace());
        let log = simulator.log();
        let died = Explanation::of(&trace, &log).map(|explanation| explanation.to_string());
        let answered = outcome.is_ok() && died.is_none();
        let hint = simulator.take_hidden_body();
        let hint = hint.map(|hidden| hidden.to_string());
        let logged: Vec<_> = log.iter().map(ToString::to_string).collect();
        if self.json {
            let answer = outcome.as_ref().ok().map(answer);
            let trace = trace.iter().map(TraceLine::of).collect();
            print_json(trace, logged, answer, died, hint)?;
            return Ok(answered);
        }
        for line in trace.iter().filter(|line| !line.is_of_crash()) {
            say!("{line}");
        }
        if !logged.is_empty() {
            say!("\nlogged");
            for line in &logged {
                say!("  {line}");
            }
        }
        match outcome {
            Ok(exchange) => show!("\n{}", shown(&exchange)),
            Err(error) => say!("\nno answer: {error}"),
        }
        if let Some(hint) = hint {
            say!("\n{hint}");
        }
        if let Some(died) = died {
            show!("\n{died}");
        }
        Ok(answered)
    }

    /// The module; for a debugger, that has come then.
    fn load(&self, plugin: &Plugin) -> anyhow::Result<Module> {
        let Some(folder) = &self.debugger else {
            return plugin.load();
        };
        let name = plugin.name();
        // What is wrong with the files is said as always.
        if !plugin.load()?.has_source_lines() {
            anyhow::bail!(
                "{name}: the module has no source lines (DWARF sections such as .debug_line): compile it with debug = true and strip = false"
            );
        }
        // A twin has the same code.
        let file = match &self.symbols.symbols {
            Some(twin) if !super::load(&plugin.file)?.has_source_lines() => twin,
            _ => &plugin.file,
        };
        let place = || file.display().to_string();
        let bytes = std::fs::read(file).with_context(place)?;
        let module = Module::debuggable(&bytes).with_context(place)?;
        debugger::wait(&module, folder)?;
        Ok(module)
    }

    /// What happened until the filter refused its configuration or died.
    fn of_failed_start(&self, error: &StartError, plugin: &Plugin) -> anyhow::Result<bool> {
        let (trace, log) = match error {
            StartError::Rejected { log, trace } | StartError::Failed { log, trace, .. } => {
                (trace.as_slice(), log.as_slice())
            }
            StartError::Load(_) => (&[][..], &[][..]),
        };
        if self.json {
            let logged = log.iter().map(ToString::to_string).collect();
            let trace = trace.iter().map(TraceLine::of).collect();
            print_json(trace, logged, None, Some(super::why(error, plugin)), None)?;
            return Ok(false);
        }
        for line in trace {
            say!("{line}");
        }
        say!("\n{}", super::why(error, plugin));
        Ok(false)
    }

    fn of_scenario(&self, file: &std::path::Path) -> anyhow::Result<()> {
        let scenario = Scenario::from_file(file).map_err(Pointed::of_scenario)?;
        let plugin = self
            .plugin
            .clone()
            .with_module(self.module.as_ref())?
            .with_symbols(&self.symbols)
            .resolve()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let target = Traced::new(
            SimTarget::new(self.load(&plugin)?).with_envoy(plugin.envoy),
            Arc::clone(&lines),
            self.start,
        );
        let report = runner::run(&scenario, &target).context("running the scenario")?;
        let trace = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        if self.json {
            let logged = report.log.iter().map(ToString::to_string).collect();
            let trace = trace.iter().map(|line| match line {
                Line::Step(step) => TraceLine::note(step),
                Line::Event(event) => TraceLine::of(event),
            });
            return print_json(trace.collect(), logged, None, None, None);
        }
        for line in &trace {
            say!("{line}");
        }
        if !report.is_good() {
            show!("\n{report}");
        }
        Ok(())
    }
}

fn print_json(
    trace: Vec<TraceLine<'_>>,
    log: Vec<String>,
    answer: Option<Answer>,
    died: Option<String>,
    hint: Option<String>,
) -> anyhow::Result<()> {
    let document = TraceReport {
        trace,
        log,
        answer,
        died,
        hint,
    };
    say!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

fn answer(exchange: &Exchange) -> Answer {
    Answer {
        status: exchange.status,
        headers: exchange.headers.clone(),
        body: String::from_utf8_lossy(&exchange.body).into_owned(),
        aborted: exchange.aborted,
        reached_upstream: exchange.upstream.is_some(),
    }
}

/// What the client gets.
fn shown(exchange: &Exchange) -> String {
    let mut text = match (exchange.status, exchange.aborted) {
        (0, _) => "the client gets no answer: the stream is reset\n".to_owned(),
        (status, true) => format!("the client gets {status}, and then the stream is reset\n"),
        (status, false) => format!("the client gets {status}\n"),
    };
    for (name, value) in &exchange.headers {
        text.push_str(&format!("  {name}: {value}\n"));
    }
    if !exchange.body.is_empty() {
        let body = String::from_utf8_lossy(&exchange.body);
        text.push_str(&format!("\n{}\n", body.trim_end()));
    }
    if exchange.upstream.is_none() {
        text.push_str("the upstream saw nothing of it\n");
    }
    text
}
