//! The side that upstreams and services see.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use host_sim::Piece;
use host_sim::target::{BrokenOff, UpstreamRequest};
use http::Uri;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{JoinHandle, spawn_local};

use super::decoder::Decoder;
use super::head;
use super::source::Source;
use crate::command::serve::outlet::OutletBody;
use crate::command::serve::outside::CallError;

/// The connection ended before an answer began.
const CLOSED: CallError = CallError::Broken(BrokenOff::Closed);

/// Connections that wait for their next request, by host and port.
#[derive(Clone, Debug, Default)]
pub(in crate::command::serve) struct Pool(Rc<RefCell<BTreeMap<String, Vec<TcpStream>>>>);

/// An answer that has begun. Its status is 0 if it is no HTTP.
#[derive(Debug)]
pub(in crate::command::serve) struct Response {
    pub(in crate::command::serve) status: u16,
    pub(in crate::command::serve) headers: Vec<(String, String)>,
    body: Decoder,
    source: Source<OwnedReadHalf>,
    sending: Sending,
    pool: Pool,
    host: String,
}

/// The request on its way. Dropping it gives it up.
#[derive(Debug)]
struct Sending(JoinHandle<io::Result<OwnedWriteHalf>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pool {
    /// Sends a request to a host.
    pub(in crate::command::serve) async fn send(
        &self,
        base: &Uri,
        request: &UpstreamRequest,
        body: OutletBody,
    ) -> Result<Response, CallError> {
        let host = base.host().unwrap_or_default();
        let host = format!("{host}:{}", base.port_u16().unwrap_or(80));
        let connection = match self.idle(&host) {
            Some(connection) => connection,
            None => {
                let connected = TcpStream::connect(&host).await;
                let connection = connected.map_err(|_| CallError::Unreachable)?;
                // A connection on which this fails is only slower.
                let _ = connection.set_nodelay(true);
                connection
            }
        };
        let (read, write) = connection.into_split();
        let headers = headers(request, body.is_end_stream());
        let chunked = head::is_chunked(&headers);
        let begin = head::write_request(request, &headers);
        let sending = Sending(spawn_local(send(write, begin, body, chunked)));
        let mut source = Source::new(read, Vec::new());
        loop {
            let head = source.head().await.map_err(|_| CLOSED)?;
            let (status, headers) = head::answer(&head.ok_or(CLOSED)?);
            // Others come before the answer, over which Envoy passes.
            if matches!(status, 100 | 102..=199) {
                continue;
            }
            let body = head::body_of_answer(status, &headers, request.method == "HEAD");
            return Ok(Response {
                status,
                headers,
                body,
                source,
                sending,
                pool: self.clone(),
                host,
            });
        }
    }

    /// A connection that waits and that the other side has not closed.
    fn idle(&self, host: &str) -> Option<TcpStream> {
        let mut connections = self.0.borrow_mut();
        let connections = connections.get_mut(host)?;
        while let Some(connection) = connections.pop() {
            let looked = connection.try_read(&mut [0]);
            if looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return Some(connection);
            }
        }
        None
    }
}

/// The headers of a request on the wire: a host, and how long the body is.
fn headers(request: &UpstreamRequest, bodiless: bool) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if head::last(&request.headers, "host").is_none() {
        let host = head::last(&request.headers, ":authority").unwrap_or(&request.authority);
        headers.push(("host".to_owned(), host.to_owned()));
    }
    let given = request.headers.iter();
    headers.extend(given.filter(|(name, _)| !name.starts_with(':')).cloned());
    let framed = |name| head::last(&headers, name).is_some();
    let method = request.method.as_str();
    let never = ["GET", "HEAD", "DELETE", "TRACE", "CONNECT"].contains(&method);
    let needs_none = bodiless && never || framed("upgrade");
    if !needs_none && !framed("content-length") && !framed("transfer-encoding") {
        let (name, value) = match bodiless {
            true => ("content-length", "0"),
            false => ("transfer-encoding", "chunked"),
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    headers
}

async fn send(
    mut write: OwnedWriteHalf,
    mut bytes: Vec<u8>,
    mut body: OutletBody,
    chunked: bool,
) -> io::Result<OwnedWriteHalf> {
    loop {
        write.write_all(&bytes).await?;
        bytes = match body
            .frame()
            .await
            .transpose()?
            .map(|frame| frame.into_data())
        {
            None => break,
            Some(Ok(data)) if chunked => head::write_chunk(&data),
            Some(Ok(data)) => data.to_vec(),
            // Trailers are not sent over HTTP/1.
            Some(Err(_)) => Vec::new(),
        };
    }
    if chunked {
        write.write_all(head::LAST_CHUNK).await?;
    }
    Ok(write)
}

impl Response {
    /// Whether the answer has no body.
    pub(in crate::command::serve) fn is_over(&self) -> bool {
        self.body.is_over()
    }

    /// The next piece of the body; an error if it breaks off.
    pub(in crate::command::serve) async fn piece(&mut self) -> io::Result<Piece> {
        loop {
            let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
            let bytes = self.body.take(&mut self.source.buffer).map_err(malformed)?;
            if !bytes.is_empty() || self.body.is_over() {
                let end = bytes.is_empty();
                return Ok(Piece::Data { bytes, end });
            }
            if !self.source.fill().await? {
                return match self.body {
                    Decoder::UntilEnd => Ok(Piece::Data {
                        bytes: Vec::new(),
                        end: true,
                    }),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// The answer is over: its connection may serve another call.
    pub(in crate::command::serve) async fn finish(mut self) {
        if head::closes(&self.headers) || !self.is_over() || !self.sending.0.is_finished() {
            return;
        }
        let Ok(Ok(write)) = (&mut self.sending.0).await else {
            return;
        };
        let Some(read) = self.source.into_inner() else {
            return;
        };
        if let Ok(connection) = read.reunite(write) {
            let mut connections = self.pool.0.borrow_mut();
            connections.entry(self.host).or_default().push(connection);
        }
    }
}
