//! One allotment, whoever spends it: never more than that, and no less once what idle Envoys hold has come back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::server::{Server, Settings};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::World;
use crate::callers::{CHEAP, Callers, Sum};
use crate::scene::{callers, callers_of, counted, until, with_valkey};

/// How many callers there are at once.
const CALLERS: usize = 128;
/// How long credits that are held and not used are kept in these tests.
const IDLE: Duration = Duration::from_secs(1);

/// What the callers are admitted until nothing is left anywhere, after `sum`. What is held by an Envoy that nobody calls comes back.
pub(crate) async fn to_the_last(
    callers: &Callers,
    mut sum: Sum,
    allotment: u64,
) -> anyhow::Result<Sum> {
    until("everything is spent", async || {
        sum = sum.and(callers.exhaust(4).await?);
        Ok(sum.credits >= allotment)
    })
    .await?;
    Ok(sum)
}

pub(crate) fn callers_of_two_envoys_spend_exactly_one_allotment(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 100_000;
    let engine = json!({ "idle_seconds": IDLE.as_secs() });
    let (server, cluster) = with_valkey(world, ALLOTMENT, &engine)?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let spent = callers.exhaust(CALLERS).await?;
        let answers = cluster.metric("engine.answers").await?;
        ensure!(spent.credits <= ALLOTMENT, "overspent: {spent:?}");
        ensure!(spent.unavailable == 0, "the engine was there: {spent:?}");
        let per_engine_call = spent.admitted.checked_div(answers).unwrap_or_default();
        ensure!(
            per_engine_call >= 60,
            "{per_engine_call} calls for each call to the engine"
        );

        let spent = to_the_last(&callers, spent, ALLOTMENT).await?;
        assert_eq!(spent.credits, ALLOTMENT);
        assert_eq!(cluster.metric("credits.charged").await?, ALLOTMENT);
        // Nothing comes after.
        let more = Sum::of(&callers.times(8, CHEAP).await?)?;
        assert_eq!((more.admitted, more.refused), (0, 8));
        until("the engine knows it all", async || {
            Ok(counted(&server).await? == (ALLOTMENT, ALLOTMENT))
        })
        .await
    })
}

pub(crate) fn callers_of_two_envoys_spend_the_allotment_and_the_overage(
    world: &World,
) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 1_000;
    const MOST: u64 = 1_200;
    let mut config = config(ALLOTMENT, &json!({ "idle_seconds": IDLE.as_secs() }))?;
    let overage = json!({ "overage": { "up_to_percent": 20 } });
    let document = config.as_object_mut().context("no object")?;
    document.insert("enforcement".to_owned(), overage);
    world.runtime.block_on(async {
        let server = Server::start(&world.valkey, Settings::default()).await?;
        let way = Way::Resp(vec![(server.address, None)]);
        let cluster = Cluster::start(&world.artifacts, &way, &config).await?;
        let callers = callers(&cluster);
        let spent = callers.exhaust(CALLERS).await?;
        let spent = to_the_last(&callers, spent, MOST).await?;
        assert_eq!(spent.credits, MOST);
        let more = Sum::of(&callers.times(8, CHEAP).await?)?;
        assert_eq!((more.admitted, more.refused), (0, 8));
        until("the engine knows it all", async || {
            Ok(counted(&server).await? == (MOST, MOST))
        })
        .await
    })
}

pub(crate) fn what_an_idle_envoy_holds_comes_back(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 100;
    let engine = json!({ "idle_seconds": 3 });
    let (server, cluster) = with_valkey(world, ALLOTMENT, &engine)?;
    world.runtime.block_on(async {
        // The first Envoy takes its part for one call, a quarter of what is left at the most, and then nobody calls it.
        let first = Sum::of(&callers_of(&cluster, 0)?.times(1, CHEAP).await?)?;
        assert_eq!((first.admitted, first.credits), (1, 1));
        let (_, held) = counted(&server).await?;
        ensure!(
            (1..=25).contains(&held),
            "{held} credits are held for one call"
        );

        let second = callers_of(&cluster, 1)?;
        let spent = second.exhaust(1).await?;
        ensure!(
            spent.credits >= 75 && spent.credits < ALLOTMENT,
            "the other Envoy spends {spent:?}, of which a quarter may be held elsewhere"
        );
        let spent = to_the_last(&second, first.and(spent), ALLOTMENT).await?;
        assert_eq!(spent.credits, ALLOTMENT);
        Ok(())
    })
}

pub(crate) fn the_day_turns_on_all_envoys(world: &World) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 200;
    let server = world
        .runtime
        .block_on(Server::start(&world.valkey, Settings::default()))?;
    let mut config = config(ALLOTMENT, &json!({ "idle_seconds": IDLE.as_secs() }))?;
    // The Envoys must be up well before the day turns, however busy the machine is.
    let turns = Timestamp::now().as_second().saturating_add(45);
    let turns = Timestamp::from_second(turns)?;
    let starts_at = turns.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
    if let Some(document) = config.as_object_mut() {
        let day = json!({ "time_zone": "UTC", "starts_at": starts_at.to_string() });
        document.insert("day".to_owned(), day);
    }
    let way = Way::Resp(vec![(server.address, None)]);
    let cluster = world
        .runtime
        .block_on(Cluster::start(&world.artifacts, &way, &config))?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let spent = to_the_last(&callers, Sum::default(), ALLOTMENT).await?;
        assert_eq!(spent.credits, ALLOTMENT);
        let today = Timestamp::now() < turns;
        ensure!(today, "the day has turned before its credits were spent");
        // They call on, and the first that is admitted is so on the new day.
        let deadline = turns.checked_add(SignedDuration::from_secs(30))?;
        let mut fresh = Sum::default();
        while fresh.admitted == 0 {
            fresh = Sum::of(&callers.times(2, CHEAP).await?)?;
            ensure!(Timestamp::now() < deadline, "the day does not turn");
        }
        ensure!(Timestamp::now() >= turns, "admitted before the day turned");
        let fresh = fresh.and(callers.exhaust(64).await?);
        ensure!(
            fresh.credits <= ALLOTMENT,
            "overspent on the new day: {fresh:?}"
        );
        let fresh = to_the_last(&callers, fresh, ALLOTMENT).await?;
        assert_eq!(fresh.credits, ALLOTMENT);
        Ok(())
    })
}
