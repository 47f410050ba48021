//! The servers themselves, with the settings that operators are told to use: what everybody may do, and what the filter may do.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::client::Connection;
use api_credits_tests::engine::gateway::Gateway;
use api_credits_tests::engine::server::{FILTER, Server, Settings, command_as};
use host_sim::target::{HttpVersion, Request};
use tokio::time::{Instant, sleep};

use crate::World;

/// How long a replica may take until it is one.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

pub(crate) fn everybody_may_ask_for_the_role_and_nothing_else(world: &World) -> anyhow::Result<()> {
    world.runtime.block_on(async {
        let server = Server::start(&world.valkey, Settings::default()).await?;
        rights(server.address).await
    })
}

pub(crate) fn redis_takes_the_same_settings(world: &World) -> anyhow::Result<()> {
    let redis = world.redis.as_ref().context("no Redis")?;
    world.runtime.block_on(async {
        let server = Server::start(redis, Settings::default()).await?;
        rights(server.address).await
    })
}

/// What everybody may do there, and what the filter's user may do.
async fn rights(server: SocketAddr) -> anyhow::Result<()> {
    let role = command_as(server, None, &["ROLE"]).await?;
    ensure!(role.starts_with("*3\r\n$6\r\nmaster\r\n"), "{role}");
    let key = command_as(server, None, &["GET", "api_credits:x"]).await?;
    ensure!(key.starts_with("-NOPERM "), "{key}");

    let script = "return redis.call('HINCRBY', KEYS[1], 'used', ARGV[1])";
    let eval = async |key| command_as(server, Some(FILTER), &["EVAL", script, "1", key, "7"]).await;
    assert_eq!(eval("api_credits:7:20261122").await?, ":7");
    assert_eq!(eval("api_credits:7:20261122").await?, ":14");
    let stranger = eval("sessions:7").await?;
    ensure!(stranger.starts_with("-NOPERM "), "{stranger}");
    let flush = command_as(server, Some(FILTER), &["FLUSHALL"]).await?;
    ensure!(flush.starts_with("-NOPERM "), "{flush}");
    let wrong = command_as(server, Some((FILTER.0, "guessed")), &["ROLE"]).await;
    let wrong = wrong.map_err(|error| error.to_string());
    let refused = "-WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(wrong, Err(format!("{server} lets nobody in: {refused}")));
    Ok(())
}

pub(crate) fn a_replica_says_so_until_it_is_promoted(world: &World) -> anyhow::Result<()> {
    world.runtime.block_on(async {
        let primary = Server::start(&world.valkey, Settings::default()).await?;
        let settings = Settings {
            replica_of: Some(primary.address),
            ..Settings::default()
        };
        let replica = Server::start(&world.valkey, settings).await?;
        primary.command(&["SET", "api_credits:x", "1"]).await?;
        until(async || Ok(replica.command(&["GET", "api_credits:x"]).await? == "$1\r\n1")).await?;
        let write = replica.command(&["SET", "api_credits:x", "2"]).await?;
        assert_eq!(
            write,
            "-READONLY You can't write against a read only replica."
        );
        assert_eq!(replica.command(&["REPLICAOF", "NO", "ONE"]).await?, "+OK");
        assert_eq!(
            replica.command(&["SET", "api_credits:x", "2"]).await?,
            "+OK"
        );
        Ok(())
    })
}

async fn until(holds: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !holds().await? {
        ensure!(begun.elapsed() < PATIENCE, "it does not come to hold");
        sleep(INTERVAL).await;
    }
    Ok(())
}

pub(crate) fn webdis_runs_scripts_and_nothing_else(world: &World) -> anyhow::Result<()> {
    let webdis = world.webdis.as_ref().context("no Webdis")?;
    world.runtime.block_on(async {
        let settings = Settings {
            open: true,
            ..Settings::default()
        };
        let server = Server::start(&world.valkey, settings).await?;
        let gateway = Gateway::start(webdis, &server).await?;
        let mut answers = Vec::new();
        for command in ["EVAL/return%20{1,ARGV[1]%2B1}/0/6", "FLUSHALL"] {
            let request = Request {
                method: "POST".to_owned(),
                path: "/".to_owned(),
                body: vec![command.as_bytes().to_vec()],
                ..Request::default()
            };
            let mut connection = Connection::open(gateway.address, HttpVersion::One).await?;
            let response = connection.send(&request).await?;
            answers.push((response.status, String::from_utf8(response.body)?));
        }
        assert_eq!(
            answers,
            [(200, "{\"EVAL\":[1,7]}".to_owned()), (403, String::new())]
        );
        Ok(())
    })
}
