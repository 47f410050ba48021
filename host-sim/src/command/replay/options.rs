//! What `host-sim replay` is told, made ready.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use host_sim::access_log::{Fields, Format, TimesAre};
use host_sim::forecast::{Mapping, MetadataValue, Template};
use host_sim::target::Service;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use regex::Regex;

use super::candidate::Candidate;
use super::feed::Reading;
use super::names::Wanted;
use super::threshold::Threshold;
use crate::command::plugin::{Plugin, PluginOptions, SymbolsOptions};

/// What `host-sim replay` is told.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(super) plugin: PluginOptions,
    #[command(flatten)]
    pub(super) symbols: SymbolsOptions,
    /// The access logs, packed with gzip, zstd or not; `-` is the standard input, as is no log at all where something is piped in
    #[arg(value_name = "LOG")]
    pub(super) logs: Vec<PathBuf>,
    /// Replay the same calls with this other configuration as well, and say what it changes
    #[arg(long, value_name = "FILE")]
    pub(super) against: Option<PathBuf>,
    /// The logs' format, if it is not to be told by their beginning: its name, or a line as in
    /// '<remote> <user> [<time>] "<request>" <status> <duration_s>'
    #[arg(long, value_name = "NAME", value_parser = format, help_heading = "The log")]
    pub(super) format: Option<Format>,
    /// The log's own name for time, start_time, end_time, method, path, query, request, status, duration (ms), duration_s, duration_us,
    /// duration_ns, organization or another field; `host` and `path` are those of the call. May be repeated, the surest name first
    #[arg(long, value_name = "FIELD=NAME", value_parser = field, help_heading = "The log")]
    pub(super) field: Vec<(String, String)>,
    /// Of a field only what this regular expression finds in it (its first group, if it has one), as in
    /// --cut 'organization=^([^.]+)\.'; may be repeated
    #[arg(long, value_name = "FIELD=PATTERN", value_parser = cut, help_heading = "The log")]
    pub(super) cut: Vec<(String, Regex)>,
    /// What the log's times are, if its format does not say so: when calls came, or when they were over
    #[arg(long, value_enum, help_heading = "The log")]
    pub(super) times: Option<Times>,
    /// The zone of times that do not say theirs, as in America/Los_Angeles; UTC if none is given
    #[arg(long, value_name = "ZONE", value_parser = zone, help_heading = "The log")]
    pub(super) zone: Option<TimeZone>,
    /// A header of the requests, with fields of the log in it, as in `--header 'orgId: %organization'`; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, help_heading = "The log")]
    pub(super) header: Vec<(String, String)>,
    /// What a filter before this one says of each call (dynamic metadata), with fields of the log in it, as in
    /// --metadata 'envoy.filters.http.jwt_authn:payload.org=%organization'; may be repeated
    #[arg(long, value_name = "NAMESPACE:PATH=VALUE", value_parser = metadata, help_heading = "The log")]
    pub(super) metadata: Vec<MetadataValue>,
    /// By how many seconds calls may stand out of order
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        help_heading = "The log"
    )]
    pub(super) window: u64,
    /// How many seconds the filter may take for anything before it is taken never to return
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    /// Among how many threads the organizations are divided; the answer is the same
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) threads: u16,
    /// A service that the filter calls, with answers from files: a folder, whose file `a/7.json` is the answer to /a/7, or a TOML file
    /// with `answers = […]` or `down = …` as in scenarios; may be repeated
    #[arg(long, value_name = "CLUSTER=PATH", value_parser = service)]
    pub(super) service: Vec<(String, PathBuf)>,
    /// Where the module tells what is forecast, if it is not the API credits filter
    #[arg(long, value_name = "FILE.toml")]
    pub(super) mapping: Option<PathBuf>,
    /// Print the mapping that is used without --mapping, and do nothing else
    #[arg(long)]
    pub(super) print_mapping: bool,
    /// Exit with 1 if the forecast (with --against that of the other configuration) comes to this: refused (calls), organizations
    /// (refused any), newly_refused (organizations, with --against), share (the highest, in percent) or unread (lines), as in
    /// --fail-if 'refused > 0'; may be repeated
    #[arg(long, value_name = "CONDITION", value_parser = Threshold::parse)]
    pub(super) fail_if: Vec<Threshold>,
    /// How many organizations the table shows
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(super) top: usize,
    /// Print one JSON document in place of the table
    #[arg(long)]
    pub(super) json: bool,
    /// Print the JSON Schema of what --json prints, and do nothing else
    #[arg(long)]
    pub(super) json_schema: bool,
    /// Also write a page with charts to this file
    #[arg(long, value_name = "FILE.html")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Times {
    /// When calls came
    Start,
    /// When they were over
    End,
}

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
    let (namespace, path, value) = crate::command::metadata::apart(text)?;
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

/// The least leap ahead that is taken for an error, in seconds, if the window is shorter: logs have quiet hours.
const LEAST_LEAP: i64 = 3600;

impl Replay {
    pub(super) fn logs(&self) -> anyhow::Result<Vec<PathBuf>> {
        if !self.logs.is_empty() {
            return Ok(self.logs.clone());
        }
        if io::stdin().is_terminal() {
            bail!("no log, expected the path of one, or one on the standard input");
        }
        Ok(vec![PathBuf::from("-")])
    }

    /// How logs are read for these candidates.
    pub(super) fn reading<'r>(
        &self,
        wanted: &[String],
        looked_for: &'r Wanted,
    ) -> anyhow::Result<Reading<'r>> {
        let seconds = i64::try_from(self.window).unwrap_or(i64::MAX);
        Ok(Reading {
            format: self.format.clone(),
            fields: self.fields(wanted)?,
            wanted: looked_for,
            leap: SignedDuration::from_secs(seconds.max(LEAST_LEAP)),
        })
    }

    pub(super) fn mapping(&self) -> anyhow::Result<Mapping> {
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

    pub(super) fn candidates(
        &self,
        plugin: Plugin,
        mapping: &Mapping,
    ) -> anyhow::Result<Vec<Candidate>> {
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
}
