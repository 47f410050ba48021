//! `host-sim run`: scenarios, and which of them do not hold.

mod coverage;
mod json;
mod junit;
mod outcome;
mod suites;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::explore::{Explorer, Schedule};
use host_sim::report::Report;
use host_sim::runner::{self, RunError};
use host_sim::scenario::{ConfigSource, Scenario};
use host_sim::service_extensions::Suite;
use host_sim::{EnvoyVersion, Module, SimTarget};
use indicatif::{ProgressBar, ProgressStyle};

use super::diagnostic::Pointed;
use super::plugin::{SymbolsOptions, time_limit};
use super::watch::Watch;
use crate::command::output::{say, show};
use coverage::CoverageOptions;
use outcome::{Count, Outcome, Verdict};

/// What `host-sim run` is told.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The filter, as Envoy loads it; or name it before the scenarios
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    symbols: SymbolsOptions,
    /// Scenario files, or directories that are searched for *.toml; or tests.textpb of Google's Service Extensions
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// The filter's configuration in tests.textpb; a scenario has its own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run only scenarios with this text in their path or their sentence
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Also write the results to a file, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also show every callback and hostcall of the step that went wrong
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON document in place of the text
    #[arg(long)]
    json: bool,
    /// Run the scenario's `parallel` steps in this order, as `host-sim explore` prints it
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "watch")]
    schedule: Option<Schedule>,
    /// After how many seconds a callback counts as one that never returns; 0 is never, as in Envoy
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    callback_timeout: u64,
    /// The version of Envoy whose rules are followed, 1.36 to 1.40
    #[arg(long, value_name = "VERSION", default_value_t = EnvoyVersion::NEWEST)]
    envoy: EnvoyVersion,
    /// Run again whenever the filter, a scenario or a configuration changes
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    coverage: CoverageOptions,
}

/// From how many scenarios on a bar shows how far they are.
const MANY: usize = 20;

