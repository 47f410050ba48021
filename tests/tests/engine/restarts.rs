//! Envoys that end without a word: what they take along until the day ends is little, and nothing is ever spent twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::server::{Server, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::World;
use crate::callers::{CHEAP, Sum};
use crate::exactness::to_the_last;
use crate::scene::{callers, callers_of, counted, until};

/// A cluster that can be started again in parts.
struct Scene {
    server: Server,
    cluster: Cluster,
    config: Value,
}

impl Scene {
    fn of(world: &World, config: Value) -> anyhow::Result<Self> {
        let starting = Server::start(&world.valkey, Settings::default());
        let server = world.runtime.block_on(starting)?;
        let way = Way::Resp(vec![(server.address, None)]);
        let starting = Cluster::start(&world.artifacts, &way, &config);
        let cluster = world.runtime.block_on(starting)?;
        Ok(Self {
            server,
            cluster,
            config,
        })
    }

    /// Kills an Envoy, and starts another in its place.
    async fn restart(&mut self, index: usize, world: &World) -> anyhow::Result<()> {
        let envoy = self.cluster.envoys.get(index).context("no such Envoy")?;
        envoy.kill_envoy()?;
        self.replace(index, world).await
    }

    async fn replace(&mut self, index: usize, world: &World) -> anyhow::Result<()> {
        let way = Way::Resp(vec![(self.server.address, None)]);
        let starting = self
            .cluster
            .replace(index, &world.artifacts, &way, &self.config);
        starting.await
    }
}

/// Killed in the midst of calls, an Envoy takes along a hundredth of the allotment at most: a fiftieth, of which there are two halves.
/// What clients were told is never more than the allotment. What the engine shows as used may lack what was used since the last report, but
/// what it has reserved does not.
pub(crate) fn an_envoy_that_is_killed_under_load_takes_a_hundredth_along_at_most(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 20_000;
    const CALLERS: usize = 16;
    const KILLS: u64 = 4;
    // Their calls may have been charged when they are cut off.
    let most = (ALLOTMENT / 100).saturating_add(u64::try_from(CALLERS)?);
    let most = most.saturating_mul(KILLS);
    let mut scene = Scene::of(world, config(ALLOTMENT, &json!({ "idle_seconds": 1 }))?)?;
    let told = world.runtime.block_on(async {
        let mut told = Sum::default();
        for index in (0..2).cycle().take(usize::try_from(KILLS)?) {
            let callers = callers_of(&scene.cluster, index)?;
            let envoy = scene.cluster.envoys.get(index).context("no such Envoy")?;
            let admitted = AtomicU64::new(0);
            let kill = async {
                let under_way = until("calls are under way", async || {
                    Ok(admitted.load(Ordering::Relaxed) >= 2_000)
                })
                .await;
                // Otherwise they would call for ever.
                envoy.kill_envoy()?;
                under_way
            };
            let (answers, killed) = tokio::join!(callers.until_gone(CALLERS, &admitted), kill);
            killed?;
            told = told.and(answers?);
            scene.replace(index, world).await?;
        }
        anyhow::Ok(told)
    })?;
    world.runtime.block_on(async {
        let server = &scene.server;
        until("the engine has heard of the rest", async || {
            let (used, held) = counted(server).await?;
            Ok(held >= told.credits && held.saturating_sub(used) <= most)
        })
        .await?;
        let (used, _) = counted(server).await?;
        ensure!(
            used.saturating_add(most) >= told.credits,
            "{used} used, {told:?}"
        );
        // Whatever is left can be spent, and no more.
        let callers = callers(&scene.cluster);
        let mut all = told;
        until("everything is spent", async || {
            all = all.and(callers.exhaust(4).await?);
            let (used, held) = counted(server).await?;
            Ok(held == ALLOTMENT && held.saturating_sub(used) <= most)
        })
        .await?;
        ensure!(all.credits <= ALLOTMENT, "overspent: {all:?}");
        ensure!(
            all.credits.saturating_add(most) >= ALLOTMENT,
            "more than {most} are gone: {all:?}"
        );
        assert_eq!((told.unavailable, all.unavailable), (0, 0));
        Ok(())
    })
}

