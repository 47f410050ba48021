//! Compares what other steps than single requests came to.

use std::collections::BTreeMap;
use std::fmt;

use super::compare::{self, Comparison};
use crate::model::pattern::Pattern;
use crate::model::{Exchange, LogLevel, LogLine};
use crate::scenario::target::Refusal;
use crate::scenario::{Expect, ExpectLine, ExpectLog, ExpectParallel};

/// A refused configuration is explained by exactly one line at error level or above; any value is any refusal.
pub(super) fn rejection(
    expected: &Pattern,
    refusal: &Refusal,
) -> Option<(&'static str, String, String)> {
    if matches!(expected, Pattern::Present) {
        return None;
    }
    let errors: Vec<_> = refusal
        .log
        .iter()
        .filter(|line| line.level >= LogLevel::Error)
        .map(|line| line.text.as_str())
        .collect();
    let mut observed = match errors.as_slice() {
        lines if !lines.is_empty() && expected.allows(lines) => return None,
        // A module that dies without a word is explained by how it died, where the host can say.
        [] if refusal
            .failure
            .as_deref()
            .is_some_and(|failure| expected.allows(&[failure])) =>
        {
            return None;
        }
        [] => "no line at error level".to_owned(),
        [line] => format!("{line:?}"),
        lines => format!("{} lines at error level: {lines:?}", lines.len()),
    };
    if let Some(failure) = &refusal.failure {
        observed.push_str(&format!("; {failure}"));
    }
    Some(("rejected", expected.to_string(), observed))
}

pub(super) fn compare_parallel(
    expect: &ExpectParallel,
    exchanges: &[Exchange],
    at_once: Option<usize>,
    comparison: &mut Comparison,
) {
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    for exchange in exchanges {
        let count = statuses.entry(exchange.status.to_string()).or_default();
        *count = count.saturating_add(1);
    }
    if !expect.statuses.is_empty() {
        let as_expected = expect.statuses.iter().all(|(status, count)| {
            let observed = statuses.get(status).copied().unwrap_or(0);
            count.allows(&[&observed.to_string()])
        });
        let no_other = statuses
            .keys()
            .all(|status| expect.statuses.contains_key(status));
        if !as_expected || !no_other {
            comparison.differs(
                "parallel.expect.statuses",
                counted(&expect.statuses),
                counted(&statuses),
            );
        }
    }
    let calls = exchanges
        .iter()
        .filter(|exchange| exchange.upstream.is_some())
        .count();
    if let Some(expected) = &expect.upstream_calls {
        comparison.text(
            "parallel.expect.upstream_calls".to_owned(),
            expected,
            &[&calls.to_string()],
        );
    }
    if let Some(expected) = &expect.upstream_at_once {
        let observed = at_once.map(|count| count.to_string());
        let observed: Vec<_> = observed.as_deref().into_iter().collect();
        comparison.text(
            "parallel.expect.upstream_at_once".to_owned(),
            expected,
            &observed,
        );
    }
}

/// As in `10 of 200, 54 of 429`.
fn counted(statuses: &BTreeMap<String, impl fmt::Display>) -> String {
    let counts: Vec<_> = statuses
        .iter()
        .map(|(status, count)| {
            let count = count.to_string();
            format!("{} of {status}", count.trim_matches('"'))
        })
        .collect();
    counts.join(", ")
}

/// Every call of a name is to be seen alike; the first that is not is shown.
pub(super) fn compare_finished(
    expect: &Expect,
    exchanges: &[Exchange],
    comparison: &mut Comparison,
) {
    for (index, exchange) in exchanges.iter().enumerate() {
        compare::exchange(expect, exchange, comparison);
        if comparison.differences.is_empty() {
            continue;
        }
        if exchanges.len() > 1 {
            let number = index.saturating_add(1);
            comparison.note(format!(" (call {number} of {})", exchanges.len()));
        }
        return;
    }
}

pub(super) fn compare_configure(
    rejected: Option<&Pattern>,
    outcome: &Result<(), Refusal>,
    comparison: &mut Comparison,
) {
    match (rejected, outcome) {
        (None, Ok(())) => {}
        (None, Err(refusal)) => {
            let lines = refusal.log.iter().map(ToString::to_string);
            let lines: Vec<_> = lines.chain(refusal.failure.clone()).collect();
            comparison.differs(
                "configure",
                "the configuration is accepted",
                format!("it is refused: {lines:?}"),
            );
        }
        (Some(line), Ok(())) => {
            comparison.differs(
                "configure.rejected",
                format!("the configuration is refused: {line}"),
                "it is accepted",
            );
        }
        (Some(line), Err(refusal)) => {
            if let Some((what, expected, observed)) = rejection(line, refusal) {
                comparison.differs(format!("configure.{what}"), expected, observed);
            }
        }
    }
}

pub(super) fn compare_log(expected: &ExpectLog, log: &[LogLine], comparison: &mut Comparison) {
    let at_level = |line: &&LogLine| expected.level.is_none_or(|level| line.level == level);
    let lines = log.iter().filter(at_level).map(|line| line.text.as_str());
    let level = match expected.level {
        Some(level) => format!("at level {level}"),
        None => "at any level".to_owned(),
    };
    let (wanted, seen): (_, Vec<_>) = match &expected.line {
        ExpectLine::Logged(pattern) if lines.clone().any(|line| pattern.allows(&[line])) => return,
        ExpectLine::Logged(pattern) => (pattern.to_string(), lines.collect()),
        ExpectLine::Absent(pattern) => {
            let forbidden: Vec<_> = lines.filter(|line| pattern.allows(&[line])).collect();
            if forbidden.is_empty() {
                return;
            }
            (format!("no line of {pattern}"), forbidden)
        }
    };
    comparison.differs(
        "log",
        format!("{level}: {wanted}"),
        format!("{level}: {}", last_lines(&seen)),
    );
}

/// The last of these lines, as many and as much of them as one can read.
fn last_lines(lines: &[&str]) -> String {
    const LINES: usize = 5;
    const CHARACTERS: usize = 200;
    let skipped = lines.len().saturating_sub(LINES);
    let cut = |line: &&str| {
        let mut start: String = line.chars().take(CHARACTERS).collect();
        if start.len() < line.len() {
            start.push('…');
        }
        start
    };
    let shown: Vec<_> = lines.iter().skip(skipped).map(cut).collect();
    match skipped {
        0 => format!("{shown:?}"),
        _ => format!("{} lines, the last of them {shown:?}", lines.len()),
    }
}
