//! Results as one JSON document.

use serde::Serialize;

use super::outcome::{Count, Outcome, Verdict};

#[derive(Serialize)]
struct RunReport<'a> {
    passed: usize,
    failed: usize,
    skipped: usize,
    scenarios: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    scenario: &'a str,
    about: &'a str,
    outcome: &'static str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mismatches: Vec<Difference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<Logged<'a>>,
}

#[derive(Serialize)]
struct Difference<'a> {
    /// Counted from 0; absent for the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    what: &'a str,
    /// The line of the scenario that says so, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    expected: &'a str,
    observed: &'a str,
}

#[derive(Serialize)]
struct Logged<'a> {
    level: String,
    text: &'a str,
}

/// The document.
///
/// # Errors
///
/// Never in practice: everything in it can be written as JSON.
pub(super) fn text(outcomes: &[Outcome]) -> serde_json::Result<String> {
    let Count {
        passed,
        failed,
        skipped,
    } = Count::of(outcomes);
    serde_json::to_string_pretty(&RunReport {
        passed,
        failed,
        skipped,
        scenarios: outcomes.iter().map(entry).collect(),
    })
}

fn entry(outcome: &Outcome) -> Entry<'_> {
    let mut entry = Entry {
        scenario: &outcome.scenario,
        about: &outcome.about,
        outcome: "failed",
        seconds: outcome.took.as_secs_f64(),
        error: None,
        mismatches: Vec::new(),
        trace: Vec::new(),
        log: Vec::new(),
    };
    match &outcome.verdict {
        Verdict::Broken(reason) => entry.error = Some(reason),
        Verdict::Compared(report) => {
            if outcome.held() {
                entry.outcome = match (report.skipped, &report.known_difference) {
                    (Some(_), _) => "skipped",
                    (None, Some(_)) => "known_difference",
                    (None, None) => "passed",
                };
            }
            entry.mismatches = report
                .mismatches
                .iter()
                .map(|mismatch| Difference {
                    step: mismatch.step,
                    what: &mismatch.what,
                    line: mismatch.line.as_ref().map(|line| line.number),
                    expected: &mismatch.expected,
                    observed: &mismatch.observed,
                })
                .collect();
            entry.trace = report.trace.iter().map(ToString::to_string).collect();
            let logged = report.log.iter().map(|line| Logged {
                level: line.level.to_string(),
                text: &line.text,
            });
            entry.log = logged.collect();
        }
    }
    entry
}