/// An Envoy that was frozen for as long as the others needed to spend the rest goes on with what it had reserved, and with nothing else.
pub(crate) fn an_envoy_that_was_frozen_spends_what_it_had_reserved_and_no_more(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 20_000;
    let scene = Scene::of(world, config(ALLOTMENT, &json!({ "idle_seconds": 1 }))?)?;
    world.runtime.block_on(async {
        let frozen = scene.cluster.envoys.first().context("no Envoy")?;
        let callers_of_frozen = callers_of(&scene.cluster, 0)?;
        let rush = callers_of_frozen.call(8, |_, done| (done.len() < 100).then_some(CHEAP));
        let before = Sum::of(&rush.await?)?;
        frozen.freeze_envoy()?;
        let mut seen = None;
        until("what it had said has arrived", async || {
            let now = counted(&scene.server).await?;
            Ok(seen.replace(now) == Some(now))
        })
        .await?;
        let (_, held) = seen.context("nothing is counted")?;
        let reserved = held.saturating_sub(before.credits);
        ensure!(
            (1..=ALLOTMENT / 100).contains(&reserved),
            "{reserved} are reserved"
        );
        // What one worker has reserved for itself, the others are not refused for long.
        let rest = ALLOTMENT.saturating_sub(reserved);
        let others = to_the_last(&callers_of(&scene.cluster, 1)?, before, rest).await?;
        assert_eq!(others.credits, rest);
        frozen.thaw_envoy()?;
        let all = to_the_last(&callers(&scene.cluster), others, ALLOTMENT).await?;
        assert_eq!(all.credits, ALLOTMENT);
        Ok(())
    })
}

/// Ten Envoys one after another that are killed right after three calls leave the organization nearly all of its credits, and all of its
/// calls in progress but two: more proxies than there are hold none.
pub(crate) fn ten_restarts_in_a_row_leave_an_organization_nearly_everything(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 1_000;
    const RESTARTS: u64 = 10;
    // The example has two Envoys and leases of 1,000 credits.
    let mut config = config(ALLOTMENT, &json!({ "idle_seconds": 3_600 }))?;
    let edition = config.pointer_mut("/editions/Test").context("no edition")?;
    *edition = json!({ "base": ALLOTMENT, "concurrency": 4 });
    let mut scene = Scene::of(world, config)?;
    world.runtime.block_on(async {
        let mut told = Sum::default();
        for _ in 0..RESTARTS {
            let sum = Sum::of(&callers_of(&scene.cluster, 0)?.times(3, "/3").await?)?;
            assert_eq!((sum.admitted, sum.credits), (3, 9));
            told = told.and(sum);
            scene.restart(0, world).await?;
            let (_, held) = counted(&scene.server).await?;
            let taken = held.saturating_sub(told.credits);
            ensure!(
                held >= told.credits && taken <= RESTARTS.saturating_mul(ALLOTMENT / 100),
                "{held} are reserved, {told:?}"
            );
        }
        Ok(())
    })
}

/// Nobody takes along what it has not needed for three seconds, but for an eighth of the most that it may have.
pub(crate) fn restarts_after_three_quiet_seconds_take_next_to_nothing_along(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 4_000;
    const LEAST: u64 = ALLOTMENT / 50 / 2 / 8;
    const QUIET: Duration = Duration::from_secs(3);
    // Other tests want the same two cores.
    const SLACK: Duration = Duration::from_secs(5);
    let mut scene = Scene::of(world, config(ALLOTMENT, &json!({ "idle_seconds": 3_600 }))?)?;
    world.runtime.block_on(async {
        let mut told = 0_u64;
        for restarts in 0..3_u64 {
            let callers = callers_of(&scene.cluster, 0)?;
            let rush = callers.call(8, |_, done| (done.len() < 40).then_some(CHEAP));
            told = told.saturating_add(Sum::of(&rush.await?)?.credits);
            let begun = Instant::now();
            let most = LEAST.saturating_mul(restarts.saturating_add(1));
            until("what was not used is given back", async || {
                let (_, held) = counted(&scene.server).await?;
                Ok(held.saturating_sub(told) <= most)
            })
            .await?;
            let took = begun.elapsed();
            ensure!(took <= QUIET.saturating_add(SLACK), "that took {took:?}");
            scene.restart(0, world).await?;
        }
        let (used, held) = counted(&scene.server).await?;
        assert_eq!(used, told);
        ensure!(held.saturating_sub(told) <= LEAST.saturating_mul(3));
        Ok(())
    })
}
