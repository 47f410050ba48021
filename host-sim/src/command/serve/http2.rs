//! Upstreams and services of HTTP/2 without TLS, as clusters with `http2_protocol_options` are: one connection to each on a thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use host_sim::Piece;
use host_sim::target::{BrokenOff, UpstreamRequest, octets};
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::outlet::OutletBody;
use super::outside::CallError;
use super::proxy::{Here, texts};

/// Connections, by host and port.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Rc<RefCell<BTreeMap<String, SendRequest<OutletBody>>>>);

/// An answer that has begun.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    body: Incoming,
}

impl Connections {
    /// Sends a request to a host.
    pub(super) async fn send(
        &self,
        base: &Uri,
        request: &UpstreamRequest,
        body: OutletBody,
    ) -> Result<Response, CallError> {
        let host = base.host().unwrap_or_default();
        let host = format!("{host}:{}", base.port_u16().unwrap_or(80));
        let malformed = CallError::Broken(BrokenOff::Malformed);
        let request = encode(request, body).map_err(|_| malformed)?;
        let mut sender = self.sender(&host).await?;
        let answered = sender.send_request(request).await;
        let answer = answered.map_err(|error| CallError::Broken(broken_off(&error)))?;
        let (head, body) = answer.into_parts();
        Ok(Response {
            status: head.status.as_u16(),
            headers: texts(&head.headers),
            body,
        })
    }

    /// The connection to a host that is open, or a new one.
    async fn sender(&self, host: &str) -> Result<SendRequest<OutletBody>, CallError> {
        let open = self.0.borrow().get(host).cloned();
        if let Some(mut sender) = open
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let connection = TcpStream::connect(host).await;
        let connection = connection.map_err(|_| CallError::Unreachable)?;
        // A connection on which this fails is only slower.
        let _ = connection.set_nodelay(true);
        let agreed = Builder::new(Here).handshake(TokioIo::new(connection)).await;
        let (sender, connection) = agreed.map_err(|error| CallError::Broken(broken_off(&error)))?;
        // How it ends is told to whoever waits for an answer.
        spawn_local(async { connection.await.unwrap_or_default() });
        let mut connections = self.0.borrow_mut();
        connections.insert(host.to_owned(), sender.clone());
        Ok(sender)
    }
}

/// A request without what is about a connection of HTTP/1 alone.
fn encode(request: &UpstreamRequest, body: OutletBody) -> http::Result<Request<OutletBody>> {
    let host = request.headers.iter().find(|(name, _)| name == "host");
    let authority = match (request.authority.as_str(), host) {
        ("", Some((_, host))) => host,
        (authority, _) => authority,
    };
    let uri = Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(&request.path);
    let mut encoded = Request::builder()
        .method(request.method.as_str())
        .uri(uri.build()?);
    for (name, value) in &request.headers {
        let of_connection = ["host", "connection", "transfer-encoding", "upgrade"];
        if of_connection.contains(&name.as_str()) || name.starts_with(':') {
            continue;
        }
        encoded = encoded.header(name, HeaderValue::from_bytes(&octets::bytes(value))?);
    }
    encoded.body(body)
}

impl Response {
    /// Whether the answer has no body.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The next piece of it; an error if it breaks off.
    pub(super) async fn piece(&mut self) -> Result<Piece, BrokenOff> {
        let Some(frame) = self.body.frame().await else {
            // What was reset without an error, hyper takes for whole.
            if !self.body.is_end_stream() {
                return Err(BrokenOff::Reset);
            }
            return Ok(Piece::Data {
                bytes: Vec::new(),
                end: true,
            });
        };
        match frame.map_err(|error| broken_off(&error))?.into_data() {
            Ok(bytes) => Ok(Piece::Data {
                bytes: bytes.to_vec(),
                end: self.body.is_end_stream(),
            }),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                Ok(Piece::Trailers(texts(&trailers)))
            }
        }
    }
}

/// How the other side ended a call.
fn broken_off(error: &hyper::Error) -> BrokenOff {
    let source = std::error::Error::source(error);
    let Some(error) = source.and_then(|source| source.downcast_ref::<h2::Error>()) else {
        return BrokenOff::Closed;
    };
    match error.reason() {
        Some(h2::Reason::PROTOCOL_ERROR) => BrokenOff::Malformed,
        Some(h2::Reason::REFUSED_STREAM) => BrokenOff::Refused,
        Some(_) if error.is_reset() => BrokenOff::Reset,
        _ => BrokenOff::Closed,
    }
}
