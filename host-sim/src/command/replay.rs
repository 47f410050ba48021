//! `host-sim replay`: what a plugin would have done to the calls of an access log, organization by organization.

mod advice;
mod answer;
mod chart;
mod configuration;
mod feed;
mod names;
mod number;
mod page;
mod patience;
mod proof;
mod spool;
mod summary;
mod table;
mod threshold;
mod warning;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use host_sim::access_log::{Entry, Fields, Format, TimesAre};
use host_sim::forecast::{
    Forecast, Mapping, MetadataValue, Organization, Reordering, Replay as Replayed, Source,
    Template, remedies,
};
use host_sim::target::{LogLevel, Service};
use host_sim::{Builder, Module};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::interruption::{self, Interrupted};
use super::plugin::{Plugin, PluginOptions};
use crate::command::output::{say, show};
use configuration::Configuration;
use feed::{Feed, Reading};
use names::Wanted;
use number::Zone;
use patience::{Patience, Work};
use proof::Proof;
use spool::Inputs;
use summary::{Document, LogSummary};
use threshold::Threshold;

/// What `host-sim replay` is told.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    #[command(flatten)]
    plugin: PluginOptions,
    /// The access logs, packed with gzip, zstd or not; `-` is the standard input, as is no log at all where something is piped in
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Replay the same calls with this other configuration as well, and say what it changes
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The logs' format, if it is not to be told by their beginning: its name, or a line as in
    /// '<remote> <user> [<time>] "<request>" <status> <duration_s>'
    #[arg(long, value_name = "NAME", value_parser = format, help_heading = "The log")]
    format: Option<Format>,
    /// The log's own name for time, start_time, end_time, method, path, query, request, status, duration (ms), duration_s, duration_us,
    /// duration_ns, organization or another field; `host` and `path` are those of the call. May be repeated, the surest name first
    #[arg(long, value_name = "FIELD=NAME", value_parser = field, help_heading = "The log")]
    field: Vec<(String, String)>,
    /// Of a field only what this regular expression finds in it (its first group, if it has one), as in
    /// --cut 'organization=^([^.]+)\.'; may be repeated
    #[arg(long, value_name = "FIELD=PATTERN", value_parser = cut, help_heading = "The log")]
    cut: Vec<(String, Regex)>,
    /// What the log's times are, if its format does not say so: when calls came, or when they were over
    #[arg(long, value_enum, help_heading = "The log")]
    times: Option<Times>,
    /// The zone of times that do not say theirs, as in America/Los_Angeles; UTC if none is given
    #[arg(long, value_name = "ZONE", value_parser = zone, help_heading = "The log")]
    zone: Option<TimeZone>,
    /// A header of the requests, with fields of the log in it, as in `--header 'orgId: %organization'`; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, help_heading = "The log")]
    header: Vec<(String, String)>,
    /// What a filter before this one says of each call (dynamic metadata), with fields of the log in it, as in
    /// --metadata 'envoy.filters.http.jwt_authn:payload.org=%organization'; may be repeated
    #[arg(long, value_name = "NAMESPACE:PATH=VALUE", value_parser = metadata, help_heading = "The log")]
    metadata: Vec<MetadataValue>,
    /// By how many seconds calls may stand out of order
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        help_heading = "The log"
    )]
    window: u64,
    /// How many seconds the filter may take for anything before it is taken never to return
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// A service that the filter calls, with answers from files: a folder, whose file `a/7.json` is the answer to /a/7, or a TOML file
    /// with `answers = […]` or `down = …` as in scenarios; may be repeated
    #[arg(long, value_name = "CLUSTER=PATH", value_parser = service)]
    service: Vec<(String, PathBuf)>,
    /// Where the module tells what is forecast, if it is not the API credits filter
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
    /// Print the mapping that is used without --mapping, and do nothing else
    #[arg(long)]
    print_mapping: bool,
    /// Exit with 1 if the forecast (with --against that of the other configuration) comes to this: refused (calls), organizations
    /// (refused any), newly_refused (organizations, with --against), share (the highest, in percent) or unread (lines), as in
    /// --fail-if 'refused > 0'; may be repeated
    #[arg(long, value_name = "CONDITION", value_parser = Threshold::parse)]
    fail_if: Vec<Threshold>,
    /// How many organizations the table shows
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    top: usize,
    /// Print one JSON document in place of the table
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of what --json prints, and do nothing else
    #[arg(long)]
    json_schema: bool,
    /// Also write a page with charts to this file
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Times {
    /// When calls came
    Start,
    /// When they were over
    End,
}

