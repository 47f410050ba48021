//! The table in `envoy/endings.md`: a line for each row, which is what was seen of it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;

use crate::row::Row;
use crate::scene::Seen;

/// What a line of the table begins with.
const BEGINNING: &str = "| ";

fn path() -> PathBuf {
    root().join("envoy/endings.md")
}

/// The line of a row.
pub(crate) fn line(row: &Row, seen: &Seen, each: u64) -> String {
    let asked = if seen.asked { "yes" } else { "no" };
    let logged: Vec<_> = seen
        .logged
        .iter()
        .map(|logged| format!("`{}`", logged.replace('|', "\\|")))
        .collect();
    let charged = match (each, seen.verdicts.iter().any(|verdict| verdict != "-")) {
        (0, true) => "0, refunded".to_owned(),
        (0, false) => "0, never charged".to_owned(),
        (each, _) => each.to_string(),
    };
    let logged = logged.join(", ");
    format!(
        "| {} | {} | {asked} | {logged} | {charged} |",
        row.who, row.how
    )
}

/// The lines of the table, without its head.
pub(crate) fn lines() -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(path()).context("cannot read envoy/endings.md")?;
    let lines = text
        .lines()
        .filter(|line| line.starts_with(BEGINNING))
        .skip(1);
    Ok(lines.map(str::to_owned).collect())
}

/// Puts these lines in the place of those that are there.
pub(crate) fn renew(lines: &[String]) -> anyhow::Result<()> {
    let text = fs::read_to_string(path()).context("cannot read envoy/endings.md")?;
    let rule = "|---|---|---|---|---|\n";
    let (before, after) = text
        .split_once(rule)
        .context("envoy/endings.md has no table")?;
    let after: Vec<_> = after
        .lines()
        .skip_while(|line| line.starts_with(BEGINNING))
        .collect();
    ensure!(!lines.is_empty(), "there is nothing to write");
    let text = format!("{before}{rule}{}\n{}\n", lines.join("\n"), after.join("\n"));
    Ok(fs::write(path(), format!("{}\n", text.trim_end()))?)
}
