//! The results, as JSON for programs and as Markdown for people.

use serde::Serialize;

use super::{
    measurement::{Comparison, Kind, Observations, Observed, Subject},
    row::Row,
    scaling::Scaling,
    summary::{Pair, Spread, median, percentile},
};

/// All results.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many times every Envoy was started.
    pub rounds: usize,
    /// The size of `api_credits.wasm`, in bytes.
    pub module_bytes: u64,
    /// Reads through each filter.
    pub rows: Vec<Line>,
    /// Calls with a body of 64 KiB that is not priced by its records.
    pub bodies: Vec<Line>,
    /// How much longer Envoy's start takes than without a filter, in milliseconds.
    pub added_start_ms: Vec<Start>,
    /// What a second worker costs.
    pub two_workers: Scaling,
    /// How many times as much one filter adds as another.
    pub ratios: Vec<Ratio>,
}

/// How many times as much one filter adds as another in the same round.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// What is compared.
    pub name: &'static str,
    /// How many times as much.
    pub times: Spread,
}

/// A filter's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The filter.
    pub name: &'static str,
    /// CPU time of Envoy that a call takes more than without a filter, in microseconds.
    pub added_cpu_us: Spread,
    /// CPU time of Envoy that a call takes, in microseconds: the median of all slices.
    pub cpu_us: f64,
    /// How many calls were answered in a second: the median of all slices.
    pub calls_per_second: f64,
    /// The time of the median call, in microseconds.
    pub p50_us: u32,
    /// The time of a slow call, in microseconds.
    pub p99_us: u32,
    /// How many calls were measured.
    pub calls: usize,
    /// How many workers Envoy had.
    pub workers: u32,
}

/// What a filter adds to the start.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// The filter.
    pub name: &'static str,
    /// From the start of the process to the first answer, in milliseconds, more than without a filter in the same round.
    pub milliseconds: Spread,
}

impl Report {
    /// What follows from what was measured with a module of this size.
    #[must_use]
    pub fn of(observations: &mut Observations, module_bytes: u64) -> Self {
        let mut report = Self {
            rounds: observations.rounds,
            module_bytes,
            rows: Vec::new(),
            bodies: Vec::new(),
            added_start_ms: added_start(observations),
            two_workers: Scaling::of(&observations.scaling, observations.scaling_calls),
            ratios: ratios(observations),
        };
        for (comparison, observed) in &mut observations.comparisons {
            match comparison {
                Comparison {
                    subject,
                    kind: Kind::Reads,
                    ..
                } => report.rows.push(Line::of(*subject, observed)),
                Comparison { subject, .. } => report.bodies.push(Line::of(*subject, observed)),
            }
        }
        report
    }

    /// The same for people.
    #[must_use]
    pub fn markdown(&self) -> String {
        let starts = self.added_start_ms.iter().map(|start| {
            let Spread { median, min, max } = start.milliseconds;
            format!("| {} | {median:.0} ms | {min:.0} to {max:.0} |", start.name)
        });
        let scaling = &self.two_workers;
        let ratios = [
            ("Envoy without a filter", scaling.no_filter),
            ("Envoy with api-credits", scaling.api_credits),
            ("what api-credits adds", scaling.added),
        ];
        let ratios = ratios.map(|(what, Spread { median, min, max })| {
            let calls = scaling.calls;
            format!("| {what} | {median:.2} | {min:.2} to {max:.2} | {calls} |")
        });
        let tables = [
            table("Reads", LINE_HEAD, self.rows.iter().map(Line::markdown)),
            table(
                "Calls with a body of 64 KiB",
                LINE_HEAD,
                self.bodies.iter().map(Line::markdown),
            ),
            table(
                "Start",
                "| filter | to the first answer, added | range |\n|---|---|---|",
                starts,
            ),
            table(
                "A second worker",
                "| of | CPU per call, times that with one | range | calls each |\n|---|---|---|---|",
                ratios.into_iter(),
            ),
            table(
                "One beside the other",
                "| what is added | times | range |\n|---|---|---|",
                self.ratios.iter().map(|ratio| {
                    let Spread { median, min, max } = ratio.times;
                    format!("| {} | {median:.2} | {min:.2} to {max:.2} |", ratio.name)
                }),
            ),
        ];
        format!(
            "{}\n{} rounds; the range is that of the medians of the rounds. The module has {} bytes.\n",
            tables.join("\n"),
            self.rounds,
            self.module_bytes
        )
    }
}

