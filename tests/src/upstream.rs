//! The API behind Envoy: it answers every request alike and remembers what it saw.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use host_sim::target::{Upstream as Answer, UpstreamRequest};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::body::{Chunks, fields, header_map};

/// The header by which a request is recognized wherever it turns up: here, and in Envoy's access log.
pub const EXCHANGE: &str = "x-exchange";

/// A server on a free port of 127.0.0.1, for HTTP/1.1 and HTTP/2. It ends when dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

/// What it saw, by exchange. A request is in here as soon as its headers are, whatever becomes of its body.
#[derive(Debug, Default)]
struct Seen(Mutex<HashMap<String, UpstreamRequest>>);

impl Upstream {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the answer cannot be expressed in HTTP or there is no free port.
    pub async fn start(answer: &Answer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let response = Arc::new(Response {
            status: StatusCode::from_u16(answer.status)?,
            headers: header_map(&answer.headers)?,
            body: Bytes::from(answer.body.clone()),
            trailers: header_map(&answer.trailers)?,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&seen), response));
        Ok(Self {
            address,
            seen,
            server,
        })
    }

    /// What it saw of this exchange, if anything.
    #[must_use]
    pub fn take(&self, exchange: &str) -> Option<UpstreamRequest> {
        self.seen.with(|seen| seen.remove(exchange))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Seen {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, UpstreamRequest>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What it answers, ready to be sent.
#[derive(Debug)]
struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

async fn serve(listener: TcpListener, seen: Arc<Seen>, response: Arc<Response>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, response) = (Arc::clone(&seen), Arc::clone(&response));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                answer(request, Arc::clone(&seen), Arc::clone(&response))
            });
            // Envoy hangs up when it is stopped.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    seen: Arc<Seen>,
    response: Arc<Response>,
) -> anyhow::Result<http::Response<Chunks>> {
    let (mut head, body) = request.into_parts();
    let exchange = head
        .headers
        .remove(EXCHANGE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let exchange = exchange.unwrap_or_default();
    let request = UpstreamRequest {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: fields(&head.headers),
        body: Vec::new(),
    };
    seen.with(|seen| seen.insert(exchange.clone(), request));
    let body = body.collect().await?.to_bytes();
    seen.with(|seen| {
        if let Some(request) = seen.get_mut(&exchange) {
            request.body = body.to_vec();
        }
    });
    let mut answer = http::Response::new(Chunks::new(
        [response.body.clone()],
        response.trailers.clone(),
    ));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers.clone();
    Ok(answer)
}
