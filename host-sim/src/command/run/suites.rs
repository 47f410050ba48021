//! Tests that were written for Google's Service Extensions, which `host-sim run` takes beside scenarios.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use host_sim::Module;
use host_sim::scenario::Scenario;
use host_sim::service_extensions::{Suite, TestError};
use indicatif::ProgressBar;

use super::outcome::Outcome;
use super::{Run, broken, timed};
use crate::command::diagnostic::Pointed;
use crate::command::output::show;

/// The files of tests among these paths.
pub(super) fn read(
    run: &Run,
    paths: &[PathBuf],
    read: &mut BTreeSet<PathBuf>,
) -> anyhow::Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for path in paths.iter().filter(|path| Suite::is_named_like_one(path)) {
        let suite = Suite::from_file(path).map_err(Pointed::of_scenario)?;
        for (line, why) in suite.unused() {
            eprintln!("{}:{line}: passed over: {why}", path.display());
        }
        read.insert(path.clone());
        read.extend(suite.module().filter(|_| run.plugin.is_none()));
        read.extend(suite.configuration().filter(|_| run.config.is_none()));
        suites.push(suite);
    }
    if suites.is_empty() && run.config.is_some() {
        bail!("--config is for tests.textpb; a scenario names its configuration itself");
    }
    if !suites.is_empty() && run.schedule.is_some() {
        bail!("--schedule is for scenarios, and tests.textpb have no orders");
    }
    Ok(suites)
}

/// The module that files of tests name, where no other one is named.
pub(super) fn module_of(
    run: &Run,
    suites: &[Suite],
    scenarios: &[Scenario],
) -> anyhow::Result<Module> {
    let mut named: Vec<_> = suites.iter().filter_map(Suite::module).collect();
    let unnamed = suites.len() > named.len() || !scenarios.is_empty();
    named.dedup();
    match named.as_slice() {
        [module] if !unnamed && run.coverage.is_wanted() => {
            run.coverage.load(module, run.symbols.symbols.is_some())
        }
        [module] if !unnamed => {
            crate::command::with_symbols(crate::command::load(module)?, &run.symbols)
        }
        [_, _, ..] => bail!(
            "files of tests name several filters: run them one by one, or name one with --plugin FILTER.wasm"
        ),
        _ => bail!("there is no filter: name it with --plugin FILTER.wasm"),
    }
}

/// Runs all tests of a file.
pub(super) fn run(
    run: &Run,
    suite: &Suite,
    module: &Module,
    bar: &ProgressBar,
    outcomes: &mut Vec<Outcome>,
) -> anyhow::Result<()> {
    let file = run.config.clone().or_else(|| suite.configuration());
    let configuration = match &file {
        Some(file) => fs::read(file).with_context(|| file.display().to_string())?,
        None => Vec::new(),
    };
    let path = suite.path().display().to_string();
    for test in suite.tests() {
        let is_wanted = |filter: &String| test.name().contains(filter) || path.contains(filter);
        if run.filter.as_ref().is_some_and(|filter| !is_wanted(filter)) {
            continue;
        }
        let named = (format!("{path}: {}", test.name()), test.name());
        let outcome = timed(named, || {
            match test.run(module, &configuration, run.envoy) {
                Ok(report) => Ok(run.compared(report)),
                Err(error @ TestError::Input { .. }) => Err(error.into()),
                Err(error) => Ok(broken(format!("{path}: {}: {error}", test.name()))),
            }
        })?;
        if !run.json {
            bar.suspend(|| show!("{}", outcome.text));
        }
        bar.inc(1);
        outcomes.push(outcome);
    }
    Ok(())
}
