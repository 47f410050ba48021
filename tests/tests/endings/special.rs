//! Endings that concern a whole Envoy, which is therefore the row's own: overload, draining, and its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::call::Call;
use api_credits_tests::example::{Example, number};
use api_credits_tests::upstream::Hold;
use host_sim::target::HttpVersion;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::bootstrap::merge;
use crate::row::{Request, Row, Special};
use crate::scene::{PATIENCE, Scene, Seen, organization, run, wanted};

const INTERVAL: Duration = Duration::from_millis(10);
const ACTIONS: &str = "envoy.overload_actions";

/// An Envoy of the row's own.
struct Own<'a> {
    scene: &'a Scene,
    example: Example,
    /// How much there is to do, from 0 to 1, as its overload manager reads it.
    pressure: PathBuf,
    log: PathBuf,
    call: String,
    organization: String,
}

pub(crate) async fn produce(
    scene: &Scene,
    special: Special,
    row: &Row,
    number: usize,
) -> anyhow::Result<Seen> {
    let folder = tempfile::tempdir()?;
    let (pressure, log) = (
        folder.path().join("pressure"),
        folder.path().join("access.log"),
    );
    fs::write(&pressure, "0")?;
    let mut bootstrap = scene.places(&log).bootstrap();
    merge(&mut bootstrap, overload_manager(&pressure));
    let own = Own {
        scene,
        example: run(scene.artifacts(), &bootstrap)?,
        pressure,
        log,
        call: format!("{number}-0"),
        organization: organization(number),
    };
    match special {
        Special::Overloaded => own.overloaded(row).await,
        Special::HighMemory => own.high_memory(row).await,
        Special::Drained => own.drained(row).await,
        Special::ShutDown => own.shut_down(row).await,
    }
}

impl Own<'_> {
    /// It accepts no requests.
    async fn overloaded(self, row: &Row) -> anyhow::Result<Seen> {
        self.press("1", "stop_accepting_requests").await?;
        let (mut call, _hold) = self.begin(row, Request::Whole, false).await?;
        call.over().await;
        let mut seen = self.logged().await?;
        self.press("0", "stop_accepting_requests").await?;
        seen.used = self.used().await?;
        Ok(seen)
    }

    /// It resets the streams that have the most memory.
    async fn high_memory(self, row: &Row) -> anyhow::Result<Seen> {
        // Its body is kept as long as the upstream may be asked again. Envoy counts the memory of streams of HTTP/2 alone.
        let (mut call, mut hold) = self.begin(row, Request::Large, true).await?;
        hold.arrived().await;
        self.press("1", "reset_high_memory_stream").await?;
        timeout(PATIENCE, call.over())
            .await
            .context("the stream is not reset")?;
        let mut seen = self.logged().await?;
        self.press("0", "reset_high_memory_stream").await?;
        seen.used = self.used().await?;
        Ok(seen)
    }

    /// Its listeners are drained while a call is in progress, which ends as it would have.
    async fn drained(self, row: &Row) -> anyhow::Result<Seen> {
        let (mut call, mut hold) = self.begin(row, Request::Whole, true).await?;
        hold.arrived().await;
        self.example.post("/drain_listeners?graceful").await?;
        hold.release();
        call.over().await;
        let response = call.response().await?;
        ensure!(response.status == 200, "the answer was {}", response.status);
        let mut seen = self.logged().await?;
        seen.used = self.used().await?;
        Ok(seen)
    }

    /// It is ended while a call is in progress. Nobody can ask it afterwards; its last line says what the call cost.
    async fn shut_down(self, row: &Row) -> anyhow::Result<Seen> {
        let (_call, mut hold) = self.begin(row, Request::Whole, true).await?;
        hold.arrived().await;
        let Self {
            scene,
            example,
            log,
            call,
            ..
        } = self;
        drop(example);
        let mut seen = Seen::default();
        seen.read(&log, &call)?;
        ensure!(!seen.logged.is_empty(), "Envoy does not log the call");
        seen.asked = scene.saw(&call);
        seen.used = if seen.verdicts.contains("admitted") {
            100
        } else {
            0
        };
        Ok(seen)
    }

    /// Begins the call.
    async fn begin(&self, row: &Row, request: Request, held: bool) -> anyhow::Result<(Call, Hold)> {
        let hold = self.scene.plan(row, &self.call, held)?;
        let request = wanted(
            row,
            HttpVersion::Two,
            request,
            &self.call,
            &self.organization,
        );
        Ok((Call::begin(self.example.api, request, || ()).await?, hold))
    }

    /// Sets how much there is to do, and waits until Envoy has taken or ended its measure.
    async fn press(&self, pressure: &str, action: &str) -> anyhow::Result<()> {
        let next = self.pressure.with_extension("next");
        fs::write(&next, pressure)?;
        fs::rename(&next, &self.pressure)?;
        let active = pressure != "0";
        let name = match action {
            "reset_high_memory_stream" => format!("overload.{ACTIONS}.{action}.scale_percent"),
            _ => format!("overload.{ACTIONS}.{action}.active"),
        };
        self.until(&name, |value| (value > 0) == active).await
    }

    async fn until(&self, name: &str, holds: impl Fn(u64) -> bool) -> anyhow::Result<()> {
        let noticed = async {
            while !holds(self.example.stat(name).await?) {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, noticed)
            .await
            .with_context(|| format!("{name} does not change"))?
    }

    async fn logged(&self) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        let logged = async {
            while !seen.read(&self.log, &self.call)? {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, logged)
            .await
            .context("Envoy does not log the call")??;
        seen.asked = self.scene.saw(&self.call);
        Ok(seen)
    }

    async fn used(&self) -> anyhow::Result<u64> {
        let usage = self
            .example
            .in_progress(&[("orgId", &self.organization)], 0)
            .await?;
        number(&usage, "/used")
    }
}

/// An overload manager that is told how much there is to do.
fn overload_manager(pressure: &Path) -> Value {
    let monitor = "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig";
    let action = |name: &str, trigger: Value| {
        let mut trigger = trigger;
        merge(
            &mut trigger,
            json!({ "name": "envoy.resource_monitors.injected_resource" }),
        );
        json!({ "name": format!("{ACTIONS}.{name}"), "triggers": [trigger] })
    };
    json!({ "overload_manager": {
        "refresh_interval": "0.01s",
        "resource_monitors": [{
            "name": "envoy.resource_monitors.injected_resource",
            "typed_config": { "@type": format!("type.googleapis.com/{monitor}"), "filename": pressure },
        }],
        "actions": [
            action("stop_accepting_requests", json!({ "threshold": { "value": 0.95 } })),
            action("reset_high_memory_stream", json!({ "scaled": { "scaling_threshold": 0.5, "saturation_threshold": 0.9 } })),
        ],
        "buffer_factory_config": { "minimum_account_to_track_power_of_two": 16 },
    } })
}
