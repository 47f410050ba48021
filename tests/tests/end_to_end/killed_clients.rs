//! Promise 4 on a real Envoy: 1,000 clients are killed while their calls are in progress, in every way there is, and nothing of
//! them stays behind but what they have paid.

use std::net::{self, Shutdown, SocketAddr};
use std::ops::Range;

use anyhow::{Context as _, ensure};
use api_credits_tests::body::Chunks;
use api_credits_tests::example::{Example, in_front_of, number};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{AnswerOverride, UpstreamBehaviour};
use http::{HeaderMap, Request, Uri};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{WORKERS, World, example};

/// How many calls may be in progress, and are, before the clients are killed.
const LIMIT: usize = 250;
const ROUNDS: usize = 4;
/// Streams of one HTTP/2 connection.
const STREAMS: usize = 25;

const ORGANIZATION: (&str, &str) = ("orgId", "7");
/// A call for one credit.
const TICKET: &str = "/api/v1/tickets/4711";

/// What a client is doing when it is killed.
#[derive(Clone, Copy, Debug)]
enum Doing {
    /// It waits for a response.
    Waiting,
    /// It reads one.
    Reading,
}

/// Clients over HTTP/1, each with a connection of its own. Dropping one closes its connection.
#[derive(Debug, Default)]
struct Clients(Vec<TcpStream>);

/// A client over HTTP/2 with several calls on their way.
struct Multiplexer {
    calls: JoinSet<()>,
    connection: net::TcpStream,
}

pub(crate) fn a_thousand_killed_clients_leave_nothing_in_progress(
    world: &World,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let upstream = Upstream::start(&host_sim::target::Upstream::default()).await?;
        let yaml = in_front_of("envoy.yaml", upstream.address)?;
        let example = Example::start(&world.artifacts, &yaml, &config()?, WORKERS)?;
        for round in 1..=ROUNDS {
            kill_everybody(&example, &upstream, round).await?;
            check_books(&example, round.saturating_mul(LIMIT)).await?;
        }
        // The whole limit fits once more, and is free again when the calls end by themselves.
        let mut last = Clients::default();
        let holds = last
            .call(&example, &upstream, Doing::Waiting, "last", 0..LIMIT)
            .await?;
        expect_no_more(&example).await?;
        holds.iter().for_each(Hold::release);
        check_books(&example, ROUNDS.saturating_add(1).saturating_mul(LIMIT)).await
    })
}

/// The example, with an organization that may have this many calls in progress.
fn config() -> anyhow::Result<Value> {
    let mut config = example()?;
    let document = config.as_object_mut().context("no object")?;
    let edition = json!({ "base": 100_000, "concurrency": LIMIT });
    document.insert("editions".to_owned(), json!({ "Test": edition }));
    document.insert(
        "organizations".to_owned(),
        json!({ "7": { "edition": "Test" } }),
    );
    Ok(config)
}

/// As many calls as may be in progress, and the end of every client that made one.
async fn kill_everybody(
    example: &Example,
    upstream: &Upstream,
    round: usize,
) -> anyhow::Result<()> {
    let mut holds = Vec::new();
    let mut closing = Clients::default();
    let mut resetting = Clients::default();
    for (doing, each) in [(Doing::Waiting, 50), (Doing::Reading, 25)] {
        for (clients, end) in [(&mut closing, "closed"), (&mut resetting, "reset")] {
            let name = format!("{round}-{doing:?}-{end}");
            holds.extend(
                clients
                    .call(example, upstream, doing, &name, 0..each)
                    .await?,
            );
        }
    }
    let mut multiplexers = Vec::new();
    for number in 0..4 {
        let name = format!("{round}-two-{number}");
        let (multiplexer, held) = Multiplexer::call(example.api, upstream, &name).await?;
        multiplexers.push(multiplexer);
        holds.extend(held);
    }
    let mut uploading = Clients::default();
    // These are not in progress yet, as the filter still waits for the records that they are priced by.
    for _ in 0..20 {
        uploading.begin_upload(example.api).await?;
    }
    assert_eq!(holds.len(), LIMIT);
    expect_no_more(example).await?;

    drop(closing);
    drop(uploading);
    resetting.reset()?;
    for (number, multiplexer) in multiplexers.iter_mut().enumerate() {
        if number % 2 == 0 {
            multiplexer.connection.shutdown(Shutdown::Both)?;
        } else {
            multiplexer.calls.abort_all();
        }
    }
    // The connections whose streams were reset are still there.
    example.in_progress(&[ORGANIZATION], 0).await?;
    Ok(())
}

