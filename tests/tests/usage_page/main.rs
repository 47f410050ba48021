//! The usage page in a real Chromium: what people see, with the headers that the filter sends. And the page of a forecast.
//!
//! Each page is opened on a phone and on a desktop, in light and in dark, and asked what it looks like: nothing overflows, every text
//! has enough contrast, nothing was blocked, fetched or run. Screenshots go to `target/usage-page/`.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

mod browser;
mod chromium;
mod forecast;
mod inspection;
mod overview;
mod pages;
mod server;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, ensure};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    browser::Browser,
    inspection::{Screen, inspect},
    pages::{PAGES, Page},
    server::Server,
};

/// What the tests share: one browser, used by one test at a time.
struct World {
    browser: Mutex<Browser>,
    server: Server,
    screenshots: PathBuf,
    forecasts: forecast::Pages,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let screenshots = screenshots()?;
    let server = {
        let overviews = overview::PAGES.iter().map(|page| overview::rendered(page));
        let pages = PAGES.iter().map(Page::rendered).chain(overviews);
        Server::start(pages.collect::<Result<_, _>>()?)?
    };
    let browser = Browser::start(&chromium::obtain()?)?;
    let world = Arc::new(World {
        browser: Mutex::new(browser),
        server,
        screenshots,
        forecasts: forecast::Pages::default(),
    });
    let looks = PAGES.iter().flat_map(|page| {
        Screen::ALL.iter().map(move |screen| {
            let name = format!("{}::{}", page.name, screen.name());
            (name, page, screen)
        })
    });
    let mut trials: Vec<_> = looks
        .map(|(name, page, screen)| trial(&world, name, move |world| look(world, page, screen)))
        .collect();
    for page in forecast::PAGES {
        trials.extend(Screen::ALL.iter().map(|screen| {
            let name = format!("{page}::{}", screen.name());
            trial(&world, name, move |world| {
                forecast::look(world, page, screen)
            })
        }));
    }
    for page in overview::PAGES {
        trials.extend(Screen::ALL.iter().map(|screen| {
            let name = format!("{page}::{}", screen.name());
            trial(&world, name, move |world| {
                overview::look(world, page, screen)
            })
        }));
    }
    trials.push(trial(
        &world,
        "forecast::a_reader_finds_an_organization".to_owned(),
        forecast::a_reader_finds_an_organization,
    ));
    trials.push(trial(
        &world,
        "the_inspection_sees_what_is_wrong".to_owned(),
        the_inspection_sees_what_is_wrong,
    ));
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trial(
    world: &Arc<World>,
    name: String,
    test: impl Fn(&World) -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    let world = Arc::clone(world);
    Trial::test(name, move || {
        test(&world).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Where the screenshots go: emptied first, so that none is of an earlier run.
fn screenshots() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("no target directory")?;
    let screenshots = target.join("usage-page");
    if screenshots.exists() {
        fs::remove_dir_all(&screenshots)?;
    }
    fs::create_dir_all(&screenshots)?;
    Ok(screenshots)
}

/// Opens a page on a screen and looks at everything.
fn look(world: &World, page: &Page, screen: &Screen) -> anyhow::Result<()> {
    let mut browser = world.browser.lock().unwrap_or_else(PoisonError::into_inner);
    let found = inspect(&mut browser, &world.server.url(page.name), screen)?;
    let file = format!("{}-{}.png", page.name, screen.name());
    fs::write(world.screenshots.join(file), &found.screenshot)?;

    found.ensure_well_made(screen)?;
    ensure!(found.scripts == 0, "{} scripts", found.scripts);
    ensure!(
        page.may_scroll || found.scrolling == 0,
        "{} tables do not fit",
        found.scrolling
    );
    assert_text("title", &found.title, page.title)?;
    assert_text("header", &found.header, page.header)?;
    assert_text("notes", &found.notes.join("\n"), page.notes)?;
    assert_text("today", &found.today, page.today)?;
    assert_text("parts", &found.parts.join("\n"), page.parts)?;
    assert_text("operations", &found.operations.join("\n"), page.operations)?;
    assert_text("outline", &found.outline.join("\n"), page.outline())?;
    assert_text("image", &found.images.join("\n"), page.image)?;
    Ok(())
}

fn assert_text(what: &str, found: &str, expected: &str) -> anyhow::Result<()> {
    ensure!(
        found == expected,
        "{what}: found\n{found}\n\nexpected\n{expected}"
    );
    Ok(())
}

/// The inspection itself is worth something: a page on which everything is wrong is found out.
fn the_inspection_sees_what_is_wrong(world: &World) -> anyhow::Result<()> {
    let mut browser = world.browser.lock().unwrap_or_else(PoisonError::into_inner);
    let found = inspect(
        &mut browser,
        &world.server.url(server::SABOTAGED),
        &Screen::ALL[0],
    )?;
    ensure!(found.scripts == 1, "{} scripts", found.scripts);
    ensure!(
        found.complaints.len() >= 3,
        "blocked: a script, a style and an image: {:#?}",
        found.complaints
    );
    ensure!(!found.overflowing.is_empty(), "nothing overflows");
    ensure!(!found.faint.is_empty(), "everything has contrast");
    Ok(())
}
