//! What the proxy calls: the upstream, and the services that the filter calls itself.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use host_sim::target::{Upstream, UpstreamBehaviour, UpstreamRequest};
use host_sim::{CalloutId, Piece};
use http::Uri;
use tokio::task::{AbortHandle, spawn_local};

use super::http1::client::{CallError, Pool, Response};
use super::outlet::{OutletBody, outlet};
use super::station::{Call, Station};

/// Envoy's default for how long a route waits.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// The world behind the proxy.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    pool: Pool,
    upstream: Option<Uri>,
    clusters: Arc<BTreeMap<String, Uri>>,
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
    pub(super) fn new(upstream: Option<Uri>, clusters: Arc<BTreeMap<String, Uri>>) -> Self {
        Self {
            pool: Pool::default(),
            upstream,
            clusters,
        }
    }

    /// Sends a forwarded request to the upstream and tells what it does.
    pub(super) fn forward(
        &self,
        station: &Rc<Station>,
        call: Call,
        request: UpstreamRequest,
        body: OutletBody,
    ) -> Forwarding {
        let (pool, upstream) = (self.pool.clone(), self.upstream.clone());
        let station = Rc::clone(station);
        let task = spawn_local(async move {
            let Some(upstream) = upstream else {
                return station.respond(call, 200, &[], true);
            };
            let level = body.level();
            let answer = pool.send(&upstream, &request, body);
            // The route's time begins when the upstream has all of the request.
            let timeout = async {
                level.complete().await;
                tokio::time::sleep(ROUTE_TIMEOUT).await;
            };
            let answer = tokio::select! {
                answer = answer => answer,
                () = timeout => return station.fail(call, UpstreamBehaviour::Timeout),
            };
            match answer {
                Ok(answer) => pass_on(&station, call, answer).await,
                Err(CallError::Unreachable) => station.fail(call, UpstreamBehaviour::Unreachable),
                Err(CallError::Closed) => station.fail(call, UpstreamBehaviour::Reset),
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
        let (pool, service) = (self.pool.clone(), self.clusters.get(cluster).cloned());
        let station = Rc::clone(station);
        spawn_local(async move {
            let answer = match service {
                Some(service) => whole(&pool, &service, request).await,
                None => None,
            };
            station.answer_callout(generation, callout, answer.as_ref());
        });
    }
}

/// Hands an answer on piece by piece, as fast as the client takes it.
async fn pass_on(station: &Rc<Station>, call: Call, mut answer: Response) {
    let ended = answer.is_over();
    station.respond(call, answer.status, &answer.headers, ended);
    let mut over = ended;
    while !over {
        let Ok(piece) = answer.piece().await else {
            return station.break_off(call);
        };
        over = matches!(piece, Piece::Data { end: true, .. });
        station.receive_answer(call, piece);
        station.wants_more_answer(call).await;
    }
    answer.finish().await;
}

/// The whole answer to a request whose body is known, if there is one.
async fn whole(pool: &Pool, base: &Uri, request: UpstreamRequest) -> Option<Upstream> {
    let (outlet, body) = outlet();
    outlet.data(request.body.clone());
    drop(outlet);
    let mut answer = pool.send(base, &request, body).await.ok()?;
    let mut body = Vec::new();
    while !answer.is_over() {
        match answer.piece().await.ok()? {
            Piece::Data { end: true, .. } | Piece::Trailers(_) => break,
            Piece::Data { bytes, .. } => body.extend(bytes),
        }
    }
    let whole = Upstream {
        status: answer.status,
        headers: answer.headers.clone(),
        body,
        ..Upstream::default()
    };
    answer.finish().await;
    Some(whole)
}
