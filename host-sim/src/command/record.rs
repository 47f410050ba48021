//! `host-sim record`: recorded calls as a scenario.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::SimTarget;
use host_sim::recording::{Options, Recording};
use host_sim::runner::{self, RunError};
use host_sim::scenario::Scenario;

use super::diagnostic::Pointed;
use super::output::{say, show};
use super::plugin::SymbolsOptions;

/// What `host-sim record` is told.
#[derive(Args, Debug)]
pub(crate) struct Record {
    /// What a tap filter before the plugin wrote, HAR files, or directories that are searched for *.json and *.har
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// What a tap filter behind the plugin wrote of the same calls
    #[arg(long, value_name = "RECORDING")]
    behind: Vec<PathBuf>,
    /// The scenario's file; otherwise it is printed
    #[arg(short, long, value_name = "SCENARIO.toml")]
    output: Option<PathBuf>,
    /// The filter: the scenario is run with it at once
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: Option<PathBuf>,
    /// The file with the filter's configuration, which the scenario names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Start the clock at the first call, and move it between calls as it went
    #[arg(long)]
    times: bool,
    /// Only calls of this host, as in `api.example:8080`
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Expect nothing of this response header, as of one that is another each time
    #[arg(long, value_name = "NAME")]
    without_header: Vec<String>,
    /// Keep what is secret in headers and queries (Authorization, cookies, API keys, tokens), for which otherwise `secret-1` and so on stands
    #[arg(long)]
    keep_secrets: bool,
}

impl Record {
    /// Whether the scenario holds, if it was run.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let mut recording = read(&self.recordings, false)?;
        if !self.behind.is_empty() {
            recording.with_behind(read(&self.behind, true)?);
        }
        for skipped in recording.skipped() {
            eprintln!("passed over: {skipped}");
        }
        if recording.is_empty() {
            bail!("there is no call in the recordings");
        }
        if !self.keep_secrets {
            let places = recording.take_secrets_out();
            if !places.is_empty() {
                eprintln!(
                    "took secrets out of {}: `secret-1` and so on stand for them (--keep-secrets leaves them); bodies are as they were",
                    places.join(", ")
                );
            }
        }
        let path = self.output.as_deref().unwrap_or(Path::new("recorded.toml"));
        let lower = |name: &String| name.to_ascii_lowercase();
        let text = recording.scenario(&Options {
            config_file: self
                .config
                .as_deref()
                .map(|file| named(path, file))
                .transpose()?,
            times: self.times,
            host: self.host.clone(),
            without_headers: self.without_header.iter().map(lower).collect(),
        });
        // Read back: whatever was recorded, a file that cannot be run is none.
        let scenario = Scenario::from_toml(&text, path).map_err(|error| match &self.host {
            Some(host) if !text.contains("[[step]]") => {
                anyhow::anyhow!("no call of host `{host}` is in the recordings")
            }
            _ => Pointed::of_scenario(error),
        })?;
        match &self.output {
            Some(file) => {
                fs::write(file, &text).with_context(|| file.display().to_string())?;
                let calls = scenario
                    .steps()
                    .iter()
                    .filter(|step| !step.requests().is_empty());
                say!("{}: {} calls", file.display(), calls.count());
            }
            None => show!("{text}"),
        }
        let Some(plugin) = &self.plugin else {
            return Ok(true);
        };
        let module = super::with_symbols(super::load(plugin)?, &SymbolsOptions::default())?;
        match runner::run(&scenario, &SimTarget::new(module)) {
            Ok(report) => {
                eprint!("{report}");
                Ok(report.is_good())
            }
            // A filter that hangs or dies is what the recording has found.
            Err(error @ RunError::Target { .. }) => {
                eprintln!("FAILED   {error}");
                Ok(false)
            }
            Err(RunError::Scenario(error)) => Err(Pointed::of_scenario(error)),
        }
    }
}

/// All calls of these files. Of calls that the plugin answered all, nothing is written `behind` it.
fn read(paths: &[PathBuf], behind: bool) -> anyhow::Result<Recording> {
    let mut all = Recording::default();
    for path in paths {
        for file in files(path, behind)? {
            let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
            all.add(Recording::read(&bytes, &file)?);
        }
    }
    Ok(all)
}

/// A file itself, or the recordings in a directory, in the order of their names.
fn files(path: &Path, may_be_none: bool) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let place = || path.display().to_string();
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(place)? {
        let file = entry.with_context(place)?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("json" | "har")) {
            files.push(file);
        }
    }
    if files.is_empty() && !may_be_none {
        bail!("{}: no *.json and no *.har in this directory", place());
    }
    files.sort();
    Ok(files)
}

/// A file as a scenario in this one names it.
fn named(scenario: &Path, file: &Path) -> anyhow::Result<String> {
    super::new::relative_to(scenario, file).map(|name| name.as_str().unwrap_or_default().to_owned())
}
