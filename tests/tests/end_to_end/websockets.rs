//! WebSockets through the example on a real Envoy: a connection is one call, which pays once and is in progress until either side
//! ends it, however it does.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use api_credits_tests::body::Chunks;
use api_credits_tests::example::{Example, USAGE, in_front_of, number};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Method, Request, Uri};
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::exactness::{COST, REMAINING};
use crate::{WORKERS, World, example};

const ORGANIZATION: (&str, &str) = ("orgId", "7");
/// A call for one credit.
const TICKET: &str = "/api/v1/tickets/4711";

/// What the client says so that the upstream ends the connection.
const CLOSE: &str = "please close";
const VANISH: &str = "please vanish";

/// What the example does not have: by this setting Envoy tells clients that WebSockets may come over HTTP/2 (RFC 8441). These have no
/// `Sec-WebSocket-Key`, which Envoy does not make up for, and so an upstream that speaks HTTP/1.1 refuses those of browsers.
const ALLOW_CONNECT: &str = "http2_protocol_options: { allow_connect: true }";

type Socket = WebSocketStream<TcpStream>;

pub(crate) fn open_websockets_are_calls_in_progress(world: &World) -> anyhow::Result<()> {
    run(world, "", async |example| {
        let mut first = open(example.api).await?;
        let mut second = open(example.api).await?;
        expect_no_more(example).await?;
        for _ in 0..3 {
            echo(&mut first).await?;
            echo(&mut second).await?;
        }
        expect_no_more(example).await?;

        // Every way to end one frees its slot, and the other connection does not notice.
        for (paid, end) in (2_u64..).zip([
            End::Client,
            End::ClientAbruptly,
            End::Upstream,
            End::UpstreamAbruptly,
        ]) {
            end.come_about(first).await?;
            let usage = example.in_progress(&[ORGANIZATION], 1).await?;
            assert_eq!(number(&usage, "/used")?, paid, "{end:?}");
            echo(&mut second).await?;
            first = open(example.api).await?;
            expect_no_more(example).await?;
        }

        first.close(None).await?;
        second.close(None).await?;
        let usage = example.in_progress(&[ORGANIZATION], 0).await?;
        assert_eq!(
            (number(&usage, "/used")?, number(&usage, "/refunds/calls")?),
            (6, 0)
        );
        Ok(())
    })
}

pub(crate) fn websockets_over_http2_are_calls_in_progress(world: &World) -> anyhow::Result<()> {
    run(world, ALLOW_CONNECT, async |example| {
        let stream = TcpStream::connect(example.api).await?;
        let (mut sender, driver) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(async { driver.await.unwrap_or_default() });
        // Only after Envoy's settings, which come before its first response, does a client know that it may.
        let greeting = sender.send_request(request(Method::GET, USAGE)?).await?;
        assert_eq!(greeting.status(), 200);

        let mut sockets = Vec::new();
        for _ in 0..2 {
            let response = sender
                .send_request(request(Method::CONNECT, TICKET)?)
                .await?;
            assert_eq!(
                (
                    response.status().as_u16(),
                    header(response.headers(), COST)?
                ),
                (200, "1")
            );
            let stream = TokioIo::new(hyper::upgrade::on(response).await?);
            sockets.push(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
        }
        let refused = sender
            .send_request(request(Method::CONNECT, TICKET)?)
            .await?;
        assert_eq!(refused.status(), 429);
        for socket in &mut sockets {
            echo(socket).await?;
        }

        // The client resets one stream and closes the other in order; the connection goes on.
        drop(sockets.pop());
        example.in_progress(&[ORGANIZATION], 1).await?;
        let mut last = sockets.pop().context("no socket")?;
        echo(&mut last).await?;
        last.close(None).await?;
        let usage = example.in_progress(&[ORGANIZATION], 0).await?;
        assert_eq!(number(&usage, "/used")?, 2);
        Ok(())
    })
}

/// The ways in which a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Client,
    ClientAbruptly,
    Upstream,
    UpstreamAbruptly,
}

