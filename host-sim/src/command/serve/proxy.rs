//! The side that clients see: HTTP/1.1 and HTTP/2 without TLS on one port.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use host_sim::Piece;
use host_sim::target::{Departure, ErrorCode, HttpVersion, Request, octets};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::http1;
use super::outlet::OutletBody;
use super::station::{CallKey, Station};

/// How a client of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Runs what a connection sets off on the connection's own thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(async move {
            future.await;
        });
    }
}

/// A client that is waiting; when it goes away, the simulation hears of it.
pub(super) struct Waiting {
    station: Rc<Station>,
    call: CallKey,
}

impl Waiting {
    pub(super) fn new(station: &Rc<Station>, call: CallKey) -> Self {
        let station = Rc::clone(station);
        Self { station, call }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.station.leave(self.call, Departure::Usual);
    }
}

/// Why a stream is reset; an error of HTTP/2 says with which code.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer, and who reads it.
struct Read {
    body: OutletBody,
    /// How it breaks off, which is told once what came before it has been sent.
    broken: Option<Failure>,
    _by: Waiting,
}

impl Body for Read {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => {
                let inner = error.into_inner();
                self.broken = Some(inner.unwrap_or_else(|| "the stream is reset".into()));
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves connections until it is to stop, and those that there are then to their ends.
///
/// # Errors
///
/// When no more connections can be accepted.
pub(super) async fn serve(
    listener: TcpListener,
    station: Rc<Station>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stops| *stops) => break,
        };
        let (connection, _) = accepted?;
        // A connection on which this fails is only slower.
        let _ = connection.set_nodelay(true);
        connections.spawn_local(converse(connection, Rc::clone(&station), stopping.clone()));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn converse(
    connection: TcpStream,
    station: Rc<Station>,
    mut stopping: watch::Receiver<bool>,
) {
    if !speaks_two(&connection).await {
        // Whatever ends a connection badly is the client's affair.
        let _ = http1::server::converse(connection, station, stopping).await;
        return;
    }
    let service = service_fn(move |request| call(request, Rc::clone(&station)));
    let server = http2::Builder::new(Here);
    let mut conversation = pin!(server.serve_connection(TokioIo::new(connection), service));
    tokio::select! {
        _ = conversation.as_mut() => {}
        _ = stopping.wait_for(|stops| *stops) => {
            conversation.as_mut().graceful_shutdown();
            let _ = conversation.await;
        }
    }
}

/// Whether a client begins as those of HTTP/2 do.
async fn speaks_two(connection: &TcpStream) -> bool {
    let mut begun = [0; PREFACE.len()];
    loop {
        let Ok(read) = connection.peek(&mut begun).await else {
            return false;
        };
        let begun = begun.get(..read).unwrap_or_default();
        if read == PREFACE.len() || !PREFACE.starts_with(begun) || begun.is_empty() {
            return begun == PREFACE;
        }
        // It comes in pieces, which is rare enough to look again and again.
        tokio::task::yield_now().await;
    }
}

async fn call(
    request: http::Request<Incoming>,
    station: Rc<Station>,
) -> Result<Response<Read>, Failure> {
    let (head, body) = request.into_parts();
    let ended = body.is_end_stream();
    let request = read(&head);
    station.runs().await;
    let (call, answer) = station.begin(&request, ended)?;
    let waiting = Waiting::new(&station, call);
    if !ended {
        spawn_local(take(body, Rc::clone(&station), call));
    }
    let reset = |_| h2::Error::from(station.resets_with);
    let answer = answer.await.map_err(reset)?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, &*octets::bytes(value));
    }
    let body = Read {
        body: answer.body,
        broken: None,
        _by: waiting,
    };
    Ok(response.body(body)?)
}

/// Takes the rest of a request in the pieces in which it comes, as fast as they are wanted.
async fn take(mut body: Incoming, station: Rc<Station>, call: CallKey) {
    loop {
        let piece = match body.frame().await {
            None => Piece::Data {
                bytes: Vec::new(),
                end: true,
            },
            Some(Err(error)) => return station.leave(call, departure(&error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Piece::Data {
                    bytes: bytes.to_vec(),
                    end: body.is_end_stream(),
                },
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    Piece::Trailers(texts(&trailers))
                }
            },
        };
        let last = !matches!(piece, Piece::Data { end: false, .. });
        station.receive(call, piece);
        if last {
            return;
        }
        station.wants_more(call).await;
    }
}

/// How a client has left whose request breaks off.
fn departure(error: &hyper::Error) -> Departure {
    let source = std::error::Error::source(error);
    let reset = source.and_then(|source| source.downcast_ref::<h2::Error>());
    match reset.and_then(h2::Error::reason) {
        Some(reason) => Departure::Reset(ErrorCode(reason.into())),
        None => Departure::Close,
    }
}

/// The head of a request over HTTP/2.
fn read(head: &http::request::Parts) -> Request {
    let host = head.headers.get(HOST);
    let host = host.map(|host| octets::text(host.as_bytes()));
    let authority = head.uri.authority().map(ToString::to_string);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = authority.or(host);
    Request {
        method: head.method.to_string(),
        path: path.to_owned(),
        hostless: authority.is_none(),
        authority: authority.unwrap_or_default(),
        scheme: head.uri.scheme_str().map(str::to_owned),
        headers: texts(&head.headers),
        http: HttpVersion::Two,
        ..Request::default()
    }
}

/// Headers as texts, without the host.
pub(super) fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| octets::text(value.as_bytes());
    let headers = headers.iter().filter(|(name, _)| **name != HOST);
    headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
