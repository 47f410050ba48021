//! The page of all organizations, as operators see it.

use std::{fs, sync::PoisonError};

use anyhow::ensure;
use api_credits::{
    model::{credits::Credits, property_path::PropertyPath, terms::Model},
    show::{
        overview::{Operators, Overview, Row},
        usage::{answer::Answer, config::UsagePath},
    },
};

use crate::{
    World,
    inspection::{Screen, inspect},
};

/// A page of many organizations with all that can be shown of one, and one on which none fits.
pub(crate) const PAGES: [&str; 2] = ["overview", "overview_of_nobody"];

fn rows() -> Vec<Row> {
    let row = |number: u64| Row {
        organization: format!("{}", 2_389_290 + number * 7_919),
        edition: Some("Professional".to_owned()),
        data_center: number.is_multiple_of(3).then(|| "EU".to_owned()),
        model: Some(Model::Credits),
        enforced: !number.is_multiple_of(5),
        total: Some(Credits::saturating(81_000)),
        used: Credits::saturating(81_000 / (number + 1)),
        in_progress: 2,
        concurrency: number.is_multiple_of(2).then_some(15),
        refused: number * number,
        runs_out_at: "2026-11-23T05:00:00Z".parse().ok().filter(|_| number < 3),
        resets_at: "2026-11-23T08:00:00Z".parse().ok(),
    };
    let longest = Row {
        organization: "o".repeat(128),
        edition: None,
        total: None,
        runs_out_at: None,
        resets_at: None,
        ..row(40)
    };
    let hostile = Row {
        organization: r#"</title><script>alert("1")</script>&amp;"#.to_owned(),
        used: Credits::MAX,
        total: Some(Credits::MAX),
        ..row(41)
    };
    (0..30).map(row).chain([longest, hostile]).collect()
}

/// The answer that the filter gives to an operator's browser.
pub(crate) fn rendered(page: &'static str) -> anyhow::Result<(&'static str, Answer)> {
    let path = UsagePath::try_from(format!("/{page}"))?;
    let header = ["request", "headers", "x-operator"].map(str::to_owned);
    let identity = PropertyPath::new(&header).ok_or_else(|| anyhow::anyhow!("no header"))?;
    let operators = Operators::new(
        identity,
        vec!["yes".to_owned()],
        path,
        Some("Helpdesk API".to_owned()),
        100,
    );
    let target = format!("/{page}?search=%22pro&sort=share");
    let resource = operators.resource("GET", &target);
    let resource = resource.ok_or_else(|| anyhow::anyhow!("not our path"))?;
    let accept = Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    let now = "2026-11-23T02:48:00Z".parse()?;
    let answer = operators.answer(resource, ("GET", accept), |_| Overview {
        as_of: now,
        rows: if page == "overview" {
            rows()
        } else {
            Vec::new()
        },
        organizations: if page == "overview" { 1_200 } else { 0 },
        is_incomplete: page == "overview",
        elsewhere: (page == "overview").then(|| Err("it does not answer in time".to_owned())),
    });
    Ok((page, answer))
}

/// Opens a page on a screen: nothing is fetched or run, everything fits, every text has contrast.
pub(crate) fn look(world: &World, page: &str, screen: &Screen) -> anyhow::Result<()> {
    let mut browser = world.browser.lock().unwrap_or_else(PoisonError::into_inner);
    let found = inspect(&mut browser, &world.server.url(page), screen)?;
    let file = format!("{page}-{}.png", screen.name());
    fs::write(world.screenshots.join(file), &found.screenshot)?;
    found.ensure_well_made(screen)?;
    ensure!(found.scripts == 0, "{} scripts", found.scripts);
    ensure!(
        found.scrolling == 0,
        "{} tables do not fit",
        found.scrolling
    );
    ensure!(found.outline == ["1 Organizations"], "{:?}", found.outline);
    ensure!(
        found.title == "Organizations · API credits",
        "{}",
        found.title
    );
    Ok(())
}
