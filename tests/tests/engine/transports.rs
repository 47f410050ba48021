//! The ways to the engine: with TLS, with a database of its own, through Redis, through Webdis.

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::authority::Authority;
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::gateway::Gateway;
use api_credits_tests::engine::server::{Server, Settings};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::World;
use crate::callers::{CHEAP, Sum};
use crate::scene::callers;

/// What the organization may spend in these tests, over both Envoys.
const ALLOTMENT: u64 = 10;

pub(crate) fn redis_with_tls_and_a_database(world: &World) -> anyhow::Result<()> {
    let redis = world.redis.as_ref().context("no Redis")?;
    let authority = Authority::new()?;
    let settings = Settings {
        tls: Some(&authority),
        ..Settings::default()
    };
    let server = world.runtime.block_on(Server::start(redis, settings))?;
    let tls = server.tls.context("no TLS")?;
    let transport = json!({ "resp": {
        "cluster": "credits_engine", "user": "api_credits", "password": "change-me", "database": 3,
    } });
    spends_one_allotment(world, &Way::Tls(tls, &authority), &transport)?;
    let sizes = world
        .runtime
        .block_on(server.command(&["INFO", "keyspace"]))?;
    let databases: Vec<_> = sizes
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(name, _)| name.strip_prefix("db"))
        .collect();
    assert_eq!(databases, ["3"]);
    Ok(())
}

pub(crate) fn webdis_in_between(world: &World) -> anyhow::Result<()> {
    let webdis = world.webdis.as_ref().context("no Webdis")?;
    let open = Settings {
        open: true,
        ..Settings::default()
    };
    let (_server, gateway) = world.runtime.block_on(async {
        let server = Server::start(&world.valkey, open).await?;
        let gateway = Gateway::start(webdis, &server).await?;
        anyhow::Ok((server, gateway))
    })?;
    let transport = json!({ "webdis": { "cluster": "credits_engine", "authority": "webdis" } });
    spends_one_allotment(world, &Way::Webdis(gateway.address), &transport)
}

/// Both Envoys together spend what one would.
fn spends_one_allotment(world: &World, way: &Way<'_>, transport: &Value) -> anyhow::Result<()> {
    // On a busy machine a handshake takes its time.
    let engine = json!({ "transport": transport, "deadline_ms": 2_000 });
    let cluster = world.runtime.block_on(Cluster::start(
        &world.artifacts,
        way,
        &config(ALLOTMENT, &engine)?,
    ))?;
    world.runtime.block_on(async {
        let answers = callers(&cluster).times(12, CHEAP).await?;
        let sum = Sum::of(&answers)?;
        assert_eq!((sum.admitted, sum.refused, sum.credits), (10, 2, ALLOTMENT));
        let failures =
            ["unreachable", "timed_out", "denied", "reported", "garbage"].map(async |kind| {
                let count = cluster.metric(&format!("engine.failures.{kind}")).await?;
                ensure!(count == 0, "{count} failures of kind {kind}");
                Ok(())
            });
        try_join_all(failures).await.map(drop)
    })
}
