//! What the engine's user must be allowed: each thing that the server denies is counted as denied, whether it denies the script or a
//! command within it, of which it says only `ERR`.

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::program::Program;
use api_credits_tests::engine::server::{FILTER, Server, Settings};

use crate::World;
use crate::callers::{CHEAP, Sum};
use crate::faults::{engine, until_admitted};
use crate::scene::{callers, until};

/// Rules that take something away from the user, and those that give it back.
const DENIALS: [(&str, &str); 6] = [
    ("-time", "+time"),
    ("-hmget", "+hmget"),
    ("-hset", "+hset"),
    ("-expireat", "+expireat"),
    ("-eval", "+eval"),
    ("resetkeys", "~api_credits:*"),
];

pub(crate) fn whatever_valkey_denies_is_counted_as_denied(world: &World) -> anyhow::Result<()> {
    denials(world, &world.valkey)
}

pub(crate) fn whatever_redis_denies_is_counted_as_denied(world: &World) -> anyhow::Result<()> {
    denials(world, world.redis.as_ref().context("no Redis")?)
}

fn denials(world: &World, program: &Program) -> anyhow::Result<()> {
    const ALLOTMENT: u64 = 1_000_000;
    let starting = Server::start(program, Settings::default());
    let server = world.runtime.block_on(starting)?;
    // A lease so small that the engine is asked about every call.
    let config = config(ALLOTMENT, &engine(1))?;
    let way = Way::Resp(vec![(server.address, None)]);
    let starting = Cluster::start(&world.artifacts, &way, &config);
    let cluster = world.runtime.block_on(starting)?;
    world.runtime.block_on(async {
        let callers = callers(&cluster);
        let mut admitted = until_admitted(&callers).await?;
        for (taken, given) in DENIALS {
            let rule = async |rule| {
                let answer = server.command(&["ACL", "SETUSER", FILTER.0, rule]).await?;
                ensure!(answer == "+OK", "{rule}: {answer}");
                Ok(())
            };
            let denied = cluster.metric("engine.failures.denied").await?;
            rule(taken).await?;
            let during = Sum::of(&callers.times(4, CHEAP).await?)?;
            ensure!(
                during.unavailable > 0 && during.refused == 0,
                "{taken}: {during:?}"
            );
            until("the denial is counted", async || {
                Ok(cluster.told("engine.failures.denied").await? > denied)
            })
            .await
            .context(taken)?;
            rule(given).await?;
            admitted = admitted.and(during).and(until_admitted(&callers).await?);
        }
        assert_eq!(cluster.metric("engine.failures.reported").await?, 0);
        assert_eq!(cluster.metric("credits.charged").await?, admitted.credits);
        Ok(())
    })
}
