//! A service that the plugin calls itself: a real server behind a cluster of Envoy's, for HTTP/1.1 or for Redis's protocol, which can be
//! told to fail.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use host_sim::resp::RespBehaviour;
use host_sim::target::{ServiceBehaviour, Upstream as Answer, UpstreamRequest};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::body::fields;
use crate::reply::Reply;
use crate::upstream::Response;

/// How long to wait for requests that are expected.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;

/// A server on a free port of 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct Service {
    /// Where it listens, unless it is unreachable.
    pub address: SocketAddr,
    /// Whether it speaks HTTP.
    pub http: bool,
    /// Keeps the port while nobody listens there.
    _port: TcpSocket,
    state: Arc<State>,
    /// What takes connections, of a service that can be reached.
    listening: Option<JoinHandle<()>>,
}

/// What its connections share.
#[derive(Debug)]
struct State {
    behaviour: Mutex<ServiceBehaviour>,
    /// Requests that nobody has asked for yet, oldest first.
    seen: watch::Sender<Vec<UpstreamRequest>>,
    /// Tells the connections to end; each of them listens.
    closing: watch::Sender<()>,
    /// Each request that is never answered has this too.
    hanging: Arc<()>,
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When an answer cannot be expressed in HTTP or there is no free port.
    pub async fn start(behaviour: &ServiceBehaviour) -> anyhow::Result<Self> {
        let port = TcpSocket::new_v4()?;
        port.set_reuseport(true)?;
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let mut service = Self {
            address: port.local_addr()?,
            http: !matches!(behaviour, ServiceBehaviour::Resp(_)),
            _port: port,
            state: Arc::new(State {
                behaviour: Mutex::new(ServiceBehaviour::Unreachable),
                seen: watch::Sender::default(),
                closing: watch::Sender::default(),
                hanging: Arc::new(()),
            }),
            listening: None,
        };
        service.behave(behaviour).await?;
        Ok(service)
    }

    /// From now on it behaves so. Requests that it has never answered stay so.
    ///
    /// # Errors
    ///
    /// When an answer cannot be expressed in HTTP, or the port cannot be listened at any more.
    pub async fn behave(&mut self, behaviour: &ServiceBehaviour) -> anyhow::Result<()> {
        if let ServiceBehaviour::Answers(answers) = behaviour {
            for answer in answers {
                Response::new(&answer.answer).context("an answer of a service")?;
            }
        }
        *lock(&self.state.behaviour) = behaviour.clone();
        let reachable = !matches!(
            behaviour,
            ServiceBehaviour::Unreachable | ServiceBehaviour::Resp(RespBehaviour::Unreachable)
        );
        match (reachable, self.listening.take()) {
            (true, None) => {
                // Both sockets have the port, and only one that listens gets connections.
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseport(true)?;
                socket.bind(self.address)?;
                let listener = socket.listen(BACKLOG)?;
                self.listening = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
            }
            (false, Some(listening)) => {
                listening.abort();
                // The port is closed when this is over.
                let _ = listening.await;
                self.state.closing.send_replace(());
            }
            (true, listening @ Some(_)) => self.listening = listening,
            (false, None) => {}
        }
        Ok(())
    }

    /// How many requests there are that it never answers, each over a connection of its own. When it is unreachable, all other
    /// connections end.
    #[must_use]
    pub fn hanging(&self) -> u64 {
        let others = Arc::strong_count(&self.state.hanging).saturating_sub(1);
        u64::try_from(others).unwrap_or(u64::MAX)
    }

    /// Whether it can be reached.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.listening.is_some()
    }

    /// The requests since the previous call, oldest first, as soon as there are this many of them or no more can be expected.
    pub async fn take(&self, expected: usize) -> Vec<UpstreamRequest> {
        let mut seen = self.state.seen.subscribe();
        // Fewer than expected are for the caller to judge.
        let _ = timeout(PATIENCE, seen.wait_for(|seen| seen.len() >= expected)).await;
        self.state.seen.send_replace(Vec::new())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let closing = state.closing.subscribe();
        let behaviour = lock(&state.behaviour).clone();
        if let ServiceBehaviour::Resp(server) = behaviour {
            tokio::spawn(reply(stream, server, Arc::clone(&state)));
        } else {
            tokio::spawn(serve(stream, Arc::clone(&state), closing));
        }
    }
}

/// Serves a connection until the caller closes it, or until it has nothing left to answer and is told to end.
async fn serve(stream: TcpStream, state: Arc<State>, mut closing: watch::Receiver<()>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A caller may hang up at any time, and a service that resets does.
        _ = connection.as_mut() => return,
        _ = closing.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Answers the commands of a callout without HTTP, which is all that comes over a connection.
async fn reply(
    mut stream: TcpStream,
    server: RespBehaviour,
    state: Arc<State>,
) -> anyhow::Result<()> {
    let mut body = Vec::new();
    stream.read_to_end(&mut body).await?;
    let answer = server.answer(&body);
    let request = UpstreamRequest {
        body,
        ..UpstreamRequest::default()
    };
    state.seen.send_modify(|seen| seen.push(request));
    let Some(answer) = answer else {
        let _hanging = Arc::clone(&state.hanging);
        return std::future::pending().await;
    };
    Ok(stream.write_all(&answer).await?)
}

/// What it does with one request. An error hangs up.
async fn answer(
    request: http::Request<Incoming>,
    state: Arc<State>,
) -> anyhow::Result<http::Response<Reply>> {
    let (head, body) = request.into_parts();
    let path = head
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let request = UpstreamRequest {
        method: head.method.to_string(),
        path: path.clone(),
        headers: fields(&head.headers),
        body: body.collect().await?.to_bytes().to_vec(),
        ..UpstreamRequest::default()
    };
    let behaviour = lock(&state.behaviour).clone();
    state.seen.send_modify(|seen| seen.push(request));
    match behaviour {
        ServiceBehaviour::Answers(_) => {
            let answer: Answer = behaviour.answer(&path).unwrap_or_default();
            Ok(Response::new(&answer)?.whole())
        }
        ServiceBehaviour::Hang => {
            let _hanging = Arc::clone(&state.hanging);
            std::future::pending().await
        }
        // No scenario can ask for the others, and without HTTP no request comes here.
        ServiceBehaviour::Reset
        | ServiceBehaviour::Unreachable
        | ServiceBehaviour::ResetAfterHeaders
        | ServiceBehaviour::Resp(_)
        | ServiceBehaviour::Function(_) => {
            anyhow::bail!("the request is to be reset")
        }
    }
}
