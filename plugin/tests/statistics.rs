//! What operators graph, alert on and look up is what the filter counts: the reference, the alerts, the dashboard and Envoy's
//! configurations name the same statistics.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use api_credits::{model::reason::Reason, outbound::engine::FailureKind, show::metrics::Metric};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The cells of the tables below a heading, row by row, without the heads of the tables.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.by_ref().take_while(|line| !line.starts_with('#'));
    let lines = lines.skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = lines.filter(|line| line.starts_with("| `"));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    rows.map(cells).collect()
}

fn first_of(rows: &[Vec<String>]) -> BTreeSet<&str> {
    rows.iter().map(|row| row[0].as_str()).collect()
}

/// The words of a text that begin in one of these ways.
fn words<'a>(text: &'a str, beginnings: &[&str]) -> BTreeSet<&'a str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| {
            beginnings
                .iter()
                .any(|beginning| word.starts_with(beginning))
        })
        .collect()
}

#[test]
fn the_reference_lists_what_is_counted() {
    let reference = text("plugin/README.md");
    let rows_of = |heading| rows(&reference, heading);
    let documented: BTreeSet<_> = rows_of("## Statistics")
        .into_iter()
        .map(|row| (row[0].clone(), !row[1].is_empty()))
        .collect();
    let counted: BTreeSet<_> = Metric::all()
        .map(|metric| {
            let name = metric.name();
            let reason = match metric {
                Metric::CallsRefused(reason) | Metric::CallsNotRefused(reason) => reason.name(),
                Metric::EngineFailures(kind) => kind.name(),
                _ => return (name.replace('.', "_"), false),
            };
            let name = name.strip_suffix(&format!(".{reason}")).unwrap();
            (name.replace('.', "_"), true)
        })
        .collect();
    assert_eq!(documented, counted);
    assert_eq!(
        first_of(&rows_of("### Why calls are refused")),
        Reason::ALL.map(Reason::name).into()
    );
    assert_eq!(
        first_of(&rows_of("### Why the engine fails")),
        FailureKind::ALL.map(FailureKind::name).into()
    );
}

#[test]
fn alerts_and_dashboard_ask_for_what_there_is() {
    let reference = text("plugin/README.md");
    let own = rows(&reference, "## Statistics");
    let of_envoy = rows(&reference, "### Of Envoy itself");
    let known = &first_of(&own) | &first_of(&of_envoy);
    let (alerts, dashboard) = (
        text("envoy/prometheus/rules.yaml"),
        text("envoy/grafana/dashboard.json"),
    );
    for (file, text) in [("rules.yaml", &alerts), ("dashboard.json", &dashboard)] {
        let mut asked = words(text, &["api_credits_", "envoy_"]);
        asked.remove("envoy_cluster_name");
        let unknown: Vec<_> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let reasons: BTreeSet<_> = Reason::ALL.map(Reason::name).into();
    let asked = alerts.split("reason=~\"").skip(1);
    let asked: Vec<_> = asked
        .flat_map(|rest| rest.split('"').next().unwrap().split('|'))
        .collect();
    assert!(asked.len() > 10, "{asked:?}");
    let unknown: Vec<_> = asked
        .iter()
        .filter(|name| !reasons.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_alert_has_its_paragraph_in_the_runbook() {
    let (rules, runbook) = (
        text("envoy/prometheus/rules.yaml"),
        text("envoy/RUNBOOK.md"),
    );
    let after =
        |text: &'static str| move |line: &str| line.trim().strip_prefix(text).map(str::to_owned);
    let alerts: Vec<_> = rules.lines().filter_map(after("- alert: ")).collect();
    let sections: Vec<_> = runbook.lines().filter_map(after("## ")).collect();
    assert_eq!(alerts, sections);
    let links: Vec<_> = rules.lines().filter_map(after("runbook_url: ")).collect();
    let expected: Vec<_> = alerts
        .iter()
        .map(|alert| {
            format!(
                "https://example.com/envoy/RUNBOOK.md#{}",
                alert.to_lowercase()
            )
        })
        .collect();
    assert_eq!(links, expected);
}

#[test]
fn every_configuration_of_envoy_makes_a_label_of_the_reason() {
    let example = text("envoy/envoy.yaml");
    let (_, tags) = example.split_once("\nstats_config:\n").unwrap();
    let (tags, _) = tags.split_once("\n\n").unwrap();
    let mut configurations = 0_u32;
    for entry in fs::read_dir(root().join("envoy")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("\nstatic_resources:\n") {
            assert!(text.contains(tags), "{}", path.display());
            configurations = configurations.saturating_add(1);
        }
    }
    assert!(configurations >= 6, "{configurations}");
}
