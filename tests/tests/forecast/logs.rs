//! Logs of every format as they are found in the wild: packed or not, with broken lines, and out of order. The command reads them, and each
//! number that it tells is computed from the same lines once more.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use api_credits_tests::artifacts;
use api_credits_tests::traffic::format::Format;
use api_credits_tests::traffic::{Plan, Traffic, organization};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp, fmt::strtime};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mapping;
use crate::recomputed::{Line, first_reasons, of_forecast, of_lines};

/// A day of traffic of forty organizations, a part of which has very little.
struct World {
    folder: TempDir,
    configuration: Value,
    traffic: Traffic,
}

/// A log in one format: each line and, if it is one, the call that it tells of.
struct Log {
    heading: String,
    lines: Vec<(String, Option<Line>)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let traffic = Traffic::new(&Plan {
            seed,
            organizations: 40,
            start: "2026-11-16T22:00:00Z".parse().unwrap(),
            days: 1,
            calls: 2_500,
        });
        let example = fs::read_to_string(artifacts::root().join("envoy/filter.json")).unwrap();
        let mut configuration: Value = serde_json::from_str(&example).unwrap();
        let mut organizations = organization::config(traffic.organizations());
        let entries = organizations.as_object_mut().unwrap().values_mut();
        for entry in entries.step_by(4) {
            *entry = json!({ "edition": "Demo" });
        }
        configuration["organizations"] = organizations;
        configuration["editions"]["Free"]["concurrency"] = json!(3);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("mapping.toml"), mapping()).unwrap();
        fs::write(folder.path().join("filter.json"), configuration.to_string()).unwrap();
        Self {
            folder,
            configuration,
            traffic,
        }
    }

    /// The log as a proxy writes it, but up to half a minute late, and with a broken line behind every 300th.
    fn log(&mut self, format: Format, broken: &[&str]) -> Log {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let organizations = self.traffic.organizations().to_vec();
        let mut calls: Vec<_> = self.traffic.by_ref().collect();
        calls.sort_by_cached_key(|call| {
            call.end() + SignedDuration::from_millis(random.random_range(0..30_000))
        });
        let mut heading = Vec::new();
        format.begin(&mut heading).unwrap();
        let mut broken = broken.iter().cycle();
        let mut lines = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let mut text = Vec::new();
            format.put(&mut text, call, &organizations).unwrap();
            let text = String::from_utf8(text).unwrap();
            let call = read(format, text.trim_end());
            lines.push((text, Some(call)));
            if number % 300 == 299 {
                lines.push((format!("{}\n", broken.next().unwrap()), None));
            }
        }
        Log {
            heading: String::from_utf8(heading).unwrap(),
            lines,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the command tells; `input` goes to its standard input.
    fn replay(&self, logs: &[&str], input: Option<&str>) -> Value {
        let mut command = Command::new(artifacts::host_sim().unwrap());
        command
            .arg("replay")
            .arg("--plugin")
            .arg(artifacts::module().unwrap())
            .args([
                "--config",
                "filter.json",
                "--mapping",
                "mapping.toml",
                "--json",
            ])
            .args(logs)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        if let Some(input) = input {
            command.stdin(File::open(self.path(input)).unwrap());
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Log {
    fn text(&self) -> String {
        let lines = self.lines.iter().map(|(text, _)| text.as_str());
        std::iter::once(self.heading.as_str())
            .chain(lines)
            .collect()
    }

    fn calls(&self) -> Vec<Line> {
        self.lines
            .iter()
            .filter_map(|(_, call)| call.clone())
            .collect()
    }

    /// The numbers of the lines that tell of no call.
    fn broken(&self) -> Vec<u64> {
        let first = 1 + u64::from(!self.heading.is_empty());
        let lines = (first..).zip(&self.lines);
        lines
            .filter(|(_, (_, call))| call.is_none())
            .map(|(number, _)| number)
            .collect()
    }
}

/// A line, read as simply as can be.
fn read(format: Format, line: &str) -> Line {
    if format == Format::EnvoyJson {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        return Line {
            at: text("start_time").parse().unwrap(),
            took: SignedDuration::from_millis(line["duration"].as_i64().unwrap()),
            method: text("method"),
            path: text("path"),
            status: line["response_code"].as_u64().unwrap(),
            organization: text("organization"),
        };
    }
    if format == Format::Csv {
        let columns: Vec<_> = line.split(',').collect();
        return Line {
            at: columns[0].parse().unwrap(),
            took: SignedDuration::from_millis(columns[5].parse().unwrap()),
            method: columns[2].to_owned(),
            path: columns[3].to_owned(),
            status: columns[4].parse().unwrap(),
            organization: columns[1].to_owned(),
        };
    }
    let quoted: Vec<_> = line.split('"').collect();
    let request: Vec<_> = quoted[1].split(' ').collect();
    let numbers: Vec<_> = quoted[2].split_whitespace().collect();
    let time = quoted[0].split(['[', ']']).nth(1).unwrap();
    let (at, took, organization) = if format == Format::EnvoyText {
        let took = SignedDuration::from_millis(numbers[4].parse().unwrap());
        (time.parse().unwrap(), took, quoted[quoted.len() - 2])
    } else {
        let at = strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).unwrap();
        let user = quoted[0].split(' ').nth(2).unwrap();
        (at.to_timestamp().unwrap(), SignedDuration::ZERO, user)
    };
    Line {
        at,
        took,
        method: request[0].to_owned(),
        path: request[1].to_owned(),
        status: numbers[0].parse().unwrap(),
        organization: organization.to_owned(),
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// How many lines tell of a call before which a later one stands.
fn out_of_order(calls: &[Line]) -> u64 {
    let mut latest = Timestamp::MIN;
    let mut count = 0;
    for call in calls {
        count += u64::from(call.at < latest);
        latest = latest.max(call.at);
    }
    count
}

/// Everything that was told of a log's lines.
fn check(document: &Value, world: &World, log: &Log, format: &str, why: &[&str]) {
    let calls = log.calls();
    assert!(calls.len() > 2_500, "{} calls", calls.len());
    let broken = log.broken();
    let file = &document["log"]["files"][0];
    assert_eq!(
        json!([
            document["log"]["calls"],
            document["log"]["unread"],
            file["unread"],
            file["format"]
        ]),
        json!([calls.len(), broken.len(), broken.len(), format])
    );
    let shown: Vec<_> = broken
        .iter()
        .zip(why.iter().cycle())
        .take(10)
        .map(|(line, why)| json!({ "line": line, "why": why }))
        .collect();
    let told = file["first_unread"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|unread| json!({ "line": unread["line"], "why": unread["why"] }))
        .collect();
    assert_eq!(told, shown);
    let moved = out_of_order(&calls);
    assert!(moved > 100, "{moved} calls stand out of order");
    assert_eq!(
        json!([
            document["log"]["out_of_order"],
            document["log"]["late"],
            document["log"]["astray"]
        ]),
        json!([moved, 0, 0])
    );
    let expected = of_lines(&calls, &world.configuration);
    assert_eq!(of_forecast(&document["forecasts"][0]), expected);
    let reasons = first_reasons(&expected);
    assert!(reasons.values().sum::<usize>() >= 2, "{reasons:?}");
}

const INVALID_TIME: &str = "invalid time \"yesterday\", expected RFC 3339, day/Mon/year:hour:minute:second zone, or seconds since 1970";

#[test]
fn json_is_forecast_as_it_comes_to() {
    let mut world = World::new(3);
    let broken = [
        "half a li",
        "{\"start_time\":\"yesterday\",\"method\":\"GET\",\"path\":\"/\"}",
        "{}",
    ];
    let log = world.log(Format::EnvoyJson, &broken);
    fs::write(world.path("access.log"), log.text()).unwrap();
    let document = world.replay(&["access.log"], None);
    let why = [
        "not JSON: expected value at column 1",
        INVALID_TIME,
        "no method",
    ];
    check(&document, &world, &log, "Envoy's or Istio's JSON", &why);
    // Refusals of both kinds come first somewhere, or this tells little.
    let reasons = first_reasons(&of_lines(&log.calls(), &world.configuration));
    assert_eq!(
        reasons.keys().map(String::as_str).collect::<Vec<_>>(),
        ["daily_credits", "too_many_requests"]
    );
}

#[test]
fn envoys_text_packed_with_gzip_is_forecast_as_it_comes_to() {
    let mut world = World::new(4);
    let log = world.log(
        Format::EnvoyText,
        &[
            "half a li",
            "[yesterday] \"GET / HTTP/1.1\" 200 - 0 0 1 1 \"-\" \"-\" \"-\" \"-\" \"-\" \"7\"",
        ],
    );
    fs::write(world.path("access.log.gz"), packed(&log.text())).unwrap();
    let document = world.replay(&["access.log.gz"], None);
    check(
        &document,
        &world,
        &log,
        "Envoy's default text",
        &["not of this format: start_time is missing", INVALID_TIME],
    );
}

#[test]
fn ncsa_combined_on_the_standard_input_is_forecast_as_it_comes_to() {
    let mut world = World::new(5);
    let log = world.log(
        Format::Combined,
        &[
            "half a li",
            "1.2.3.4 - 7 [yesterday] \"GET / HTTP/1.1\" 200 0",
        ],
    );
    fs::write(world.path("access.log"), log.text()).unwrap();
    let document = world.replay(&["-"], Some("access.log"));
    check(
        &document,
        &world,
        &log,
        "NCSA combined",
        &["not of this format: user is missing", INVALID_TIME],
    );
    // It has no durations, of which a warning tells.
    assert_eq!(
        document["warnings"],
        json!([
            "Concurrency is not forecast: no durations (say --field duration_ms=NAME, or duration_s, duration_us or duration_ns)."
        ])
    );
}

#[test]
fn csv_packed_on_the_standard_input_is_forecast_as_it_comes_to() {
    let mut world = World::new(6);
    let log = world.log(Format::Csv, &["half a li", "yesterday,7,GET,/,200,1,0,0"]);
    fs::write(world.path("csv.gz"), packed(&log.text())).unwrap();
    let document = world.replay(&[], Some("csv.gz"));
    let why = ["1 column, and the heading has 8", INVALID_TIME];
    check(&document, &world, &log, "comma-separated values", &why);
}

#[test]
fn several_logs_of_different_formats_are_one() {
    let json = World::new(7).log(Format::EnvoyJson, &["{}"]);
    let mut world = World::new(7);
    let csv = world.log(Format::Csv, &["1,2"]);
    // Every other call of the one, and the others of the other.
    let part = |log: &Log, which: usize| {
        let lines = log.lines.iter().enumerate();
        let lines = lines.filter(|(number, _)| number % 2 == which);
        let lines: Vec<_> = lines.map(|(_, line)| line.clone()).collect();
        Log {
            heading: log.heading.clone(),
            lines,
        }
    };
    let (even, odd) = (part(&json, 0), part(&csv, 1));
    fs::write(world.path("even.log"), even.text()).unwrap();
    fs::write(world.path("odd.csv.gz"), packed(&odd.text())).unwrap();
    let document = world.replay(&["even.log", "odd.csv.gz"], None);
    assert_eq!(document["log"]["calls"], csv.calls().len());
    assert_eq!(document["log"]["unread"], csv.broken().len());
    assert_eq!(
        of_forecast(&document["forecasts"][0]),
        of_lines(&csv.calls(), &world.configuration)
    );
}
