//! What came of one scenario.

use std::fmt;
use std::time::Duration;

use host_sim::report::Report;

/// What came of one scenario.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Its file.
    pub(super) scenario: String,
    /// Its sentence.
    pub(super) about: String,
    pub(super) took: Duration,
    pub(super) verdict: Verdict,
    /// What people read.
    pub(super) text: String,
}

/// How many scenarios ended how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Count {
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let count =
            |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
        Self {
            passed: count(|outcome| outcome.held() && outcome.skipped().is_none()),
            failed: count(|outcome| !outcome.held()),
            skipped: count(|outcome| outcome.skipped().is_some()),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// At its end, or at the first step that differs.
    Compared(Report),
    /// The filter hangs or dies, for this reason.
    Broken(String),
}

impl Outcome {
    /// Whether nothing speaks against the filter.
    pub(super) fn held(&self) -> bool {
        match &self.verdict {
            Verdict::Compared(report) => report.mismatches.is_empty(),
            Verdict::Broken(_) => false,
        }
    }

    /// Why it was not run, if it was not.
    pub(super) fn skipped(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Compared(report) => report.skipped.map(|capability| capability.to_string()),
            Verdict::Broken(_) => None,
        }
    }
}
