//! What scenarios cannot say of crashes on a real Envoy, where the kernel deals connections out to the workers: one of two workers
//! crashes while both serve calls of the same organization.

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{Artifacts, crashing_module};
use api_credits_tests::client::Connection;
use api_credits_tests::example::{Example, in_front_of, number};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{HttpVersion, Request, UpstreamBehaviour};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::exactness::REMAINING;
use crate::{World, example};

const ORGANIZATION: (&str, &str) = ("orgId", "7");
/// A call for one credit.
const TICKET: &str = "/api/v1/tickets/4711";

/// The least that can be configured.
const LEASE: Duration = Duration::from_secs(3);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

/// A connection and the worker that serves it.
struct Served {
    connection: Connection,
    worker: u32,
}

pub(crate) fn a_crash_takes_nothing_from_the_calls_of_other_workers(
    world: &World,
) -> anyhow::Result<()> {
    let artifacts = Artifacts {
        module: crashing_module()?,
        ..world.artifacts.clone()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let upstream = Upstream::start(&host_sim::target::Upstream::default()).await?;
        let yaml = in_front_of("envoy.yaml", upstream.address)?;
        let example = Example::start(&artifacts, &yaml, &config()?, 2)?;

        // One worker has a call in progress, the other one has two and crashes in the second.
        let steady = open(&example, |_| true).await?;
        let failing = open(&example, |worker| worker != steady.worker).await?;
        let crashing = open(&example, |worker| worker == failing.worker).await?;
        let (steady_worker, failing_worker) = (steady.worker, failing.worker);
        let (long, long_hold) = steady.begin(&upstream, "long").await?;
        let (lost, lost_hold) = failing.begin(&upstream, "lost").await?;
        let crashed_at = Instant::now();
        assert_eq!(
            crashing.call(&[("x-crash-when", "charged")]).await?,
            (503, None)
        );

        // All three are charged, and count as in progress until the leases of two of them end. The long call still counts then.
        assert_eq!(in_progress(&example).await?, (3, 3));
        let mut seen = vec![3];
        while seen.last() != Some(&1) {
            ensure!(
                crashed_at.elapsed() < PATIENCE,
                "{seen:?} calls in progress"
            );
            sleep(INTERVAL).await;
            seen.push(in_progress(&example).await?.0);
        }
        // Leases are counted in whole seconds.
        ensure!(
            crashed_at.elapsed() >= LEASE.saturating_sub(Duration::from_secs(1)),
            "slots came back before their lease ended"
        );
        assert!(
            seen.iter().all(|calls| [3, 1].contains(calls)),
            "the slots of one worker come back together: {seen:?}"
        );

        // The filter of the lost call is gone, which Envoy notices when the upstream answers.
        lost_hold.release();
        assert_eq!(lost.await??, (503, None));
        // Both workers serve again, and count on.
        for (worker, remaining) in [(failing_worker, 96), (steady_worker, 95)] {
            let served = open(&example, |other| other == worker).await?;
            assert_eq!(served.call(&[]).await?, (200, Some(remaining)));
        }
        assert_eq!(in_progress(&example).await?, (1, 5));
        long_hold.release();
        assert_eq!(long.await??, (200, Some(99)));
        example.in_progress(&[ORGANIZATION], 0).await?;
        Ok(())
    })
}

fn config() -> anyhow::Result<Value> {
    let mut config = example()?;
    let document = config.as_object_mut().context("no object")?;
    let edition = json!({ "base": 100, "concurrency": 10 });
    document.insert("editions".to_owned(), json!({ "Test": edition }));
    document.insert(
        "organizations".to_owned(),
        json!({ "7": { "edition": "Test" } }),
    );
    document.insert(
        "concurrency".to_owned(),
        json!({ "lease_seconds": LEASE.as_secs() }),
    );
    Ok(config)
}

/// A connection that is served by such a worker.
async fn open(example: &Example, wanted: impl Fn(u32) -> bool) -> anyhow::Result<Served> {
    // Until one lands there; the others are closed afterwards, so that a new one tends to land elsewhere.
    let start = Instant::now();
    let mut others = Vec::new();
    loop {
        let before = accepted(example).await?;
        let connection = Connection::open(example.api, HttpVersion::One).await?;
        let worker = loop {
            let now = accepted(example).await?;
            if let Some(worker) = (0..)
                .zip(before.iter().zip(&now))
                .find_map(|(worker, (before, now))| (now > before).then_some(worker))
            {
                break worker;
            }
            ensure!(start.elapsed() < PATIENCE, "no worker accepts a connection");
            sleep(INTERVAL).await;
        };
        if wanted(worker) {
            return Ok(Served { connection, worker });
        }
        others.push(connection);
        ensure!(start.elapsed() < PATIENCE, "a worker gets no connection");
    }
}

/// How many connections each worker has accepted.
async fn accepted(example: &Example) -> anyhow::Result<Vec<u64>> {
    let mut counts = Vec::new();
    for worker in 0..2 {
        let name = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
        counts.push(example.stat(&name).await?);
    }
    Ok(counts)
}

/// How many calls are in progress, and how many credits are used; asked until a worker answers that has not crashed.
async fn in_progress(example: &Example) -> anyhow::Result<(u64, u64)> {
    let start = Instant::now();
    loop {
        match example.usage(&[ORGANIZATION]).await {
            Ok(usage) => {
                return Ok((
                    number(&usage, "/concurrency/inProgress")?,
                    number(&usage, "/used")?,
                ));
            }
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(INTERVAL).await,
        }
    }
}

/// The status of an answer, and what it says is left.
type Told = (u16, Option<u64>);

impl Served {
    async fn call(self, headers: &[(&str, &str)]) -> anyhow::Result<Told> {
        let Self { mut connection, .. } = self;
        let mut request = Request {
            path: TICKET.to_owned(),
            ..Request::default()
        };
        for (name, value) in headers.iter().chain([&ORGANIZATION]) {
            request
                .headers
                .push(((*name).to_owned(), (*value).to_owned()));
        }
        let response = connection.send(&request).await?;
        let remaining = response.headers.get(REMAINING);
        let remaining = remaining.map(|value| anyhow::Ok(value.to_str()?.parse()?));
        Ok((response.status, remaining.transpose()?))
    }

    /// Makes a call that the upstream holds, and waits until it is there.
    async fn begin(
        self,
        upstream: &Upstream,
        name: &'static str,
    ) -> anyhow::Result<(tokio::task::JoinHandle<anyhow::Result<Told>>, Hold)> {
        let mut hold = upstream.plan(name, &UpstreamBehaviour::default(), true)?;
        let call = tokio::spawn(async move { self.call(&[(EXCHANGE, name)]).await });
        hold.arrived().await;
        Ok((call, hold))
    }
}
