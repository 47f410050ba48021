//! Results as JUnit's XML, which every CI reads.

use std::fs::File;
use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::{Outcome, Verdict};

/// Writes all outcomes to a file.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn write(path: &Path, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let mut report = Report::new("host-sim");
    let mut suite = TestSuite::new("scenarios");
    for outcome in outcomes {
        let mut case = TestCase::new(outcome.about.as_str(), status(outcome));
        case.set_classname(outcome.scenario.as_str())
            .set_time(outcome.took);
        suite.add_test_case(case);
    }
    report.set_time(outcomes.iter().map(|outcome| outcome.took).sum());
    report.add_test_suite(suite);
    report.serialize(File::create(path)?)?;
    Ok(())
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let mut status = match (&outcome.verdict, outcome.skipped()) {
        (_, Some(capability)) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(format!("host-sim cannot do `{capability}`"));
            return skipped;
        }
        _ if outcome.held() => return TestCaseStatus::success(),
        (Verdict::Compared(report), None) => {
            let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
            if let Some(first) = report.mismatches.first() {
                failure.set_message(first.to_string().trim().to_owned());
            }
            failure
        }
        (Verdict::Broken(reason), None) => {
            let mut error = TestCaseStatus::non_success(NonSuccessKind::Error);
            error.set_message(reason.lines().next().unwrap_or_default());
            error
        }
    };
    status.set_description(outcome.text.as_str());
    status
}
