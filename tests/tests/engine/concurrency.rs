//! Calls in progress are counted over all Envoys: what one does not use, the other may have.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use api_credits_tests::call::Call;
use api_credits_tests::engine::cluster::{Cluster, ORGANIZATION, Way, config};
use api_credits_tests::engine::server::{Server, Settings};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{Request, Upstream as Answer, UpstreamBehaviour};
use serde_json::json;

use crate::World;
use crate::scene::until;

/// How many calls the organization may have in progress.
const LIMIT: usize = 4;

/// A call that the upstream holds.
struct Held {
    call: Call,
    hold: Hold,
}

pub(crate) fn calls_in_progress_are_counted_over_all_envoys(world: &World) -> anyhow::Result<()> {
    let mut config = config(1_000, &json!({ "idle_seconds": 1 }))?;
    let edition = config.pointer_mut("/editions/Test").context("no edition")?;
    *edition = json!({ "base": 1_000, "concurrency": LIMIT });
    world.runtime.block_on(async {
        let upstream = Upstream::start(&Answer::default()).await?;
        let server = Server::start(&world.valkey, Settings::default()).await?;
        let way = Way::Resp(vec![(server.address, None)]);
        let starting = Cluster::in_front_of(upstream.address, &world.artifacts, &way, &config);
        let cluster = starting.await?;
        let apis: Vec<_> = cluster.envoys.iter().map(|envoy| envoy.api).collect();
        let mut names = 0_u64..;
        for (here, there) in [(0, 1), (1, 0)] {
            let api = |index: usize| apis.get(index).copied().context("no such Envoy");
            // One Envoy may have all of them, as soon as the other has said that it has none any more.
            let mut held = Vec::new();
            until("one Envoy has all calls", async || {
                match open(&upstream, api(here)?, names.next()).await? {
                    Ok(call) => held.push(call),
                    Err(status) => ensure!(status == 429, "a call is answered {status}"),
                }
                Ok(held.len() == LIMIT)
            })
            .await?;
            // Then neither may have another.
            for index in [there, here, there] {
                let more = open(&upstream, api(index)?, names.next()).await?;
                assert_eq!(more.err(), Some(429));
            }
            for Held { call, hold } in held {
                hold.release();
                assert_eq!(call.response().await?.status, 200);
            }
        }
        Ok(())
    })
}

/// Begins a call, which the upstream holds, or which is answered without it.
async fn open(
    upstream: &Upstream,
    api: SocketAddr,
    name: Option<u64>,
) -> anyhow::Result<Result<Held, u16>> {
    let name = name.context("no name left")?.to_string();
    let mut hold = upstream.plan(&name, &UpstreamBehaviour::default(), true)?;
    let request = Request {
        path: "/1".to_owned(),
        headers: vec![
            ("orgId".to_owned(), ORGANIZATION.to_owned()),
            (EXCHANGE.to_owned(), name),
        ],
        ..Request::default()
    };
    let mut call = Call::begin(api, request, || ()).await?;
    tokio::select! {
        () = hold.arrived() => return Ok(Ok(Held { call, hold })),
        () = call.over() => {}
    }
    Ok(Err(call.response().await?.status))
}