/// The most calls that are held back to be put in order.
const MOST_HELD_BACK: usize = 200_000;

/// The least leap ahead that is taken for an error, in seconds, if the window is shorter: logs have quiet hours.
const LEAST_LEAP: i64 = 3600;

fn field(text: &str) -> Result<(String, String), String> {
    let (field, name) = text
        .split_once('=')
        .ok_or("a field is written as `field=name in the log`")?;
    Ok((field.trim().to_owned(), name.trim().to_owned()))
}

fn format(text: &str) -> Result<Format, String> {
    if text.contains('<') {
        return Ok(Format::of_line(text));
    }
    Format::named(text).ok_or_else(|| {
        let names: Vec<_> = Format::names().collect();
        format!(
            "not one of {}, and not a line with <names>",
            names.join(", ")
        )
    })
}

fn cut(text: &str) -> Result<(String, Regex), String> {
    let (field, pattern) = field(text)?;
    let pattern = Regex::new(&pattern).map_err(|error| error.to_string())?;
    Ok((field, pattern))
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|error| error.to_string())
}

fn metadata(text: &str) -> Result<MetadataValue, String> {
    let (namespace, path, value) = super::metadata::apart(text)?;
    Ok(MetadataValue {
        namespace,
        path,
        value: Template::from(value.to_owned()),
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or("a header is written as `name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn service(text: &str) -> Result<(String, PathBuf), String> {
    let (cluster, path) = text
        .split_once('=')
        .filter(|(cluster, path)| !cluster.is_empty() && !path.is_empty())
        .ok_or("a service is written as `cluster=folder or file`")?;
    Ok((cluster.to_owned(), PathBuf::from(path)))
}

/// A configuration that is tried.
struct Candidate {
    name: String,
    plugin: Plugin,
    configuration: Configuration,
    services: Vec<Service>,
    mapping: Mapping,
    /// Where its configuration says that facts are stated.
    sources: Vec<Source>,
}

impl Replay {
    /// Whether the numbers can be believed: not when the log was too far out of order.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if self.print_mapping {
            show!("{}", Mapping::DEFAULT);
            return Ok(true);
        }
        if self.json_schema {
            let schema = schemars::schema_for!(Document);
            say!("{}", serde_json::to_string_pretty(&schema)?);
            return Ok(true);
        }
        let mapping = self.mapping()?;
        let plugin = self
            .plugin
            .resolve()?
            .with_bodies_of_held_requests(&self.plugin);
        let bytes = fs::read(&plugin.file).with_context(|| plugin.name().to_string())?;
        // Instructions are not counted: a filter that never returns is noticed by the clock, which takes no time.
        let module = Module::unmetered(&bytes).with_context(|| plugin.name().to_string())?;
        let candidates = self.candidates(plugin, &mapping)?;
        let patience = Patience::begin(Duration::from_secs(self.timeout));
        for candidate in &candidates {
            // What is refused is told before a long log is read.
            let start = || candidate.builder(&module).start();
            super::started(patience.watch(Work::Start, start), &candidate.plugin)?;
        }
        let wanted = fields_of(&candidates);
        let reading = Reading {
            format: self.format.clone(),
            fields: self.fields(&wanted)?,
            wanted: &looked_for(&candidates),
            leap: self.leap(),
        };
        let inputs = Inputs::new(self.logs()?);
        let feed = Feed::open(&inputs, &reading, interruption::listen()?)?;
        let (replays, log) = self.run(&candidates, &module, &wanted, feed, &patience)?;
        let mut forecasts = Vec::new();
        for (candidate, replay) in candidates.iter().zip(&replays) {
            let start = |configuration: &[u8], at: Timestamp| {
                let builder = candidate.builder(&module).configuration(configuration);
                patience.watch(Work::Remedy, || builder.clock(at).start())
            };
            let mut remedies = remedies(
                replay.organizations(),
                &candidate.mapping,
                &candidate.configuration.bytes,
                candidate.configuration.details_path.as_deref(),
                &start,
            )?;
            if let Some(first) = log.first.filter(|_| !log.interrupted) {
                let again = Again {
                    candidate,
                    module: &module,
                    wanted: &wanted,
                    reading: &reading,
                    patience: &patience,
                    inputs: &inputs,
                    first,
                };
                let proof = Proof {
                    organizations: replay.organizations(),
                    mapping: &candidate.mapping,
                    configuration: &candidate.configuration.document,
                    is_taken: &|configuration| start(configuration, first).is_ok(),
                    replay: &mut |configurations, names| {
                        self.replay_again(&again, configurations, names)
                    },
                };
                proof.of(&mut remedies)?;
            }
            forecasts.push(Forecast::new(&candidate.name, replay, remedies));
        }
        let document = Document::new(log, forecasts);
        if let Some(file) = &self.html {
            fs::write(file, page::html(&document)?).with_context(|| file.display().to_string())?;
        }
        if self.json {
            say!("{}", serde_json::to_string_pretty(&document)?);
        } else {
            show!("{}", table::text(&document, self.top));
        }
        if document.log.interrupted {
            return Err(Interrupted.into());
        }
        let broken = self
            .fail_if
            .iter()
            .filter_map(|limit| limit.broken_by(&document));
        let broken: Vec<_> = broken.collect();
        for reason in &broken {
            eprintln!("failed: {reason}");
        }
        Ok(document.log.window_needed.is_none() && broken.is_empty())
    }

    fn logs(&self) -> anyhow::Result<Vec<PathBuf>> {
        if !self.logs.is_empty() {
            return Ok(self.logs.clone());
        }
        if io::stdin().is_terminal() {
            bail!("no log, expected the path of one, or one on the standard input");
        }
        Ok(vec![PathBuf::from("-")])
    }

    /// The least leap in a log that is taken for an error.
    fn leap(&self) -> SignedDuration {
        let seconds = i64::try_from(self.window).unwrap_or(i64::MAX);
        SignedDuration::from_secs(seconds.max(LEAST_LEAP))
    }

    fn mapping(&self) -> anyhow::Result<Mapping> {
        let mut mapping = match &self.mapping {
            Some(file) => {
                let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
                let mapping = Mapping::from_toml(&text);
                mapping.with_context(|| file.display().to_string())?
            }
            None => Mapping::from_toml(Mapping::DEFAULT)?,
        };
        for (name, value) in &self.header {
            let headers = &mut mapping.request.headers;
            headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
            headers.insert(name.clone(), Template::from(value.clone()));
        }
        mapping
            .request
            .metadata
            .extend(self.metadata.iter().cloned());
        Ok(mapping)
    }

    fn fields(&self, wanted: &[String]) -> anyhow::Result<Fields> {
        let mut fields = Fields::new(wanted);
        for (field, name) in &self.field {
            if !fields.knows(field) {
                bail!(
                    "unknown field `{field}`, expected {}, {}",
                    Fields::USUAL,
                    wanted.join(", ")
                );
            }
            fields = fields.mapped(field, name);
        }
        for (field, pattern) in &self.cut {
            if !wanted.contains(field) {
                bail!("unknown field `{field}`, expected {}", wanted.join(", "));
            }
            fields = fields.cut_out(field, pattern.clone());
        }
        if let Some(times) = self.times {
            fields = fields.with_times(match times {
                Times::Start => TimesAre::Starts,
                Times::End => TimesAre::Ends,
            });
        }
        Ok(match &self.zone {
            Some(zone) => fields.in_zone(zone.clone()),
            None => fields,
        })
    }

    fn candidates(&self, plugin: Plugin, mapping: &Mapping) -> anyhow::Result<Vec<Candidate>> {
        let services = self
            .service
            .iter()
            .map(|(cluster, path)| Service::from_path(cluster, path));
        // The error tells its cause itself.
        let services = services.collect::<Result<Vec<_>, _>>();
        let services = services.map_err(anyhow::Error::msg)?;
        let name = self.plugin.config_name();
        let mut candidates = vec![Candidate::new(
            name,
            plugin.clone(),
            mapping,
            services.clone(),
        )];
        if let Some(file) = &self.against {
            let mut plugin = plugin;
            plugin.configuration = fs::read(file).with_context(|| file.display().to_string())?;
            let name = file.display().to_string();
            candidates.push(Candidate::new(name, plugin, mapping, services));
        }
        Ok(candidates)
    }

    /// Runs all calls through all candidates.
    fn run(
        &self,
        candidates: &[Candidate],
        module: &Module,
        wanted: &[String],
        mut feed: Feed,
        patience: &Patience,
    ) -> anyhow::Result<(Vec<Replayed>, LogSummary)> {
        let window = Duration::from_secs(self.window);
        let mut reordering = Reordering::new(window, MOST_HELD_BACK);
        let mut replays = Vec::new();
        let mut log = LogSummary::default();
        let bar = progress_bar(&feed);
        let mut take = |entry: &Entry, log: &mut LogSummary| -> anyhow::Result<()> {
            if replays.is_empty() {
                for candidate in candidates {
                    let start = || {
                        let builder = candidate.builder(module).clock(entry.started);
                        super::started(builder.start(), &candidate.plugin)
                    };
                    let path = candidate.configuration.details_path.clone();
                    let replay = Replayed::new(start()?, &candidate.mapping, wanted, path);
                    let kinds = candidate.configuration.priced_by_body.clone();
                    let settling = candidate.configuration.settling.clone();
                    let replay = replay.with_kinds_priced_by_body(kinds);
                    let replay = replay.with_settling(settling);
                    replays.push(replay.priced_by(start()?));
                }
            }
            log.count(entry);
            let mut all = replays.iter_mut();
            patience.watch(Work::Call, || all.try_for_each(|replay| replay.take(entry)))?;
            Ok(())
        };
        while let Some(entry) = feed.next()? {
            reordering.put(entry);
            while let Some(entry) = reordering.pop() {
                take(&entry, &mut log)?;
                feed.take_back(entry);
                if log.calls.is_multiple_of(8192) {
                    bar.set_position(feed.position());
                }
            }
        }
        while !feed.is_interrupted()
            && let Some(entry) = reordering.pop_any()
        {
            take(&entry, &mut log)?;
        }
        for replay in &mut replays {
            replay.finish()?;
        }
        bar.finish_and_clear();
        log.finish(feed, &reordering);
        let zone = candidates
            .first()
            .and_then(|candidate| candidate.configuration.zone.as_deref());
        log.zone = Zone::named(zone);
        if log.calls == 0 && log.interrupted {
            return Err(Interrupted.into());
        }
        if log.calls == 0 {
            bail!("no line of the log tells of a call{}", log.first_unread());
        }
        for (candidate, replay) in candidates.iter().zip(&replays) {
            candidate.ensure_callers_are_known(replay, &log)?;
        }
        Ok((replays, log))
    }

    /// Replays all calls of some organizations under each of these configurations.
    fn replay_again(
        &self,
        again: &Again<'_>,
        configurations: &[Vec<u8>],
        names: &BTreeSet<String>,
    ) -> anyhow::Result<Vec<Replayed>> {
        let Again {
            candidate, module, ..
        } = again;
        let path = &candidate.configuration.details_path;
        let replays = configurations.iter().map(|configuration| {
            let builder = candidate.builder(module).configuration(configuration);
            let simulator = super::started(builder.clock(again.first).start(), &candidate.plugin)?;
            let settling = candidate.configuration.settling.clone();
            let replay = Replayed::new(simulator, &candidate.mapping, again.wanted, path.clone());
            Ok(replay.with_settling(settling))
        });
        let mut replays = replays.collect::<anyhow::Result<Vec<_>>>()?;
        let mut feed = Feed::open(again.inputs, again.reading, Arc::default())?;
        let mut reordering = Reordering::new(Duration::from_secs(self.window), MOST_HELD_BACK);
        let mut take = |entry: &Entry| -> anyhow::Result<()> {
            let name = replays
                .first()
                .and_then(|replay| replay.organization_of(entry));
            if name.is_some_and(|name| names.contains(&name)) {
                let mut all = replays.iter_mut();
                let taken = || all.try_for_each(|replay| replay.take(entry));
                again.patience.watch(Work::Remedy, taken)?;
            }
            Ok(())
        };
        while let Some(entry) = feed.next()? {
            reordering.put(entry);
            while let Some(entry) = reordering.pop() {
                take(&entry)?;
                feed.take_back(entry);
            }
        }
        while let Some(entry) = reordering.pop_any() {
            take(&entry)?;
        }
        for replay in &mut replays {
            replay.finish()?;
        }
        Ok(replays)
    }
}

/// What it takes to replay a log once more.
struct Again<'a> {
    candidate: &'a Candidate,
    module: &'a Module,
    wanted: &'a [String],
    reading: &'a Reading<'a>,
    patience: &'a Patience,
    inputs: &'a Inputs,
    /// When the first call came.
    first: Timestamp,
}

