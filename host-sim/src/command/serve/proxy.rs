//! The side that clients see: HTTP/1.1 and HTTP/2 without TLS on one port.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use host_sim::Piece;
use host_sim::target::{HttpVersion, Request};
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::outlet::OutletBody;
use super::station::{Call, Station};

/// How many headers of a request are read.
const MOST_HEADERS: usize = 1000;

/// Runs what a connection sets off on the connection's own thread.
#[derive(Clone, Copy, Debug)]
struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(async move {
            future.await;
        });
    }
}

/// A client that is waiting; when it goes away, the simulation hears of it.
struct Waiting {
    station: Rc<Station>,
    call: Call,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.station.leave(self.call);
    }
}

/// The body of an answer, and who reads it.
struct Read {
    body: OutletBody,
    _by: Waiting,
}

impl Body for Read {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
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
    let service = service_fn(move |request| call(request, Rc::clone(&station)));
    let mut server = auto::Builder::new(Here);
    // How many headers are too many is the simulation's to say.
    server.http1().max_headers(MOST_HEADERS);
    let mut conversation = pin!(server.serve_connection(TokioIo::new(connection), service));
    // Whatever ends a connection badly is the client's affair.
    tokio::select! {
        _ = conversation.as_mut() => {}
        _ = stopping.wait_for(|stops| *stops) => {
            conversation.as_mut().graceful_shutdown();
            let _ = conversation.await;
        }
    }
}

async fn call(
    request: http::Request<Incoming>,
    station: Rc<Station>,
) -> io::Result<Response<Read>> {
    let (head, body) = request.into_parts();
    let ended = body.is_end_stream();
    let request = read(&head);
    let http = request.http;
    station.runs().await;
    let (call, answer) = station.begin(&request, ended).map_err(io::Error::other)?;
    let waiting = Waiting {
        station: Rc::clone(&station),
        call,
    };
    if !ended {
        spawn_local(take(body, http, station, call));
    }
    let reset = || io::Error::new(io::ErrorKind::ConnectionReset, "the stream is reset");
    let answer = answer.await.map_err(|_| reset())?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        // The server frames the body itself.
        if name != TRANSFER_ENCODING.as_str() {
            response = response.header(name, value);
        }
    }
    let body = Read {
        body: answer.body,
        _by: waiting,
    };
    response.body(body).map_err(io::Error::other)
}

/// Takes the rest of a request in the pieces in which it comes, as fast as they are wanted.
async fn take(mut body: Incoming, http: HttpVersion, station: Rc<Station>, call: Call) {
    loop {
        let piece = match body.frame().await {
            None => Piece::Data {
                bytes: Vec::new(),
                end: true,
            },
            Some(Err(_)) => return station.leave(call),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Piece::Data {
                    bytes: bytes.to_vec(),
                    // Over HTTP/1 the end comes by itself.
                    end: http == HttpVersion::Two && body.is_end_stream(),
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

/// The head of a request.
fn read(head: &http::request::Parts) -> Request {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    Request {
        method: head.method.to_string(),
        path: path.to_owned(),
        authority: authority.or(host).unwrap_or_default().to_owned(),
        hostless: authority.or(host).is_none(),
        scheme: head
            .uri
            .scheme_str()
            .filter(|_| head.version == Version::HTTP_2)
            .map(str::to_owned),
        headers: texts(&head.headers),
        http_10: head.version == Version::HTTP_10,
        http: if head.version == Version::HTTP_2 {
            HttpVersion::Two
        } else {
            HttpVersion::One
        },
        ..Request::default()
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().filter(|(name, _)| **name != HOST);
    headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
