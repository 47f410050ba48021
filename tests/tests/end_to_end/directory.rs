//! The directory on a real Envoy, where the proxy decides what comes first: clients that go away while others wait for the same
//! answer, and bodies that arrive before it.

use anyhow::Context as _;
use api_credits_tests::example::{Example, in_front_of};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{AnswerOverride, UpstreamBehaviour};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{World, example};

/// What the upstream, which is the directory too, knows the question by.
const QUESTION: &str = "question";
const ACTIVE: &str = "http.api.downstream_rq_active";

/// An example whose organizations are looked up, with as long a time-out as the test likes.
struct Desk {
    upstream: Upstream,
    example: Example,
    question: Hold,
}

impl Desk {
    async fn open(world: &World, when_down: Value) -> anyhow::Result<Self> {
        let upstream = Upstream::start(&host_sim::target::Upstream::default()).await?;
        let answer = AnswerOverride {
            body: Some(vec![br#"{"edition": "Demo"}"#.to_vec()]),
            ..AnswerOverride::default()
        };
        let question = upstream.plan(QUESTION, &UpstreamBehaviour::Answer(answer), true)?;
        let yaml = in_front_of("envoy.yaml", upstream.address)?;
        let example = Example::start(&world.artifacts, &yaml, &config(when_down)?, 1)?;
        Ok(Self {
            upstream,
            example,
            question,
        })
    }

    /// Sends this much of a call, and waits until Envoy has so many calls.
    async fn send(&self, text: &str, calls: u64) -> anyhow::Result<TcpStream> {
        let mut client = TcpStream::connect(self.example.api).await?;
        client.write_all(text.as_bytes()).await?;
        self.example.until_stat(ACTIVE, calls).await?;
        Ok(client)
    }
}

fn config(when_down: Value) -> anyhow::Result<Value> {
    let mut config = example()?;
    let document = config.as_object_mut().context("no object")?;
    let directory = json!({
        "cluster": "api", "authority": "crm", "timeout_ms": 60_000,
        "headers": { EXCHANGE: QUESTION }, "when_down": when_down,
    });
    document.insert("directory".to_owned(), directory);
    Ok(config)
}

fn run(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(test)
}

const CALL: &str = "GET /api/v1/tickets/4711 HTTP/1.1\r\nhost: api.example\r\norgId: acme\r\nconnection: close\r\n\r\n";

/// The call that had the directory asked goes away; the answer still reaches those that wait for it too.
pub(crate) fn who_asked_first_may_go_away(world: &World) -> anyhow::Result<()> {
    run(async {
        let mut desk = Desk::open(world, json!("refuse")).await?;
        let first = desk.send(CALL, 1).await?;
        desk.question.arrived().await;
        let mut second = desk.send(CALL, 2).await?;
        drop(first);
        desk.example.until_stat(ACTIVE, 1).await?;
        desk.question.release();
        let mut response = String::new();
        second.read_to_string(&mut response).await?;
        assert_eq!(response.lines().next(), Some("HTTP/1.1 200 OK"));
        assert!(
            response.contains("x-rate-limit-remaining-v3: 9\r\n"),
            "{response}"
        );
        let asked = desk.upstream.take(QUESTION).context("nobody asked")?;
        assert_eq!(asked.path, "/organizations/acme");
        assert_eq!(desk.example.counted("directory.answers").await?, 1);
        Ok(())
    })
}

/// A call that is priced by its body has sent all of it before the directory answers.
pub(crate) fn a_body_may_be_complete_before_the_answer(world: &World) -> anyhow::Result<()> {
    run(async {
        let mut desk = Desk::open(world, json!("refuse")).await?;
        let body = r#"{"ids":[1,2,3,4]}"#;
        let call = format!(
            "POST /api/v1/closeTickets HTTP/1.1\r\nhost: api.example\r\norgId: acme\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = desk.send(&call, 1).await?;
        desk.question.arrived().await;
        desk.question.release();
        let mut response = String::new();
        client.read_to_string(&mut response).await?;
        assert_eq!(response.lines().next(), Some("HTTP/1.1 200 OK"));
        assert!(
            response.contains("x-rate-limit-request-weight-v3: 2\r\n"),
            "{response}"
        );
        let forwarded = desk.upstream.take("").context("nothing was forwarded")?;
        assert_eq!(String::from_utf8_lossy(&forwarded.body), body);
        Ok(())
    })
}

/// While a call waits, Envoy has its client send no more than the buffer holds, 1 MiB, and the rest when there is an answer.
pub(crate) fn a_body_larger_than_envoys_buffer_waits_for_the_answer(
    world: &World,
) -> anyhow::Result<()> {
    run(async {
        let mut desk = Desk::open(world, json!("refuse")).await?;
        let length = 8_000_000;
        let call = format!(
            "POST /api/v1/tickets/4711/attachments HTTP/1.1\r\nhost: api.example\r\norgId: acme\r\n\
             {EXCHANGE}: upload\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        let (mut from_envoy, mut to_envoy) = desk.send(&call, 1).await?.into_split();
        // A client that closes its sending half counts as gone.
        let upload = tokio::spawn(async move {
            to_envoy.write_all(&vec![b'x'; length]).await?;
            anyhow::Ok(to_envoy)
        });
        desk.question.arrived().await;
        let paused = "http.api.downstream_flow_control_paused_reading_total";
        desk.example.until_stat(paused, 1).await?;
        desk.question.release();
        let mut response = String::new();
        from_envoy.read_to_string(&mut response).await?;
        drop(upload.await??);
        assert_eq!(response.lines().next(), Some("HTTP/1.1 200 OK"));
        let forwarded = desk
            .upstream
            .take("upload")
            .context("nothing was forwarded")?;
        assert_eq!(forwarded.body.len(), length);
        assert_eq!(desk.example.counted("calls.admitted").await?, 1);
        assert_eq!(desk.example.counted("credits.charged").await?, 1);
        Ok(())
    })
}