/// The fields that lines must have for all of these.
fn fields_of(candidates: &[Candidate]) -> Vec<String> {
    let wanted = candidates
        .iter()
        .flat_map(|candidate| candidate.mapping.wanted());
    let settling = candidates
        .iter()
        .flat_map(|candidate| candidate.configuration.settling.values().cloned());
    let wanted: BTreeSet<_> = wanted.chain(settling).collect();
    wanted.into_iter().collect()
}

/// What is looked for among the names of a log.
fn looked_for(candidates: &[Candidate]) -> Wanted {
    let first = candidates.first();
    Wanted {
        sources: first.map_or_else(Vec::new, |candidate| candidate.sources.clone()),
        settling: candidates
            .iter()
            .flat_map(|candidate| candidate.configuration.settling.values().cloned())
            .collect(),
        organizations: candidates
            .iter()
            .flat_map(|candidate| candidate.configuration.organizations.iter().cloned())
            .collect(),
    }
}

impl Candidate {
    fn new(name: String, plugin: Plugin, mapping: &Mapping, services: Vec<Service>) -> Self {
        let configuration = Configuration::new(&plugin.configuration, mapping);
        let sources = mapping.sources(&configuration.document);
        Self {
            name,
            configuration,
            plugin,
            services,
            mapping: mapping.clone().with_sources(&sources),
            sources,
        }
    }