/// The limit is reached.
async fn expect_no_more(example: &Example) -> anyhow::Result<()> {
    example
        .in_progress(&[ORGANIZATION], u64::try_from(LIMIT)?)
        .await?;
    let refused = example.get(TICKET, &[ORGANIZATION]).await?;
    assert_eq!(
        (refused.status, refused.headers.get("retry-after")),
        (429, None)
    );
    let body: Value = serde_json::from_slice(&refused.body)?;
    assert_eq!(body.get("errorCode"), Some(&json!("TOO_MANY_REQUESTS")));
    Ok(())
}

/// Nothing is in progress; each call that reached the upstream has cost a credit, and everybody says so.
async fn check_books(example: &Example, calls: usize) -> anyhow::Result<()> {
    let usage = example.in_progress(&[ORGANIZATION], 0).await?;
    let used = number(&usage, "/used")?;
    let charged = example.counted("credits.charged").await?;
    let refunded = example.counted("credits.refunded").await?;
    let calls = u64::try_from(calls)?;
    assert_eq!((used, charged, refunded), (calls, calls, 0));
    Ok(())
}

/// The upstream is to hold this call.
fn hold(upstream: &Upstream, doing: Doing, name: &str) -> anyhow::Result<Hold> {
    let answer = AnswerOverride {
        body: Some(vec![b"beginning".to_vec()]),
        streams: matches!(doing, Doing::Reading),
        ..AnswerOverride::default()
    };
    upstream.plan(name, &UpstreamBehaviour::Answer(answer), true)
}

impl Clients {
    /// Makes calls that the upstream holds, and waits until all of them are there.
    async fn call(
        &mut self,
        example: &Example,
        upstream: &Upstream,
        doing: Doing,
        name: &str,
        calls: Range<usize>,
    ) -> anyhow::Result<Vec<Hold>> {
        let mut holds = Vec::new();
        for call in calls {
            let name = format!("{name}-{call}");
            holds.push(hold(upstream, doing, &name)?);
            let mut client = TcpStream::connect(example.api).await?;
            let request = format!(
                "GET {TICKET} HTTP/1.1\r\nhost: api.example\r\norgId: 7\r\n{EXCHANGE}: {name}\r\n\r\n"
            );
            client.write_all(request.as_bytes()).await?;
            if let Doing::Reading = doing {
                let mut beginning = [0; 12];
                client.read_exact(&mut beginning).await?;
                assert_eq!(&beginning, b"HTTP/1.1 200");
            }
            self.0.push(client);
        }
        for hold in &mut holds {
            hold.arrived().await;
        }
        Ok(holds)
    }

    /// Sends the beginning of a body whose records decide the price.
    async fn begin_upload(&mut self, api: SocketAddr) -> anyhow::Result<()> {
        let mut client = TcpStream::connect(api).await?;
        let request = "POST /api/v1/closeTickets HTTP/1.1\r\nhost: api.example\r\norgId: 7\r\n\
            content-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"ids\":[1,2";
        client.write_all(request.as_bytes()).await?;
        self.0.push(client);
        Ok(())
    }

    /// The machines that they run on reset their connections.
    fn reset(self) -> anyhow::Result<()> {
        for client in &self.0 {
            client.set_zero_linger()?;
        }
        Ok(())
    }
}

impl Multiplexer {
    /// Makes calls that the upstream holds, and waits until all of them are there.
    async fn call(
        api: SocketAddr,
        upstream: &Upstream,
        name: &str,
    ) -> anyhow::Result<(Self, Vec<Hold>)> {
        let connection = net::TcpStream::connect(api)?;
        connection.set_nonblocking(true)?;
        let io = TokioIo::new(TcpStream::from_std(connection.try_clone()?)?);
        let (mut sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(async { driver.await.unwrap_or_default() });
        let mut calls = JoinSet::new();
        let mut holds = Vec::new();
        for call in 0..STREAMS {
            let name = format!("{name}-{call}");
            holds.push(hold(upstream, Doing::Waiting, &name)?);
            let mut request = Request::new(Chunks::new([], HeaderMap::new()));
            *request.uri_mut() = Uri::try_from(format!("http://api.example{TICKET}"))?;
            request.headers_mut().insert("orgId", "7".parse()?);
            request.headers_mut().insert(EXCHANGE, name.parse()?);
            sender.ready().await?;
            let response = sender.send_request(request);
            let keep_open = sender.clone();
            calls.spawn(async move {
                let _ = response.await;
                drop(keep_open);
            });
        }
        for hold in &mut holds {
            hold.arrived().await;
        }
        ensure!(calls.len() == STREAMS, "a call is over already");
        Ok((Self { calls, connection }, holds))
    }
}
