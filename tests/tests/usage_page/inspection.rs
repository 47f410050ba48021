//! What a page looks like, asked of the browser itself.

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;

/// A screen and the scheme that its owner prefers.
pub(crate) struct Screen {
    width: u32,
    /// Whether dark pages are preferred.
    pub(crate) is_dark: bool,
}

impl Screen {
    /// The smallest phone (WCAG 2.2, success criterion 1.4.10) and a desktop, in both schemes.
    pub(crate) const ALL: [Self; 4] = [
        Self::of(320, false),
        Self::of(320, true),
        Self::of(1280, false),
        Self::of(1280, true),
    ];

    const fn of(width: u32, is_dark: bool) -> Self {
        Self { width, is_dark }
    }

    /// Its name in tests and screenshots.
    pub(crate) fn name(&self) -> String {
        let scheme = if self.is_dark { "dark" } else { "light" };
        format!("{}-{scheme}", self.width)
    }
}

/// What was found on a page.
pub(crate) struct Found {
    /// What the page itself tells.
    seen: Seen,
    /// Whatever the browser had to say: blocked, failed, thrown, logged.
    pub(crate) complaints: Vec<String>,
    /// Headings and their levels, as assistive technology gets them.
    pub(crate) outline: Vec<String>,
    /// The names of images, as assistive technology gets them.
    pub(crate) images: Vec<String>,
    /// A picture of the whole page: PNG.
    pub(crate) screenshot: Vec<u8>,
}

impl Found {
    /// What every page is to be: nothing is fetched, the browser complains of nothing, everything fits and can be read.
    pub(crate) fn ensure_well_made(&self, screen: &Screen) -> anyhow::Result<()> {
        ensure!(
            self.complaints.is_empty(),
            "the browser complains: {:#?}",
            self.complaints
        );
        ensure!(self.fetched.is_empty(), "fetched: {:?}", self.fetched);
        ensure!(
            self.overflowing.is_empty(),
            "overflowing: {:#?}",
            self.overflowing
        );
        ensure!(
            self.faint.is_empty(),
            "too little contrast: {:#?}",
            self.faint
        );
        ensure!(self.is_dark == screen.is_dark, "the scheme is not followed");
        ensure!(self.language == "en", "the language is {:?}", self.language);
        Ok(())
    }
}

impl std::ops::Deref for Found {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

/// What a script in the page finds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    pub(crate) title: String,
    pub(crate) language: String,
    /// The text of the header.
    pub(crate) header: String,
    /// What stands above the numbers.
    pub(crate) notes: Vec<String>,
    /// The sentences with the numbers of the day.
    pub(crate) today: String,
    /// The rows of the table of parts.
    pub(crate) parts: Vec<String>,
    /// The rows of the table of operations.
    pub(crate) operations: Vec<String>,
    /// The number of scripts.
    pub(crate) scripts: u32,
    /// What the page has fetched.
    pub(crate) fetched: Vec<String>,
    /// Elements that do not fit into the width of the screen.
    pub(crate) overflowing: Vec<String>,
    /// Tables that one has to scroll sideways.
    pub(crate) scrolling: u32,
    /// Texts and graphics with less contrast than WCAG 2.2 asks for (1.4.3 and 1.4.11, level AA).
    pub(crate) faint: Vec<String>,
    /// Whether the background is dark.
    pub(crate) is_dark: bool,
}

/// Opens `url` on `screen`.
///
/// # Errors
///
/// When the browser does not do as it is told.
pub(crate) fn inspect(browser: &mut Browser, url: &str, screen: &Screen) -> anyhow::Result<Found> {
    let target = browser.call(None, "Target.createTarget", json!({"url": "about:blank"}))?;
    let target = target["targetId"].clone();
    let attached = json!({"targetId": target, "flatten": true});
    let session = browser.call(None, "Target.attachToTarget", attached)?;
    let session = session["sessionId"]
        .as_str()
        .context("no session")?
        .to_owned();
    let found = inspect_in(browser, &session, url, screen);
    browser.call(None, "Target.closeTarget", json!({"targetId": target}))?;
    found
}

fn inspect_in(
    browser: &mut Browser,
    session: &str,
    url: &str,
    screen: &Screen,
) -> anyhow::Result<Found> {
    let mut call =
        |method: &str, parameters: Value| browser.call(Some(session), method, parameters);
    for domain in ["Page", "Runtime", "Log", "Audits", "Accessibility"] {
        call(&format!("{domain}.enable"), json!({}))?;
    }
    let is_phone = screen.width < 600;
    let metrics = json!({
        "width": screen.width, "height": if is_phone { 640 } else { 800 },
        "deviceScaleFactor": if is_phone { 2 } else { 1 }, "mobile": is_phone,
    });
    call("Emulation.setDeviceMetricsOverride", metrics)?;
    let scheme = if screen.is_dark { "dark" } else { "light" };
    let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    call("Emulation.setEmulatedMedia", scheme)?;
    let navigated = call("Page.navigate", json!({"url": url}))?;
    anyhow::ensure!(navigated.get("errorText").is_none(), "{url}: {navigated}");
    browser.wait(session, "Page.loadEventFired")?;

    let mut call =
        |method: &str, parameters: Value| browser.call(Some(session), method, parameters);
    let script = json!({"expression": include_str!("inspection.js"), "returnByValue": true});
    let seen = call("Runtime.evaluate", script)?;
    let seen = Seen::deserialize(&seen["result"]["value"])
        .with_context(|| format!("the inspection failed: {seen}"))?;
    let tree = call("Accessibility.getFullAXTree", json!({}))?;
    let nodes = tree["nodes"].as_array().context("no accessibility tree")?;
    let picture = json!({"format": "png", "captureBeyondViewport": true});
    let picture = call("Page.captureScreenshot", picture)?;
    let picture = picture["data"].as_str().context("no screenshot")?;
    let screenshot = STANDARD.decode(picture)?;
    let (outline, images) = (outline(nodes), named(nodes, "image"));
    Ok(Found {
        seen,
        complaints: complaints(&browser.take_events(session)),
        outline,
        images,
        screenshot,
    })
}

/// The events that tell of something wrong. The page has no script, so that nothing may be logged either.
fn complaints(events: &[Value]) -> Vec<String> {
    let wrong = |event: &&Value| {
        matches!(
            event["method"].as_str(),
            Some(
                "Log.entryAdded"
                    | "Runtime.exceptionThrown"
                    | "Runtime.consoleAPICalled"
                    | "Audits.issueAdded"
            )
        )
    };
    events
        .iter()
        .filter(wrong)
        .map(|event| event["params"].to_string())
        .collect()
}

fn outline(nodes: &[Value]) -> Vec<String> {
    let headings = nodes
        .iter()
        .filter(|node| node["role"]["value"] == "heading");
    headings
        .map(|node| {
            let properties = node["properties"].as_array();
            let level = properties.and_then(|all| all.iter().find(|one| one["name"] == "level"));
            let level = level.map_or(Value::Null, |level| level["value"]["value"].clone());
            format!(
                "{level} {}",
                node["name"]["value"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

fn named(nodes: &[Value], role: &str) -> Vec<String> {
    let found = nodes
        .iter()
        .filter(|node| node["role"]["value"] == role && node["ignored"] == false);
    found
        .map(|node| {
            node["name"]["value"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}
