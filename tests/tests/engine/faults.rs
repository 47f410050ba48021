//! Whatever goes wrong between Envoy and the engine: every call is answered in time, nothing is overspent, operators can count it, and
//! everything is as before when it is over.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::fault::Fault;
use api_credits_tests::engine::server::{Server, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::World;
use crate::callers::{CHEAP, Callers, Sum};
use crate::exactness::to_the_last;
use crate::scene::{callers, callers_of, counted, until, with_faults, with_valkey};

/// How much longer than the filter's deadline a call may take on a machine that does other things as well.
const SLACK: Duration = Duration::from_secs(5);
/// How long each fault lasts at the least.
const WHILE: Duration = Duration::from_millis(700);
/// How long a call waits for the engine in these tests.
const DEADLINE_MS: u64 = 100;
const CALLERS: usize = 8;

/// The settings of `engine` in these tests.
pub(crate) fn engine(lease: u64) -> Value {
    json!({ "lease": lease, "idle_seconds": 1, "deadline_ms": DEADLINE_MS })
}

/// The faults, and by which counter operators tell them. Those of one counter are several ticks apart, so that none is taken for another.
fn faults() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::Refused, "unreachable"),
        (Fault::Hangs, "timed_out"),
        (Fault::Closed, "broken_off"),
        (
            Fault::Says("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned()),
            "garbage",
        ),
        (
            Fault::error("READONLY You can't write against a read only replica."),
            "read_only",
        ),
        (Fault::Lost, "timed_out"),
        (Fault::error("NOAUTH Authentication required."), "denied"),
        (Fault::Halved, "broken_off"),
        (Fault::error("MOVED 3999 127.0.0.1:6381"), "moved"),
        (Fault::Says("+OK\r\n*1\r\n:1\r\n".to_owned()), "garbage"),
        (
            Fault::error("LOADING Valkey is loading the dataset in memory"),
            "loading",
        ),
        (Fault::error("ERR out of luck"), "reported"),
        (Fault::Late(Duration::from_millis(300)), "timed_out"),
    ]
}

/// What callers are admitted until all calls of a round are, as without a fault.
pub(crate) async fn until_admitted(callers: &Callers) -> anyhow::Result<Sum> {
    let mut all = Sum::default();
    until("calls are admitted", async || {
        let sum = Sum::of(&callers.times(8, CHEAP).await?)?;
        all = all.and(sum);
        Ok(sum.admitted == 8)
    })
    .await?;
    Ok(all)
}

pub(crate) fn every_fault_is_answered_in_time_and_passes(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 1_000_000;
    // Leases so small that the engine is needed all the time.
    let engine = engine(4);
    let (server, mut faulty, cluster) = with_faults(world, ALLOTMENT, &engine)?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let mut all = Sum::default();
        for (fault, kind) in faults() {
            let name = format!("engine.failures.{kind}");
            let failures = cluster.told(&name).await?;
            faulty.set(fault.clone()).await?;
            let begun = Instant::now();
            let answers = callers
                .call(CALLERS, |_, _| (begun.elapsed() < WHILE).then_some(CHEAP))
                .await?;
            let during = Sum::of(&answers)?;
            ensure!(
                during.slowest < SLACK,
                "{fault:?}: a call took {:?}",
                during.slowest
            );
            ensure!(
                during.unavailable > 0,
                "{fault:?} is not noticed: {during:?}"
            );
            ensure!(
                during.refused == 0,
                "{fault:?}: refused for want of credits: {during:?}"
            );
            until("the fault is counted", async || {
                Ok(cluster.told(&name).await? > failures)
            })
            .await?;

            faulty.set(Fault::None).await?;
            all = all.and(during);
            let after = until_admitted(&callers).await;
            all = all.and(after.with_context(|| format!("after {fault:?}"))?);
        }
        assert_eq!(cluster.metric("credits.charged").await?, all.credits);
        until(
            "the engine knows what was used, and holds no more",
            async || Ok(counted(&server).await? == (all.credits, all.credits)),
        )
        .await
    })
}

pub(crate) fn what_is_answered_while_the_engine_is_down_is_configured(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 60;
    for (when_down, most_without) in [
        ("refuse", 0),
        ("allow", ALLOTMENT),
        ("local", ALLOTMENT * 2),
    ] {
        let mut engine = engine(1_000);
        if let Some(settings) = engine.as_object_mut() {
            settings.insert("when_down".to_owned(), json!(when_down));
        }
        let (server, mut faulty, cluster) = with_faults(world, ALLOTMENT, &engine)?;
        world.runtime.block_on(async {
            let callers = callers(&cluster);
            faulty.set(Fault::Refused).await?;
            let alone = Sum::of(&callers.times(150, CHEAP).await?)?;
            assert_eq!((when_down, alone.credits), (when_down, most_without));
            faulty.set(Fault::None).await?;
            let mut all = alone;
            // What was used without the engine is told to it, and counts.
            if all.credits < ALLOTMENT {
                all = all.and(until_admitted(&callers).await?);
            }
            let all = to_the_last(&callers, all, ALLOTMENT).await?;
            assert_eq!(
                (when_down, all.credits),
                (when_down, ALLOTMENT.max(most_without))
            );
            until("the engine knows what was used", async || {
                Ok(counted(&server).await?.0 == all.credits)
            })
            .await
        })?;
    }
    Ok(())
}