const LINE_HEAD: &str = "| filter | CPU per call, added | range | CPU per call | calls/s | p50 | p99 | calls | workers |\n|---|---|---|---|---|---|---|---|---|";

fn table(title: &str, head: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    format!("### {title}\n\n{head}\n{}\n", lines.join("\n"))
}

impl Line {
    fn of(subject: Subject, observed: &mut Observed) -> Self {
        Self {
            name: subject.row.name(),
            added_cpu_us: Spread::of_pairs(&observed.rounds, Pair::added),
            cpu_us: Spread::of(&[median(&observed.cpu)]).median,
            calls_per_second: median(&observed.throughput).round(),
            p50_us: percentile(&mut observed.microseconds, 50),
            p99_us: percentile(&mut observed.microseconds, 99),
            calls: observed.microseconds.len(),
            workers: subject.workers,
        }
    }

    fn markdown(&self) -> String {
        let Spread { median, min, max } = self.added_cpu_us;
        format!(
            "| {} | {median:.1} us | {min:.1} to {max:.1} | {:.1} us | {:.0} | {} us | {} us | {} | {} |",
            self.name,
            self.cpu_us,
            self.calls_per_second,
            self.p50_us,
            self.p99_us,
            self.calls,
            self.workers
        )
    }
}

/// In each round, Envoy's start with a filter is compared with the start without.
fn added_start(observations: &Observations) -> Vec<Start> {
    let without = observations.starts.get(&Subject::of(Row::NoFilter));
    let one_worker = observations
        .starts
        .iter()
        .filter(|(subject, _)| subject.workers == 1 && subject.copy == 0);
    one_worker
        .map(|(subject, starts)| {
            let added: Vec<_> = starts
                .iter()
                .zip(without.into_iter().flatten())
                .map(|(with, without)| with - without)
                .collect();
            Start {
                name: subject.row.name(),
                milliseconds: Spread::of(&added),
            }
        })
        .collect()
}

