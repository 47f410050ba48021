//! An HTTP client that sends exactly what it is told, over HTTP/1.1 or HTTP/2 without TLS.
//!
//! No connection pool, no redirects, no retries, no normalization: a scenario is about what one request did.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use host_sim::target::{HttpVersion, Request};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::body::{Chunks, header_map};

/// How long a whole exchange may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A response, as far as it arrived.
#[derive(Debug, Default)]
pub struct Response {
    /// The status; 0 when there was no response at all.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: HeaderMap,
    /// Whether the response never became complete.
    pub aborted: bool,
    /// Whether that is because Envoy had sent all that it would, and the client hung up at last.
    pub starved: bool,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) sender: Sender,
    /// The socket itself.
    pub(crate) socket: Socket,
}

/// A connection's socket, for what no HTTP library does.
#[derive(Clone, Debug)]
pub struct Socket(Arc<std::net::TcpStream>);

impl Socket {
    /// Says to the other side that no more requests come; what is on its way still arrives.
    ///
    /// # Errors
    ///
    /// When the connection is closed already.
    pub fn half_close(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    /// Closes the connection.
    ///
    /// # Errors
    ///
    /// When it is closed already.
    pub fn close(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }

    /// Sends these few bytes as they are. Nobody else must be sending.
    ///
    /// # Errors
    ///
    /// When the connection is closed already.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.as_ref().write_all(bytes)
    }
}

/// What takes requests.
#[derive(Debug)]
pub(crate) enum Sender {
    /// HTTP/1.1: one exchange after another.
    One(http1::SendRequest<Chunks>),
    /// HTTP/2, by prior knowledge.
    Two(http2::SendRequest<Chunks>),
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens there or the handshake fails.
    pub async fn open(address: SocketAddr, version: HttpVersion) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = Socket(Arc::new(stream.try_clone()?));
        let io = TokioIo::new(TcpStream::from_std(stream)?);
        // How a connection ends is told to whoever waits for a response on it.
        let sender = match version {
            HttpVersion::One => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(async { connection.await.unwrap_or_default() });
                Sender::One(sender)
            }
            HttpVersion::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(async { connection.await.unwrap_or_default() });
                Sender::Two(sender)
            }
        };
        Ok(Self { sender, socket })
    }

    /// Sends a request and waits for the response and its end. One that is [unfinished](Request::unfinished) never ends.
    ///
    /// # Errors
    ///
    /// When the request cannot be expressed in HTTP, or nothing ends it in time.
    pub async fn send(&mut self, request: &Request) -> anyhow::Result<Response> {
        self.send_telling(request, || ()).await
    }

    /// As [`send`](Self::send), and calls `begun` when the response has begun.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_telling(
        &mut self,
        request: &Request,
        begun: impl FnOnce(),
    ) -> anyhow::Result<Response> {
        let (_keep, end) = oneshot::channel();
        self.send_until(request, end, begun).await
    }

    /// The same for a request that may be unfinished, whose rest is sent when `end` says so.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_until(
        &mut self,
        request: &Request,
        end: oneshot::Receiver<()>,
        begun: impl FnOnce(),
    ) -> anyhow::Result<Response> {
        timeout(PATIENCE, self.exchange(request, end, begun))
            .await
            .with_context(|| {
                format!(
                    "no response to {} {} within {PATIENCE:?}",
                    request.method, request.path
                )
            })?
            .with_context(|| format!("{} {}", request.method, request.path))
    }

    async fn exchange(
        &mut self,
        request: &Request,
        end: oneshot::Receiver<()>,
        begun: impl FnOnce(),
    ) -> anyhow::Result<Response> {
        let request = encode(request, end)?;
        let answer = match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        };
        let Ok(answer) = answer else {
            return Ok(Response {
                aborted: true,
                ..Response::default()
            });
        };
        begun();
        let (head, mut body) = answer.into_parts();
        let mut response = Response {
            status: head.status.as_u16(),
            headers: head.headers,
            ..Response::default()
        };
        while let Some(frame) = body.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => response.body.extend_from_slice(&data),
                Ok(Err(frame)) => response
                    .trailers
                    .extend(frame.into_trailers().unwrap_or_default()),
                Err(_) => {
                    response.aborted = true;
                    break;
                }
            }
        }
        Ok(response)
    }
}

/// A GET over a connection of its own.
///
/// # Errors
///
/// As [`Connection::open`] and [`Connection::send`].
pub async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Response> {
    let request = Request {
        path: path.to_owned(),
        authority: address.to_string(),
        ..Request::default()
    };
    Connection::open(address, HttpVersion::One)
        .await?
        .send(&request)
        .await
}

fn encode(request: &Request, end: oneshot::Receiver<()>) -> anyhow::Result<http::Request<Chunks>> {
    let path: PathAndQuery = request
        .path
        .parse()
        .with_context(|| format!("path {:?}", request.path))?;
    anyhow::ensure!(
        path.as_str() == request.path,
        "path {:?} cannot be sent as it is",
        request.path
    );
    let mut headers = header_map(&request.headers)?;
    let uri = match request.http {
        HttpVersion::One => {
            if !headers.contains_key(HOST) && !request.hostless {
                headers.insert(HOST, request.authority.parse()?);
            }
            Uri::from(path)
        }
        HttpVersion::Two => Uri::builder()
            .scheme(match &request.scheme {
                Some(scheme) => scheme.parse()?,
                None => Scheme::HTTP,
            })
            .authority(request.authority.parse::<Authority>()?)
            .path_and_query(path)
            .build()?,
    };
    let chunks = request
        .body
        .iter()
        .map(|chunk| Bytes::copy_from_slice(chunk));
    let mut body = Chunks::new(chunks, header_map(&request.trailers)?);
    if request.unfinished {
        body = body.until(end);
    }
    let mut encoded = http::Request::new(body);
    *encoded.method_mut() = Method::from_bytes(request.method.as_bytes())?;
    *encoded.uri_mut() = uri;
    *encoded.headers_mut() = headers;
    if request.http_10 {
        *encoded.version_mut() = Version::HTTP_10;
    }
    Ok(encoded)
}