pub(crate) fn a_frozen_engine_holds_up_nobody(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 5_000;
    let (server, cluster) = with_valkey(world, ALLOTMENT, &engine(100))?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let before = until_admitted(&callers).await?;
        server.freeze()?;
        let begun = Instant::now();
        let long = Duration::from_secs(2);
        let answers = callers
            .call(CALLERS, |_, _| (begun.elapsed() < long).then_some(CHEAP))
            .await?;
        let during = Sum::of(&answers)?;
        ensure!(during.slowest < SLACK, "a call took {:?}", during.slowest);
        // What is held can be spent, and no more.
        ensure!(during.admitted > 0 && during.admitted <= 200, "{during:?}");
        ensure!(during.unavailable > 0 && during.refused == 0, "{during:?}");
        server.thaw()?;
        let mut all = before.and(during);
        all = all.and(until_admitted(&callers).await?);
        let all = to_the_last(
            &callers,
            all.and(callers.exhaust(CALLERS).await?),
            ALLOTMENT,
        )
        .await?;
        assert_eq!(all.credits, ALLOTMENT);
        Ok(())
    })
}

pub(crate) fn an_engine_that_forgot_everything_is_told_again(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 400;
    let (mut server, cluster) = with_valkey(world, ALLOTMENT, &engine(40))?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let before = until_admitted(&callers).await?;
        let before = before.and(Sum::of(&callers.times(200, CHEAP).await?)?);
        server.kill();
        let down = Sum::of(&callers.times(20, CHEAP).await?)?;
        let mut all = before.and(down);
        server.restart().await?;
        all = all.and(until_admitted(&callers).await?);
        let all = to_the_last(&callers, all, ALLOTMENT).await?;
        assert_eq!(all.credits, ALLOTMENT);
        Ok(())
    })
}

/// What an Envoy has used that nobody calls any more counts, though the engine has forgotten it and the others have never heard of it.
pub(crate) fn an_engine_that_forgot_everything_waits_for_a_silent_envoy(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 300;
    let (server, cluster) = with_valkey(world, ALLOTMENT, &engine(40))?;
    world.runtime.block_on(async {
        for envoy in &cluster.envoys {
            until("an Envoy has greeted the engine", async || {
                let answers = "wasmcustom.api_credits.engine.answers";
                Ok(envoy.stat(answers).await? > 0)
            })
            .await?;
        }
        let silent = callers_of(&cluster, 0)?;
        let mut all = until_admitted(&silent).await?;
        until("half of it is spent", async || {
            all = all.and(Sum::of(&silent.times(8, CHEAP).await?)?);
            Ok(all.credits >= ALLOTMENT / 2)
        })
        .await?;
        until("it has given back what it did not use", async || {
            Ok(counted(&server).await? == (all.credits, all.credits))
        })
        .await?;
        assert_eq!(server.command(&["FLUSHALL"]).await?, "+OK");
        let all = to_the_last(&callers_of(&cluster, 1)?, all, ALLOTMENT).await?;
        assert_eq!(all.credits, ALLOTMENT);
        Ok(())
    })
}

pub(crate) fn a_replica_takes_over(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 600;
    let (primary, replica) = world.runtime.block_on(async {
        let primary = Server::start(&world.valkey, Settings::default()).await?;
        let settings = Settings {
            replica_of: Some(primary.address),
            ..Settings::default()
        };
        let replica = Server::start(&world.valkey, settings).await?;
        anyhow::Ok((primary, replica))
    })?;
    let config = config(ALLOTMENT, &engine(40))?;
    let way = Way::Resp(vec![(primary.address, None), (replica.address, None)]);
    let cluster = world
        .runtime
        .block_on(Cluster::start(&world.artifacts, &way, &config))?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let before = until_admitted(&callers).await?;
        let before = before.and(Sum::of(&callers.times(200, CHEAP).await?)?);
        // What the primary knows, the replica knows.
        assert_eq!(primary.command(&["WAIT", "1", "30000"]).await?, ":1");
        assert_eq!(replica.command(&["REPLICAOF", "NO", "ONE"]).await?, "+OK");
        let (address, port) = (
            replica.address.ip().to_string(),
            replica.address.port().to_string(),
        );
        assert_eq!(
            primary.command(&["REPLICAOF", &address, &port]).await?,
            "+OK"
        );
        let mut all = before;
        until("the replica has taken over", async || {
            let sum = Sum::of(
                &callers
                    .call(4, |_, done| (done.len() < 40).then_some(CHEAP))
                    .await?,
            )?;
            all = all.and(sum);
            ensure!(sum.slowest < SLACK, "a call took {:?}", sum.slowest);
            Ok(sum.unavailable == 0 && counted(&replica).await?.0 > before.credits)
        })
        .await?;
        let all = to_the_last(&callers, all, ALLOTMENT).await?;
        assert_eq!(all.credits, ALLOTMENT);
        Ok(())
    })
}