    /// A log that names nobody whom the configuration knows says nothing of who would be refused.
    fn ensure_callers_are_known(&self, replay: &Replayed, log: &LogSummary) -> anyhow::Result<()> {
        let organizations = replay.organizations();
        let field = self.mapping.organization.names().next().unwrap_or_default();
        let names = log.names();
        if organizations
            .iter()
            .all(|organization| !organization.is_named)
        {
            let place = self.sources.first().map(|source| &source.place);
            bail!("{}", names::nobody(field, place, &names));
        }
        let of_identity = |reason: &String| self.mapping.verdicts.by_identity.contains(reason);
        let unknown = |organization: &Organization| {
            let mut reasons = organization.refusals.keys();
            organization.calls() == organization.refused() && reasons.all(of_identity)
        };
        if organizations.iter().all(unknown) {
            let mut named = organizations
                .iter()
                .filter(|organization| organization.is_named);
            let first = named
                .next()
                .map_or("", |organization| organization.name.as_str());
            bail!(
                "{}: nobody whom the log names is known to the configuration, such as {first:?}; the names in the log are {}: say which \
                 one names who called with --field {field}=NAME",
                self.name,
                names.join(", ")
            );
        }
        Ok(())
    }

    fn builder(&self, module: &Module) -> Builder {
        self.plugin
            .builder(module)
            .configuration(&self.configuration.bytes)
            .services(self.services.clone())
            .untraced()
            .log_level(LogLevel::Warn)
    }
}

/// A bar for files, which have an end, and a count of bytes for anything else. It is shown on terminals only.
fn progress_bar(feed: &Feed) -> ProgressBar {
    let template = match feed.size() {
        Some(_) => "{bar:40} {percent} %  {bytes} of {total_bytes}  {eta} left",
        None => "{spinner} {bytes}  {elapsed}",
    };
    let bar = feed
        .size()
        .map_or_else(ProgressBar::no_length, ProgressBar::new);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
