//! The page of a forecast, as `host-sim replay --html` writes it: opened from the disk, in every screen and scheme.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{OnceLock, PoisonError},
};

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts;
use api_credits_tests::traffic::{Plan, Traffic, format::Format, organization};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    World,
    inspection::{Screen, inspect},
};

/// A page of many organizations, and one that compares two configurations.
pub(crate) const PAGES: [&str; 2] = ["forecast", "forecast_compared"];

/// Where the pages are, once somebody has asked for them.
#[derive(Default)]
pub(crate) struct Pages(OnceLock<Result<TempDir, String>>);

impl Pages {
    /// The file with a page.
    fn file(&self, page: &str) -> anyhow::Result<PathBuf> {
        let made = self
            .0
            .get_or_init(|| make().map_err(|error| format!("{error:#}")));
        let folder = made.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        Ok(folder.path().join(page).with_extension("html"))
    }
}

/// Forecasts a day of made-up traffic, with the example and with dearer lists.
fn make() -> anyhow::Result<TempDir> {
    let folder = TempDir::new()?;
    let traffic = Traffic::new(&Plan {
        seed: 8,
        organizations: 120,
        start: "2026-11-16T20:00:00Z".parse()?,
        days: 1,
        calls: 2_500,
    });
    let organizations = traffic.organizations().to_vec();
    let mut log = Vec::new();
    for call in traffic {
        Format::EnvoyJson.put(&mut log, &call, &organizations)?;
    }
    log.extend_from_slice(b"half a li\n");
    fs::write(folder.path().join("access.log"), log)?;
    let example = fs::read_to_string(artifacts::root().join("envoy/filter.json"))?;
    let mut now: Value = serde_json::from_str(&example)?;
    now["organizations"] = organization::config(&organizations);
    now["editions"]["Free"]["base"] = json!(40);
    let mut after = now.clone();
    after["costs"]["default"] = json!(2);
    after["editions"]["Free"]["base"] = json!(30);
    for (name, configuration) in [("now.json", &now), ("after.json", &after)] {
        fs::write(folder.path().join(name), configuration.to_string())?;
    }
    for (page, more) in PAGES
        .iter()
        .zip([&[][..], &["--against", "after.json"][..]])
    {
        let output = Command::new(artifacts::host_sim()?)
            .args(["replay", "--config", "now.json", "access.log", "--html"])
            .arg(Path::new(page).with_extension("html"))
            .args(more)
            .arg("--plugin")
            .arg(artifacts::module()?)
            .current_dir(folder.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "no forecast: {said}");
    }
    Ok(folder)
}

/// Opens a page with an organization's details on a screen: nothing is fetched, nothing overflows, every text has contrast.
pub(crate) fn look(world: &World, page: &str, screen: &Screen) -> anyhow::Result<()> {
    let file = world.forecasts.file(page)?;
    let mut browser = world.browser.lock().unwrap_or_else(PoisonError::into_inner);
    let found = inspect(
        &mut browser,
        &format!("file://{}#o0-0", file.display()),
        screen,
    )?;
    let picture = format!("{page}-{}.png", screen.name());
    fs::write(world.screenshots.join(picture), &found.screenshot)?;
    found.ensure_well_made(screen)?;
    // The answer is the first thing that is read.
    let first = found.outline.first().context("no heading")?;
    ensure!(
        *first == format!("1 {}", found.title),
        "the first heading is {first:?}, the title {:?}",
        found.title
    );
    Ok(())
}

/// What a reader does on the page: follows a link to an organization, asks for the refused ones, and searches for one.
const READER: &str = r#"
(() => {
  const shown = () => [...document.querySelectorAll('.list > details')].filter(row => row.checkVisibility()).map(row => row.dataset.name);
  const all = shown().length;
  const link = document.querySelector('tbody a');
  const row = document.querySelector(link.hash);
  link.click();
  dispatchEvent(new HashChangeEvent('hashchange'));
  const opened = row.open && row.dataset.name === link.textContent;
  const links = document.querySelectorAll('tbody a').length;
  document.querySelector('[value=refused]').click();
  const refused = shown().length;
  const search = document.querySelector('[type=search]');
  search.value = ' ' + row.dataset.name + ' ';
  search.dispatchEvent(new Event('input'));
  return {all, opened, refused: refused === links, found: shown(), wanted: [row.dataset.name]};
})()"#;

/// The few lines of script do what they are for.
pub(crate) fn a_reader_finds_an_organization(world: &World) -> anyhow::Result<()> {
    let file = world.forecasts.file("forecast")?;
    let mut browser = world.browser.lock().unwrap_or_else(PoisonError::into_inner);
    let url = format!("file://{}", file.display());
    let seen = browser.evaluate(&url, READER)?;
    ensure!(
        seen["all"].as_u64().is_some_and(|all| all > 50),
        "organizations are missing: {seen}"
    );
    ensure!(
        seen["opened"] == true && seen["refused"] == true && seen["found"] == seen["wanted"],
        "{seen}"
    );
    Ok(())
}
