//! What runs while a scenario does, and changes that take effect before the next step.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use host_sim::scenario::ConfigText;
use host_sim::target::{LogLine, Service as Change, UpstreamRequest};
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::filter::Delivery;
use super::log;
use super::process::Process;
use crate::grpc::GrpcServer;
use crate::service::Service;
use crate::upstream::Upstream;

/// How long Envoy may take until it has noticed a change; other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often Envoy is asked whether it has noticed.
const INTERVAL: Duration = Duration::from_millis(5);

/// How many bytes for clients Envoy has not handed over to the system yet.
const UNWRITTEN: &str = "http.api.downstream_cx_tx_bytes_buffered";
/// The bytes that it has written to them.
const WRITTEN: &str = "http.api.downstream_cx_tx_bytes_total";

/// Envoy and everything that it talks to.
#[derive(Debug)]
pub(super) struct World {
    pub(super) process: Process,
    pub(super) upstream: Upstream,
    /// By cluster.
    pub(super) services: BTreeMap<String, Service>,
    /// They live as long as Envoy.
    pub(super) _grpc_services: BTreeMap<String, GrpcServer>,
    /// How the plugin gets new configurations, if it does.
    pub(super) delivery: Option<Delivery>,
    /// What placeholders in configurations are counted from.
    pub(super) started_at: Timestamp,
}

impl World {
    /// Delivers a configuration and waits until Envoy has accepted or refused it. The inner error is what the plugin logged
    /// meanwhile.
    pub(super) async fn deliver(
        &self,
        config: &ConfigText,
    ) -> anyhow::Result<Result<(), Vec<LogLine>>> {
        let delivery = self
            .delivery
            .as_ref()
            .context("Envoy was started without any way to deliver one")?;
        let before = self.process.deliveries().await?;
        let logged = log::plugin_lines(&self.process.log()?).len();
        delivery.deliver(&super::text(config, self.started_at)?)?;
        let noticed = async {
            loop {
                let now = self.process.deliveries().await?;
                if now != before {
                    return anyhow::Ok(now);
                }
                sleep(INTERVAL).await;
            }
        };
        let now = timeout(PATIENCE, noticed).await.with_context(|| {
            format!("Envoy does not read the delivered configuration within {PATIENCE:?}")
        })??;
        if now.refused == before.refused {
            return Ok(Ok(()));
        }
        let lines = log::plugin_lines(&self.process.log()?);
        Ok(Err(lines.into_iter().skip(logged).collect()))
    }

    /// Changes what a service does. Once it is unreachable, waits until Envoy knows: it would send the next request over a
    /// connection that is closed already.
    pub(super) async fn change(&mut self, change: &Change) -> anyhow::Result<()> {
        let cluster = &change.cluster;
        let service = find(&mut self.services, cluster)?;
        service.behave(&change.behaviour).await?;
        if service.is_reachable() {
            return Ok(());
        }
        let open = format!("cluster.{cluster}.upstream_cx_active");
        let noticed = async {
            while self.process.stat(&open).await?.unwrap_or_default() > service.hanging() {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, noticed)
            .await
            .with_context(|| format!("Envoy keeps connections to `{cluster}`, which is gone"))?
    }

    /// Waits until Envoy has written that many bytes to clients and has nothing left to write: a line of its access log may be there before
    /// what it tells of is written.
    pub(super) async fn flushed(&self, sent: u64) -> anyhow::Result<()> {
        loop {
            let stat = async |name| anyhow::Ok(self.process.stat(name).await?.unwrap_or_default());
            if stat(UNWRITTEN).await? == 0 && stat(WRITTEN).await? >= sent {
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
    }

    /// How many requests Envoy has begun to read.
    pub(super) async fn begun(&self) -> anyhow::Result<u64> {
        let begun = self.process.stat("http.api.downstream_rq_total").await?;
        Ok(begun.unwrap_or_default())
    }

    /// Waits until Envoy has begun this many requests. It shows them to the plugin in the same turn.
    pub(super) async fn until_begun(&self, requests: u64) -> anyhow::Result<()> {
        let noticed = async {
            while self.begun().await? < requests {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(())
        };
        let waited = timeout(PATIENCE, noticed).await;
        waited.with_context(|| format!("Envoy does not begin a request within {PATIENCE:?}"))?
    }

    /// What a service has seen since the previous call of this for it.
    pub(super) async fn callouts(
        &mut self,
        cluster: &str,
        expected: usize,
    ) -> anyhow::Result<Vec<UpstreamRequest>> {
        Ok(find(&mut self.services, cluster)?.take(expected).await)
    }
}

fn find<'a>(
    services: &'a mut BTreeMap<String, Service>,
    cluster: &str,
) -> anyhow::Result<&'a mut Service> {
    services
        .get_mut(cluster)
        .with_context(|| format!("there is no service `{cluster}`"))
}
