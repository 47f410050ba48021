//! HTTP/2 on either side: a client and an upstream that say what they like, and what they get.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Nothing here takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client asks for, the path alone: the upstream reads in it what it is to do, step by step.
pub(crate) const PATHS: &[&str] = &[
    "/head.200",
    "/head.200/data",
    "/head.200/data/data/trailers",
    "/head.200/trailers",
    "/head.204",
    "/head.304",
    "/long.200/data",
    "/reset.cancel",
    "/reset.no_error",
    "/reset.refused",
    "/reset.internal",
    "/reset.protocol",
    "/close",
    "/head.200/data/reset.cancel",
    "/head.200/data/reset.internal",
    "/head.200/data/reset.no_error",
    "/head.200/data/close",
    "/hop.200/data",
    "/early/head.200/data",
    "/trailing/head.200/data",
];

/// An upstream of HTTP/2.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&noted)));
            }
        });
        Ok(Self { address, seen })
    }

    /// What it has got since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *seen)
    }
}

async fn serve(connection: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> anyhow::Result<()> {
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let (head, mut body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let closes = path.ends_with("close");
        let seen = Arc::clone(&seen);
        let answering = async move {
            let line = format!("{} {}", head.method, head.uri);
            // Some answer before they have all of a request.
            let got = match path.starts_with("/early") {
                true => String::new(),
                false => whole(&mut body).await,
            };
            let text = format!("{line} | {}{got}", shown(&head.headers));
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text);
            act(&path, respond).await
        };
        if closes {
            // The connection has to go on until what was said before is out.
            tokio::spawn(answering);
            let _ = timeout(Duration::from_millis(200), connection.accept()).await;
            return Ok(());
        }
        tokio::spawn(answering);
    }
    Ok(())
}

/// Does what a path says.
async fn act(path: &str, mut respond: SendResponse<Bytes>) -> anyhow::Result<()> {
    let steps: Vec<_> = path.split('/').skip(1).collect();
    let mut stream = None;
    for (at, step) in steps.iter().enumerate() {
        let last = at + 1 == steps.len();
        let (step, argument) = step.split_once('.').unwrap_or((step, ""));
        match step {
            "head" | "long" | "hop" => {
                let mut response = Response::builder().status(argument);
                if step == "long" {
                    response = response.header("content-length", "9");
                }
                if step == "hop" {
                    response = response.header("x-up", "1").header("server", "me");
                }
                stream = Some(respond.send_response(response.body(())?, last)?);
            }
            "data" => stream
                .as_mut()
                .map_or(Ok(()), |stream| stream.send_data(Bytes::from("data"), last))?,
            "trailers" => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-last", HeaderValue::from_static("1"));
                stream
                    .as_mut()
                    .map_or(Ok(()), |stream| stream.send_trailers(trailers))?;
            }
            "reset" => {
                // What was said before is out first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let reason = match argument {
                    "cancel" => Reason::CANCEL,
                    "refused" => Reason::REFUSED_STREAM,
                    "internal" => Reason::INTERNAL_ERROR,
                    "protocol" => Reason::PROTOCOL_ERROR,
                    _ => Reason::NO_ERROR,
                };
                match &mut stream {
                    Some(stream) => stream.send_reset(reason),
                    None => respond.send_reset(reason),
                }
            }
            // Nothing more is said until the connection ends.
            "close" => std::future::pending().await,
            _ => {}
        }
    }
    Ok(())
}

/// A body, and how it ends.
async fn whole(body: &mut RecvStream) -> String {
    let mut text = String::new();
    loop {
        match body.data().await {
            None => break,
            Some(Ok(data)) => {
                let _ = body.flow_control().release_capacity(data.len());
                let _ = write!(text, "{}", data.escape_ascii());
            }
            Some(Err(error)) => {
                let _ = write!(text, " !! {}", ended(&error));
                return text;
            }
        }
    }
    match body.trailers().await {
        Ok(None) => {}
        Ok(Some(trailers)) => {
            let _ = write!(text, " | {}", shown(&trailers));
        }
        Err(error) => {
            let _ = write!(text, " !! {}", ended(&error));
        }
    }
    text
}

fn ended(error: &h2::Error) -> String {
    match error.reason() {
        Some(reason) if error.is_reset() => format!("{reason:?}"),
        Some(reason) => format!("gone away: {reason:?}"),
        None => "closed".to_owned(),
    }
}

/// Headers without what is never the same twice, in the order of their names.
fn shown(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "date" | "x-request-id" | "x-envoy-upstream-service-time" => format!("{name}: …"),
            _ => format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())),
        })
        .collect();
    lines.sort();
    let mut text = lines.join(", ");
    text.push_str(" | ");
    text
}

/// Asks a host for a path over HTTP/2, with a body whose end is said or not; what comes back.
pub(crate) async fn call(
    host: SocketAddr,
    path: &str,
    body: Option<bool>,
) -> anyhow::Result<String> {
    timeout(PATIENCE, answer(host, path, body)).await?
}

async fn answer(host: SocketAddr, path: &str, body: Option<bool>) -> anyhow::Result<String> {
    let (sender, connection) = h2::client::handshake(TcpStream::connect(host).await?).await?;
    tokio::spawn(async { connection.await.unwrap_or_default() });
    let mut sender = sender.ready().await?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let request = Request::builder()
        .method(method)
        .uri(format!("http://a{path}"));
    let (response, mut stream) = sender.send_request(request.body(())?, body.is_none())?;
    // Some requests end with trailers.
    let trails = path.starts_with("/trailing");
    if let Some(ends) = body {
        stream.send_data(Bytes::from("hi"), ends && !trails)?;
        if ends && trails {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-last", HeaderValue::from_static("1"));
            stream.send_trailers(trailers)?;
        }
    }
    let response = match response.await {
        Ok(response) => response,
        Err(error) => return Ok(format!("!! {}", ended(&error))),
    };
    let (head, mut body) = response.into_parts();
    let got = whole(&mut body).await;
    Ok(format!("{} | {}{got}", head.status, shown(&head.headers)))
}
