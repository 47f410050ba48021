//! What came of one scenario.

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
