//! The side that clients see: HTTP/1.1 and HTTP/2 without TLS on one port.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use host_sim::target::{Exchange, HttpVersion, Request};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::simulation::Event;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// A client that is waiting; when it goes away, the simulation hears of it.
struct Waiting {
    client: u64,
    events: Sender<Event>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Gone {
            client: self.client,
        });
    }
}

/// Serves connections for ever.
///
/// # Errors
///
/// When no more connections can be accepted.
pub(super) async fn serve(listener: &TcpListener, events: Sender<Event>) -> anyhow::Result<()> {
    let clients = Arc::new(AtomicU64::new(0));
    loop {
        let (connection, _) = listener.accept().await?;
        // A connection on which this fails is only slower.
        let _ = connection.set_nodelay(true);
        let (clients, events) = (Arc::clone(&clients), events.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let waiting = Waiting {
                    client: clients.fetch_add(1, Ordering::Relaxed),
                    events: events.clone(),
                };
                call(request, waiting)
            });
            let server = auto::Builder::new(TokioExecutor::new());
            // Whatever ends a connection badly is the client's affair.
            let _ = server
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

async fn call(request: http::Request<Incoming>, waiting: Waiting) -> io::Result<Answer> {
    let request = read(request).await?;
    let (reply, answer) = oneshot::channel();
    let event = Event::Request {
        client: waiting.client,
        request,
        reply,
    };
    let stopped = || io::Error::other("the simulation has stopped");
    waiting.events.send(event).map_err(|_| stopped())?;
    let exchange = answer.await.map_err(|_| stopped())?;
    response(exchange)
}

/// The whole request, its body in the pieces in which it came.
async fn read(request: http::Request<Incoming>) -> io::Result<Request> {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        match frame.into_data() {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => body.push(bytes.to_vec()),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(Request {
        method: head.method.to_string(),
        path: path.to_owned(),
        authority: authority.or(host).unwrap_or_default().to_owned(),
        headers: texts(&head.headers),
        body,
        trailers: texts(&trailers),
        http: if head.version == Version::HTTP_2 {
            HttpVersion::Two
        } else {
            HttpVersion::One
        },
        ..Request::default()
    })
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers
        .iter()
        .filter(|(name, _)| **name != HOST && **name != CONNECTION);
    headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

/// The answer as the client gets it. One that the filter cut off ends with an error, which resets the stream.
fn response(exchange: Exchange) -> io::Result<Answer> {
    let reset = || io::Error::new(io::ErrorKind::ConnectionReset, "the stream is reset");
    if exchange.status == 0 {
        return Err(reset());
    }
    let mut response = Response::builder().status(exchange.status);
    for (name, value) in &exchange.headers {
        // The server frames the body itself.
        if name != TRANSFER_ENCODING.as_str() && name != CONNECTION.as_str() {
            response = response.header(name, value);
        }
    }
    let has_length = exchange
        .headers
        .iter()
        .any(|(name, _)| name == CONTENT_LENGTH.as_str());
    let bytes = Bytes::from(exchange.body);
    let body = if has_length && exchange.trailers.is_empty() && !exchange.aborted {
        Full::new(bytes).map_err(infallible).boxed_unsync()
    } else {
        let mut frames = vec![Ok(Frame::data(bytes))];
        if exchange.aborted {
            frames.push(Err(reset()));
        } else if !exchange.trailers.is_empty() {
            frames.push(Ok(Frame::trailers(header_map(&exchange.trailers))));
        }
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    };
    response.body(body).map_err(io::Error::other)
}

fn infallible(never: Infallible) -> io::Error {
    match never {}
}

fn header_map(fields: &[(String, String)]) -> HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            Some((name, value.parse().ok()?))
        })
        .collect()
}
