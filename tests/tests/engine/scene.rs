//! A cluster with an engine of its own, and what tests look at.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::fault::Faulty;
use api_credits_tests::engine::server::{Server, Settings};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::World;
use crate::callers::Callers;

/// How long what is awaited may take; other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// A cluster with a Valkey of its own; see [`config`].
pub(crate) fn with_valkey(
    world: &World,
    credits: u64,
    engine: &Value,
) -> anyhow::Result<(Server, Cluster)> {
    let config = config(credits, engine)?;
    world.runtime.block_on(async {
        let server = Server::start(&world.valkey, Settings::default()).await?;
        let way = Way::Resp(vec![(server.address, None)]);
        let cluster = Cluster::start(&world.artifacts, &way, &config).await?;
        Ok((server, cluster))
    })
}

/// A cluster with a Valkey of its own behind connections that break on demand. Health is asked for at Valkey itself.
pub(crate) fn with_faults(
    world: &World,
    credits: u64,
    engine: &Value,
) -> anyhow::Result<(Server, Faulty, Cluster)> {
    let config = config(credits, engine)?;
    world.runtime.block_on(async {
        let server = Server::start(&world.valkey, Settings::default()).await?;
        let faulty = Faulty::start(server.address).await?;
        let way = Way::Resp(vec![(faulty.address, Some(server.address))]);
        let cluster = Cluster::start(&world.artifacts, &way, &config).await?;
        Ok((server, faulty, cluster))
    })
}

/// Callers of all Envoys in turns.
pub(crate) fn callers(cluster: &Cluster) -> Callers {
    Callers::new(cluster.envoys.iter().map(|envoy| envoy.api).collect())
}

/// Callers of one Envoy.
pub(crate) fn callers_of(cluster: &Cluster, index: usize) -> anyhow::Result<Callers> {
    let envoy = cluster.envoys.get(index).context("no such Envoy")?;
    Ok(Callers::new(vec![envoy.api]))
}

/// Waits for something to hold.
pub(crate) async fn until(
    what: &str,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !holds().await? {
        ensure!(
            begun.elapsed() < PATIENCE,
            "{what} does not hold after {PATIENCE:?}"
        );
        sleep(INTERVAL).await;
    }
    Ok(())
}

/// What the engine has of the organization's day: what all have used, and what all hold of that and beyond.
pub(crate) async fn counted(server: &Server) -> anyhow::Result<(u64, u64)> {
    let keys = server.command(&["KEYS", "api_credits*:20*"]).await?;
    let key = keys.lines().last().unwrap_or_default().trim();
    if !key.starts_with("api_credits") {
        return Ok((0, 0));
    }
    let field = async |name| {
        let answer = server.command(&["HGET", key, name]).await?;
        let number = answer.lines().last().unwrap_or_default().trim();
        number
            .parse()
            .with_context(|| format!("{name} of {key}: {answer}"))
    };
    Ok((field("used").await?, field("held").await?))
}
