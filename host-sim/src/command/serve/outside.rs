//! What the proxy calls: the upstream, and the services that the filter calls itself.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use host_sim::target::{BrokenOff, HttpVersion, Upstream, UpstreamBehaviour, UpstreamRequest};
use host_sim::{CalloutId, Piece};
use http::Uri;
use tokio::task::{AbortHandle, spawn_local};

use super::outlet::{OutletBody, outlet};
use super::station::{CallKey, Station};
use super::{http1, http2};
use crate::command::plugin::Protocol;

/// Where a cluster's requests go, and how.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) uri: Uri,
    pub(super) protocol: Protocol,
}

/// The world behind the proxy.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    connections: Connections,
    upstream: Option<Origin>,
    clusters: Arc<BTreeMap<String, Origin>>,
}

/// Connections that there are, of either version.
#[derive(Clone, Debug, Default)]
struct Connections {
    one: http1::client::Pool,
    two: http2::Connections,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nobody listens.
    Unreachable,
    /// The other side broke off.
    Broken(BrokenOff),
}

/// An answer that has begun, over either version.
enum Response {
    One(http1::client::Response),
    Two(http2::Response),
}

impl Connections {
    async fn send(
        &self,
        origin: &Origin,
        client: HttpVersion,
        request: &UpstreamRequest,
        body: OutletBody,
    ) -> Result<Response, CallError> {
        let uri = &origin.uri;
        Ok(match origin.protocol.spoken_with(client) {
            HttpVersion::One => Response::One(self.one.send(uri, request, body).await?),
            HttpVersion::Two => Response::Two(self.two.send(uri, request, body).await?),
        })
    }
}

impl Response {
    fn head(&self) -> (u16, &[(String, String)]) {
        match self {
            Self::One(answer) => (answer.status, &answer.headers),
            Self::Two(answer) => (answer.status, &answer.headers),
        }
    }

    /// Whether the answer has no body.
    fn is_over(&self) -> bool {
        match self {
            Self::One(answer) => answer.is_over(),
            Self::Two(answer) => answer.is_over(),
        }
    }

    /// The next piece of the body, or how it breaks off.
    async fn piece(&mut self) -> Result<Piece, BrokenOff> {
        match self {
            Self::One(answer) => answer.piece().await.map_err(|_| BrokenOff::Malformed),
            Self::Two(answer) => answer.piece().await,
        }
    }

    /// The answer is over.
    async fn finish(self) {
        if let Self::One(answer) = self {
            answer.finish().await;
        }
    }
}

/// A request on its way to the upstream. Dropping it gives it up.
#[derive(Debug)]
pub(super) struct Forwarding(AbortHandle);

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Outside {
    pub(super) fn new(upstream: Option<Origin>, clusters: Arc<BTreeMap<String, Origin>>) -> Self {
        Self {
            connections: Connections::default(),
            upstream,
            clusters,
        }
    }

    /// The version of HTTP that the upstream speaks with this client.
    pub(super) fn spoken_with(&self, client: HttpVersion) -> HttpVersion {
        let upstream = self.upstream.as_ref();
        upstream.map_or(client, |upstream| upstream.protocol.spoken_with(client))
    }

    /// Sends a forwarded request of a client to the upstream and tells what it does.
    pub(super) fn forward(
        &self,
        station: &Rc<Station>,
        (call, client): (CallKey, HttpVersion),
        request: UpstreamRequest,
        body: OutletBody,
    ) -> Forwarding {
        let (connections, upstream) = (self.connections.clone(), self.upstream.clone());
        let station = Rc::clone(station);
        let task = spawn_local(async move {
            let Some(upstream) = upstream else {
                return station.respond(call, 200, &[], true);
            };
            // The simulation watches the route's time-out.
            let answer = connections.send(&upstream, client, &request, body);
            match answer.await {
                Ok(answer) => pass_on(&station, call, answer).await,
                Err(CallError::Unreachable) => station.fail(call, UpstreamBehaviour::Unreachable),
                Err(CallError::Broken(how)) => station.break_off(call, how),
            }
        });
        Forwarding(task.abort_handle())
    }

    /// Sends a callout and tells the answer, if there is one. The simulation watches its time-out.
    pub(super) fn call_out(
        &self,
        station: &Rc<Station>,
        generation: u64,
        callout: CalloutId,
        cluster: &str,
        request: UpstreamRequest,
    ) {
        let service = self.clusters.get(cluster).cloned();
        let connections = self.connections.clone();
        let station = Rc::clone(station);
        spawn_local(async move {
            let answer = match service {
                Some(service) => whole(&connections, &service, request).await,
                None => None,
            };
            station.answer_callout(generation, callout, answer.as_ref());
        });
    }
}

/// Hands an answer on piece by piece, as fast as the client takes it.
async fn pass_on(station: &Rc<Station>, call: CallKey, mut answer: Response) {
    let ended = answer.is_over();
    let (status, headers) = answer.head();
    station.respond(call, status, headers, ended);
    let mut over = ended;
    while !over {
        let piece = match answer.piece().await {
            Ok(piece) => piece,
            Err(how) => return station.break_off(call, how),
        };
        over = !matches!(piece, Piece::Data { end: false, .. });
        station.receive_answer(call, piece);
        station.wants_more_answer(call).await;
    }
    answer.finish().await;
}

/// The whole answer to a request whose body is known, if there is one.
async fn whole(
    connections: &Connections,
    service: &Origin,
    request: UpstreamRequest,
) -> Option<Upstream> {
    let (outlet, body) = outlet();
    outlet.data(request.body.clone());
    drop(outlet);
    let mut answer = connections
        .send(service, HttpVersion::One, &request, body)
        .await
        .ok()?;
    let mut body = Vec::new();
    while !answer.is_over() {
        match answer.piece().await.ok()? {
            Piece::Data { end: true, .. } | Piece::Trailers(_) => break,
            Piece::Data { bytes, .. } => body.extend(bytes),
        }
    }
    let (status, headers) = answer.head();
    let whole = Upstream {
        status,
        headers: headers.to_vec(),
        body,
        ..Upstream::default()
    };
    answer.finish().await;
    Some(whole)
}
