//! Compares what was seen with what must hold whatever happens.

use super::compare::{Comparison, Difference};
use super::outcome::compare_log;
use crate::model::{Exchange, LogLine};
use crate::scenario::Invariant;

/// One that is broken: which, counted from 0, what of it, what was expected and what was seen.
pub(crate) struct Broken {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) observed: String,
}

/// What of the invariants about answers these exchanges break.
pub(crate) fn of_exchanges(invariants: &[Invariant], exchanges: &[Exchange]) -> Vec<Broken> {
    collect(invariants, |invariant, comparison| {
        // Without an answer there is none to look at.
        for exchange in exchanges.iter().filter(|exchange| exchange.status != 0) {
            if let Some(status) = &invariant.status {
                comparison.text("status".to_owned(), status, &[&exchange.status.to_string()]);
            }
            for (name, pattern) in &invariant.headers {
                let of_name = exchange.headers.iter();
                let of_name = of_name.filter(|(other, _)| other.eq_ignore_ascii_case(name));
                let values: Vec<_> = of_name.map(|(_, value)| value.as_str()).collect();
                if !values.is_empty() {
                    comparison.text(format!("headers.{name}"), pattern, &values);
                }
            }
        }
    })
}

/// What of the invariants about metrics is broken. `value` says that of one.
pub(crate) fn of_metrics<E>(
    invariants: &[Invariant],
    mut value: impl FnMut(&str) -> Result<Option<u64>, E>,
) -> Result<Vec<Broken>, E> {
    let mut failed = None;
    let broken = collect(invariants, |invariant, comparison| {
        for (name, pattern) in &invariant.metrics {
            match value(name) {
                Ok(value) => {
                    let value = value.unwrap_or(0).to_string();
                    comparison.text(format!("metrics.{name:?}"), pattern, &[&value]);
                }
                Err(error) => failed = Some(error),
            }
        }
    });
    failed.map_or(Ok(broken), Err)
}

/// What of the invariants about the log is broken.
pub(crate) fn of_log(invariants: &[Invariant], log: &[LogLine]) -> Vec<Broken> {
    collect(invariants, |invariant, comparison| {
        if let Some(expected) = &invariant.log {
            compare_log(expected, log, comparison);
        }
    })
}

/// What of the invariants is broken by how a VM died.
pub(crate) fn of_failure(invariants: &[Invariant], failure: &str) -> Vec<Broken> {
    collect(invariants, |invariant, comparison| {
        if invariant.alive {
            comparison.differs("alive", "the plugin lives", failure);
        }
    })
}

fn collect(
    invariants: &[Invariant],
    mut compare: impl FnMut(&Invariant, &mut Comparison),
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (index, invariant) in invariants.iter().enumerate() {
        let mut comparison = Comparison::default();
        compare(invariant, &mut comparison);
        let named = |difference: Difference| Broken {
            what: format!("invariant[{index}].{}", difference.what),
            expected: match &invariant.about {
                Some(about) => format!("{}: {about}", difference.expected),
                None => difference.expected,
            },
            observed: difference.observed,
        };
        broken.extend(comparison.differences.into_iter().map(named));
    }
    broken
}
