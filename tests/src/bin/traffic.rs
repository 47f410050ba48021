//! Makes up access logs of a realistic shape, to try a forecast on.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use api_credits_tests::traffic::format::Format;
use api_credits_tests::traffic::{Plan, Traffic, organization};
use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

/// Make up an access log of the example API: several hundred organizations, office hours, bursts, retries, and bots that page
/// through deep lists. The same seed gives the same log.
#[derive(Debug, Parser)]
struct Arguments {
    /// What everything follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many organizations call.
    #[arg(long, default_value_t = 500)]
    organizations: u32,
    /// About how many lines there are in all: bots and retries make them a few in a hundred more.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// The first instant.
    #[arg(long, default_value = "2026-11-16T08:00:00Z")]
    start: Timestamp,
    /// How many days of 24 hours.
    #[arg(long, default_value_t = 1)]
    days: u32,
    /// How each call is logged.
    #[arg(long, value_enum, default_value_t = Shape::Json)]
    format: Shape,
    /// Write a configuration of the filter that lists the organizations to this file: envoy/filter.json with others.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// One JSON object a line.
    Json,
    /// Envoy's default format, with the organization behind the rest.
    Text,
    /// NCSA combined, with the organization as the user.
    Combined,
    /// Comma-separated values.
    Csv,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let traffic = Traffic::new(&Plan {
        seed: arguments.seed,
        organizations: arguments.organizations,
        start: arguments.start,
        days: arguments.days,
        calls: arguments.lines,
    });
    let organizations = traffic.organizations().to_vec();
    if let Some(path) = &arguments.write_config {
        let example = api_credits_tests::artifacts::root().join("envoy/filter.json");
        let text = fs::read_to_string(&example)
            .with_context(|| format!("cannot read {}", example.display()))?;
        let mut config: Value = serde_json::from_str(&text)?;
        let document = config.as_object_mut().context("the example is no object")?;
        document.insert(
            "organizations".to_owned(),
            organization::config(&organizations),
        );
        fs::write(path, format!("{config:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let format = match arguments.format {
        Shape::Json => Format::EnvoyJson,
        Shape::Text => Format::EnvoyText,
        Shape::Combined => Format::Combined,
        Shape::Csv => Format::Csv,
    };
    match write(format, traffic, &organizations) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn write(
    format: Format,
    traffic: Traffic,
    organizations: &[organization::Organization],
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    format.begin(&mut out)?;
    for call in traffic {
        format.put(&mut out, &call, organizations)?;
    }
    out.flush()
}