/// In each round, what one filter adds is compared with what another adds.
fn ratios(observations: &Observations) -> Vec<Ratio> {
    let added = |row| -> Vec<f64> {
        let found = observations.comparisons.iter().find(|(comparison, _)| {
            comparison.subject == Subject::of(row) && comparison.kind == Kind::Reads
        });
        let rounds = found.map_or(&[][..], |(_, observed)| observed.rounds.as_slice());
        let figures = |pairs: &Vec<Pair>| pairs.iter().map(|pair| pair.added()).collect::<Vec<_>>();
        rounds.iter().map(|pairs| median(&figures(pairs))).collect()
    };
    let start = |row| -> Vec<f64> {
        let starts = observations.starts.get(&Subject::of(row));
        starts.cloned().unwrap_or_default()
    };
    let compared = [
        (
            "CPU of a read: api-credits over bare-hostcalls",
            added(Row::ApiCredits),
            added(Row::BareHostcalls),
        ),
        (
            "CPU of a read: api-credits over base",
            added(Row::ApiCredits),
            added(Row::Base),
        ),
        (
            "CPU of a refusal: api-credits over base",
            added(Row::ApiCreditsRefused),
            added(Row::BaseRefused),
        ),
        (
            "start to the first answer: api-credits over base",
            start(Row::ApiCredits),
            start(Row::Base),
        ),
    ];
    let ratio = |(name, one, other): (_, Vec<f64>, Vec<f64>)| {
        let times: Vec<_> = one
            .iter()
            .zip(&other)
            .map(|(one, other)| one / other)
            .collect();
        let times = (!times.is_empty()).then(|| Spread::of(&times))?;
        Some(Ratio { name, times })
    };
    compared.into_iter().filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{measurement::BASE, scaling::Turn};

    fn report() -> Report {
        let observed = |added: f64| Observed {
            rounds: vec![vec![Pair {
                base: 20.0,
                measured: 20.0 + added,
            }]],
            cpu: vec![20.0 + added],
            throughput: vec![20_000.4],
            microseconds: vec![400, 300],
        };
        let credits = Subject::of(Row::ApiCredits);
        let base = Subject::of(Row::Base);
        let comparison = |subject, base, kind| Comparison {
            subject,
            base,
            kind,
        };
        let mut observations = Observations {
            comparisons: [
                (comparison(credits, BASE, Kind::Reads), observed(5.123)),
                (comparison(base, BASE, Kind::Reads), observed(10.246)),
                (comparison(credits, BASE, Kind::Bodies), observed(6.0)),
            ]
            .into(),
            starts: [
                (Subject::of(Row::NoFilter), vec![100.0, 110.0]),
                (credits, vec![190.0, 220.0]),
                (base, vec![380.0, 440.0]),
            ]
            .into(),
            rounds: 1,
            scaling: vec![vec![Turn::of([20.0, 22.0, 30.0, 33.0])]],
            scaling_calls: 1_500,
        };
        Report::of(&mut observations, 1_000_000)
    }

    #[test]
    fn programs_read_the_added_cpu_time_by_name() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            json["rows"][0],
            serde_json::json!({
                "name": "api-credits",
                "added_cpu_us": { "median": 5.12, "min": 5.12, "max": 5.12 },
                "cpu_us": 25.12,
                "calls_per_second": 20000.0,
                "p50_us": 300,
                "p99_us": 300,
                "calls": 2,
                "workers": 1,
            })
        );
    }

    #[test]
    fn people_read_tables() {
        assert_eq!(
            report().markdown(),
            "\
### Reads

| filter | CPU per call, added | range | CPU per call | calls/s | p50 | p99 | calls | workers |
|---|---|---|---|---|---|---|---|---|
| api-credits | 5.1 us | 5.1 to 5.1 | 25.1 us | 20000 | 300 us | 300 us | 2 | 1 |
| base | 10.2 us | 10.2 to 10.2 | 30.2 us | 20000 | 300 us | 300 us | 2 | 1 |

### Calls with a body of 64 KiB

| filter | CPU per call, added | range | CPU per call | calls/s | p50 | p99 | calls | workers |
|---|---|---|---|---|---|---|---|---|
| api-credits | 6.0 us | 6.0 to 6.0 | 26.0 us | 20000 | 300 us | 300 us | 2 | 1 |

### Start

| filter | to the first answer, added | range |
|---|---|---|
| no-filter | 0 ms | 0 to 0 |
| api-credits | 100 ms | 90 to 110 |
| base | 305 ms | 280 to 330 |

### A second worker

| of | CPU per call, times that with one | range | calls each |
|---|---|---|---|
| Envoy without a filter | 1.10 | 1.10 to 1.10 | 1500 |
| Envoy with api-credits | 1.10 | 1.10 to 1.10 | 1500 |
| what api-credits adds | 1.10 | 1.10 to 1.10 | 1500 |

### One beside the other

| what is added | times | range |
|---|---|---|
| CPU of a read: api-credits over base | 0.50 | 0.50 to 0.50 |
| start to the first answer: api-credits over base | 0.50 | 0.50 to 0.50 |

1 rounds; the range is that of the medians of the rounds. The module has 1000000 bytes.
"
        );
    }
}
