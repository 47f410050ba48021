//! What the pages say: their links lead somewhere, README stays short, and what they show can be done.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{host_sim, root};

use crate::World;

/// The longest that README may be, in lines, and its picture, in bytes.
const LONGEST: usize = 150;
const LARGEST: u64 = 200_000;

pub(crate) fn links_lead_somewhere(_: &World) -> anyhow::Result<()> {
    let pages = pages(root())?;
    ensure!(pages.len() > 8, "only {pages:?}");
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page)?;
        let folder = page.parent().context("no folder")?;
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                folder.join(file)
            };
            let known = target.exists()
                && (anchor.is_empty() || anchors(&fs::read_to_string(&target)?).contains(anchor));
            if !known {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

pub(crate) fn readme_is_short(_: &World) -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join("README.md"))?;
    let lines = text.lines().count();
    ensure!(
        lines <= LONGEST,
        "{lines} lines, expected {LONGEST} at most"
    );
    let picture = text
        .split("<img src=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let picture = root().join(picture.context("no picture")?);
    let bytes = fs::metadata(&picture)?.len();
    ensure!(bytes < LARGEST, "{} has {bytes} bytes", picture.display());
    Ok(())
}

pub(crate) fn the_first_scenario_of_the_tutorial_holds(_: &World) -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join("host-sim/README.md"))?;
    let scenario = text
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let scenario = scenario.context("no scenario")?;
    let command = "host-sim run --plugin tests/bare/counter.wat first.toml";
    ensure!(text.contains(command), "no {command}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("first.toml");
    let program = host_sim()?;
    for (old, new, code, said) in [
        ("200", "200", 0, "1 passed"),
        ("status = 200", "status = 201", 1, "expected: 201"),
    ] {
        fs::write(&file, scenario.replace(old, new))?;
        let output = Command::new(&program)
            .args(["run", "--plugin", "tests/bare/counter.wat"])
            .arg(&file)
            .current_dir(root())
            .output()?;
        let told = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(code), "{told}");
        ensure!(told.contains(said), "{told}");
    }
    // And `host-sim new` prints what the page shows.
    let new = Command::new(&program).arg("new").output()?;
    let new = String::from_utf8(new.stdout)?;
    ensure!(
        text.contains(&format!("```toml\n{new}```\n")),
        "another: {new}"
    );
    Ok(())
}

/// All pages below a folder, but those of other people.
fn pages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !["target", ".git", "node_modules"].contains(&name.as_ref()) {
                found.extend(pages(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The links of a page that lead to files, without those in blocks of code.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("\n```").step_by(2);
    let links = outside.flat_map(|part| part.split("](").skip(1));
    let links = links.filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://") && !link.contains(char::is_whitespace))
}

/// What the headings of a page are called in links.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}