impl Run {
    /// Whether all scenarios hold.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if !self.watch {
            return self.once(&mut BTreeSet::new());
        }
        let mut watch = Watch::new()?;
        let (plugin, scenarios) = self.named()?;
        for path in scenarios
            .iter()
            .chain(plugin)
            .chain(&self.config)
            .chain(&self.symbols.symbols)
        {
            watch.add(path)?;
        }
        loop {
            let mut read = BTreeSet::new();
            if let Err(error) = self.once(&mut read) {
                super::print_error(&error);
            }
            for file in &read {
                watch.add(file)?;
            }
            say!("watching for changes");
            watch.until_one_changes()?;
        }
    }

    /// The filter, and the scenarios. The filter may be the first of what is named.
    fn named(&self) -> anyhow::Result<(Option<&PathBuf>, &[PathBuf])> {
        let is_module = |path: &Path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("wasm" | "wat"))
        };
        let (plugin, scenarios) = match (&self.plugin, self.scenarios.as_slice()) {
            (None, [first, rest @ ..]) if is_module(first) => (Some(first), rest),
            (plugin, scenarios) => (plugin.as_ref(), scenarios),
        };
        if let (Some(plugin), Some(module)) =
            (plugin, scenarios.iter().find(|path| is_module(path)))
        {
            bail!(
                "{}: a module is no scenario, and the filter is {}",
                module.display(),
                plugin.display()
            );
        }
        if scenarios.is_empty() {
            bail!("there is no scenario: name a .toml file or a directory with some");
        }
        Ok((plugin, scenarios))
    }

    /// Runs them once, and notes which files that took.
    fn once(&self, read: &mut BTreeSet<PathBuf>) -> anyhow::Result<bool> {
        let (plugin, paths) = self.named()?;
        let suites = suites::read(self, paths, read)?;
        let scenarios = self.read_scenarios(read)?;
        let module = match plugin {
            Some(plugin) if self.coverage.is_wanted() => {
                self.coverage.load(plugin, self.symbols.symbols.is_some())?
            }
            Some(plugin) => super::with_symbols(super::load(plugin)?, &self.symbols)?,
            None => suites::module_of(self, &suites, &scenarios)?,
        };
        let limit = time_limit(self.callback_timeout);
        let target = SimTarget::new(module.clone())
            .with_time_limit(limit)
            .with_envoy(self.envoy);
        let tests = suites.iter().map(|suite| suite.tests().len());
        let bar = self.bar(tests.sum::<usize>().saturating_add(scenarios.len()))?;
        let mut outcomes = Vec::new();
        for suite in &suites {
            suites::run(self, suite, &module, &bar, &mut outcomes)?;
        }
        for scenario in &scenarios {
            let named = (scenario.path.display().to_string(), &*scenario.about);
            let outcome = match &self.schedule {
                None => timed(named, || self.run_one(scenario, &target))?,
                Some(schedule) => timed(named, || self.replay(&module, scenario, schedule))?,
            };
            if !self.json {
                bar.suspend(|| show!("{}", outcome.text));
            }
            bar.inc(1);
            outcomes.push(outcome);
        }
        bar.finish_and_clear();
        if outcomes.is_empty() {
            match &self.filter {
                Some(filter) => bail!("no test or scenario has `{filter}` in its name"),
                None => bail!("there is no test in these files"),
            }
        }
        if let Some(file) = &self.junit {
            junit::write(file, &outcomes).with_context(|| file.display().to_string())?;
        }
        let covered = self.coverage.is_wanted();
        let covered = covered.then(|| self.coverage.write(&module)).transpose()?;
        let count = Count::of(&outcomes);
        if self.json {
            say!("{}", json::text(&outcomes)?);
        } else {
            if let Some(covered) = covered {
                say!("{covered}");
            }
            say!("{count}");
        }
        Ok(count.failed == 0)
    }

    /// All are read before the first one runs, so that a typing error is not found halfway.
    fn read_scenarios(&self, read: &mut BTreeSet<PathBuf>) -> anyhow::Result<Vec<Scenario>> {
        let mut scenarios = Vec::new();
        let (_, paths) = self.named()?;
        for path in paths {
            if Suite::is_named_like_one(path) {
                continue;
            }
            for file in scenario_files(path)? {
                read.insert(file.clone());
                let scenario = Scenario::from_file(&file).map_err(Pointed::of_scenario)?;
                for filter in &scenario.filters {
                    if let ConfigSource::File { path, .. } = &filter.config {
                        read.insert(scenario.directory().join(path));
                    }
                    if let Some(module) = &filter.module {
                        let file = scenario.directory().join(module);
                        let place = || format!("{}: {}", scenario.path.display(), file.display());
                        fs::metadata(&file).with_context(place)?;
                        read.insert(file);
                    }
                }
                scenarios.push(scenario);
            }
        }
        if let Some(filter) = &self.filter {
            scenarios.retain(|scenario| {
                scenario.about.contains(filter) || scenario.path.to_string_lossy().contains(filter)
            });
            if scenarios.is_empty() && !paths.iter().any(|path| Suite::is_named_like_one(path)) {
                bail!("no scenario has `{filter}` in its path or its sentence");
            }
        }
        Ok(scenarios)
    }

    /// How far it is, for people who wait for many.
    fn bar(&self, count: usize) -> anyhow::Result<ProgressBar> {
        if count < MANY || self.json {
            return Ok(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta}")?;
        Ok(ProgressBar::new(u64::try_from(count)?).with_style(style))
    }
}

/// What came of one scenario, with how long it took.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a scenario takes on the machine is told, and nothing follows from it"
)]
fn timed(
    (path, about): (String, &str),
    run: impl FnOnce() -> anyhow::Result<(Verdict, String)>,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let (verdict, text) = run()?;
    Ok(Outcome {
        scenario: path,
        about: about.to_owned(),
        took: started.elapsed(),
        verdict,
        text,
    })
}

impl Run {
    /// A filter that hangs or dies is what the scenario has found, and the others go on.
    fn run_one(
        &self,
        scenario: &Scenario,
        target: &SimTarget,
    ) -> anyhow::Result<(Verdict, String)> {
        match runner::run(scenario, target) {
            Ok(report) => Ok(self.compared(report)),
            Err(error @ RunError::Target { .. }) => Ok(broken(error.to_string())),
            Err(RunError::Scenario(error)) => Err(Pointed::of_scenario(error)),
        }
    }

    fn replay(
        &self,
        module: &Module,
        scenario: &Scenario,
        schedule: &Schedule,
    ) -> anyhow::Result<(Verdict, String)> {
        let problem = Explorer::replay(module, scenario, schedule, self.envoy)
            .map_err(super::explore::pointed)?;
        Ok(match problem {
            Err(what) => broken(format!("{}: {what}", scenario.path.display())),
            Ok(report) => self.compared(report),
        })
    }

    fn compared(&self, report: Report) -> (Verdict, String) {
        let text = if self.verbose {
            format!("{report:#}")
        } else {
            report.to_string()
        };
        (Verdict::Compared(report), text)
    }
}

fn broken(what: String) -> (Verdict, String) {
    let text = format!("FAILED   {what}\n");
    (Verdict::Broken(what), text)
}

/// A file itself, or the scenarios in a directory and below it, in the order of their names.
pub(super) fn scenario_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
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