impl End {
    async fn come_about(self, mut socket: Socket) -> anyhow::Result<()> {
        match self {
            Self::Client => socket.close(None).await?,
            Self::ClientAbruptly => socket.get_ref().set_zero_linger()?,
            Self::Upstream => socket.send(Message::text(CLOSE)).await?,
            Self::UpstreamAbruptly => socket.send(Message::text(VANISH)).await?,
        }
        match self {
            Self::Client | Self::ClientAbruptly => {}
            Self::Upstream => match socket.next().await {
                Some(Ok(Message::Close(_))) => {}
                other => bail!("{other:?}, expected the upstream to close"),
            },
            Self::UpstreamAbruptly => match socket.next().await {
                Some(Err(_)) | None => {}
                other => bail!("{other:?}, expected the connection to break off"),
            },
        }
        Ok(())
    }
}

/// Runs a test with the example and this setting of its HTTP connection manager, in front of a WebSocket server and with an organization that may have two calls in progress.
fn run(
    world: &World,
    setting: &str,
    test: impl AsyncFnOnce(&Example) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upgrades = "upgrade_configs: [{ upgrade_type: websocket }]";
        let yaml = in_front_of("envoy.yaml", listener.local_addr()?)?;
        let yaml = yaml.replace(upgrades, &format!("{upgrades}\n                {setting}"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        let mut config = example()?;
        let document = config.as_object_mut().context("no object")?;
        let edition = json!({ "base": 100, "concurrency": 2 });
        document.insert("editions".to_owned(), json!({ "Test": edition }));
        document.insert(
            "organizations".to_owned(),
            json!({ "7": { "edition": "Test" } }),
        );
        let example = Example::start(&world.artifacts, &yaml, &config, WORKERS)?;
        test(&example).await
    })
}

/// The upstream: it answers each message with the same one until it is asked to end.
async fn serve(stream: TcpStream) -> anyhow::Result<()> {
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        match text.as_str() {
            CLOSE => socket.close(None).await?,
            VANISH => return Ok(socket.get_ref().set_zero_linger()?),
            _ => socket.send(Message::Text(text)).await?,
        }
    }
    Ok(())
}

/// Opens a connection and looks at what the client is told of its price.
async fn open(api: SocketAddr) -> anyhow::Result<Socket> {
    let stream = TcpStream::connect(api).await?;
    let (socket, response) = client_async(handshake()?, stream).await?;
    assert_eq!(header(response.headers(), COST)?, "1");
    ensure!(response.headers().contains_key(REMAINING), "{response:?}");
    Ok(socket)
}

fn handshake() -> anyhow::Result<Request<()>> {
    let mut request = format!("ws://api.example{TICKET}").into_client_request()?;
    request.headers_mut().insert("orgId", "7".parse()?);
    Ok(request)
}

/// A request over HTTP/2; a `CONNECT` is for a WebSocket (RFC 8441).
fn request(method: Method, path: &str) -> anyhow::Result<Request<Chunks>> {
    let mut request = Request::new(Chunks::new([], HeaderMap::new()));
    *request.uri_mut() = Uri::try_from(format!("http://api.example{path}"))?;
    let headers = request.headers_mut();
    headers.insert("orgId", "7".parse()?);
    if method == Method::CONNECT {
        headers.insert("sec-websocket-version", "13".parse()?);
        headers.insert("sec-websocket-key", generate_key().parse()?);
        let websocket = Protocol::from_static("websocket");
        request.extensions_mut().insert(websocket);
    }
    *request.method_mut() = method;
    Ok(request)
}

/// Two calls are in progress, and a third WebSocket is refused as any call is.
async fn expect_no_more(example: &Example) -> anyhow::Result<()> {
    example.in_progress(&[ORGANIZATION], 2).await?;
    let stream = TcpStream::connect(example.api).await?;
    let refused = match client_async(handshake()?, stream).await {
        Err(Error::Http(response)) => response,
        other => bail!("{other:?}, expected a refusal"),
    };
    let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap_or_default())?;
    assert_eq!(
        (
            refused.status().as_u16(),
            body.get("errorCode"),
            refused.headers().get("retry-after")
        ),
        (429, Some(&json!("TOO_MANY_REQUESTS")), None)
    );
    Ok(())
}

/// A message goes there and back.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
) -> anyhow::Result<()> {
    let message = Message::text("hello");
    socket.send(message.clone()).await?;
    let answer = socket.next().await.context("the connection has ended")??;
    assert_eq!(answer, message);
    Ok(())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> anyhow::Result<&'a str> {
    let value = headers.get(name);
    Ok(value
        .with_context(|| format!("no {name} in {headers:?}"))?
        .to_str()?)
}
