//! The API behind Envoy: it answers every request alike, unless told otherwise, and remembers what it saw.

mod plan;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host_sim::target::{Upstream as Answer, UpstreamBehaviour, UpstreamRequest};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use crate::body::fields;
use crate::reply::Reply;
pub use plan::Hold;
pub(crate) use plan::Response;
use plan::{Action, Plan};

/// The header by which a request is recognized wherever it turns up: here, and in Envoy's access log.
pub const EXCHANGE: &str = "x-exchange";

/// A server on a free port of 127.0.0.1, for HTTP/1.1 and HTTP/2. It ends when dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where nobody listens.
    pub nowhere: SocketAddr,
    /// Keeps that port from being given to somebody else.
    _nowhere: TcpSocket,
    usual: Answer,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// What it knows of requests, by exchange.
#[derive(Debug)]
struct State {
    /// A request is in here as soon as its headers are, whatever becomes of its body.
    seen: Mutex<HashMap<String, UpstreamRequest>>,
    /// What is to be done with requests that are not answered as usual.
    plans: Mutex<HashMap<String, Plan>>,
    /// How often it has redirected requests in a way that Envoy follows.
    redirected: Mutex<HashMap<String, usize>>,
    usual: Action,
}

impl Upstream {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the answer cannot be expressed in HTTP or there is no free port.
    pub async fn start(answer: &Answer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let nowhere = TcpSocket::new_v4()?;
        nowhere.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let state = Arc::new(State {
            seen: Mutex::default(),
            plans: Mutex::default(),
            redirected: Mutex::default(),
            usual: Action::new(&UpstreamBehaviour::default(), answer)?,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            nowhere: nowhere.local_addr()?,
            _nowhere: nowhere,
            usual: answer.clone(),
            state,
            server,
        })
    }

    /// Says what it does with an exchange, and whether it holds the exchange until it is released.
    ///
    /// # Errors
    ///
    /// When the answer cannot be expressed in HTTP.
    pub fn plan(
        &self,
        exchange: &str,
        behaviour: &UpstreamBehaviour,
        held: bool,
    ) -> anyhow::Result<Hold> {
        let (plan, hold) = plan::plan(Action::new(behaviour, &self.usual)?, held);
        lock(&self.state.plans).insert(exchange.to_owned(), plan);
        Ok(hold)
    }

    /// Whether it has seen the head of this exchange.
    #[must_use]
    pub fn has_seen(&self, exchange: &str) -> bool {
        lock(&self.state.seen).contains_key(exchange)
    }

    /// Of how many legs an exchange is: of one more for each redirect that Envoy follows.
    #[must_use]
    pub fn legs(&self, exchange: &str) -> usize {
        let redirected = lock(&self.state.redirected).get(exchange).copied();
        redirected.unwrap_or(0).saturating_add(1)
    }

    /// What it saw of this exchange, if anything.
    #[must_use]
    pub fn take(&self, exchange: &str) -> Option<UpstreamRequest> {
        lock(&self.state.plans).remove(exchange);
        lock(&self.state.redirected).remove(exchange);
        lock(&self.state.seen).remove(exchange)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            // Envoy hangs up when it is stopped.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    state: Arc<State>,
) -> anyhow::Result<http::Response<Reply>> {
    let (mut head, mut body) = request.into_parts();
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
        ..UpstreamRequest::default()
    };
    lock(&state.seen).insert(exchange.clone(), request);
    let plan = lock(&state.plans).get(&exchange).cloned();
    let plan = plan.unwrap_or_else(|| plan::plan(state.usual.clone(), false).0);
    plan.begins();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
            plan.receives(data.len());
        }
    }
    if let Some(request) = lock(&state.seen).get_mut(&exchange) {
        request.body = bytes;
    }
    let place = head.uri.path_and_query().map(ToString::to_string);
    let place = place.unwrap_or_default();
    if plan.redirects(&place) {
        let mut redirected = lock(&state.redirected);
        let times = redirected.entry(exchange).or_default();
        *times = times.saturating_add(1);
    }
    plan.act(&head.method, &place).await
}
