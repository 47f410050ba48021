//! What the proxy calls: the upstream, and the services that the filter calls itself.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use host_sim::target::{Upstream, UpstreamBehaviour, UpstreamRequest};
use host_sim::{CalloutId, Piece};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::{AbortHandle, spawn_local};

use super::outlet::{OutletBody, outlet};
use super::station::{Call, Station};

/// Envoy's default for how long a route waits.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// The world behind the proxy.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    client: Client<HttpConnector, OutletBody>,
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

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Request(#[from] http::Error),
    #[error(transparent)]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error(transparent)]
    Body(#[from] hyper::Error),
}

impl Outside {
    pub(super) fn new(upstream: Option<Uri>, clusters: Arc<BTreeMap<String, Uri>>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
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
        let (client, upstream) = (self.client.clone(), self.upstream.clone());
        let station = Rc::clone(station);
        let task = spawn_local(async move {
            let Some(upstream) = upstream else {
                return station.respond(call, 200, &[], true);
            };
            let level = body.level();
            let answer = send(&client, &upstream, &request, body);
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
                Err(CallError::Call(error)) if error.is_connect() => {
                    station.fail(call, UpstreamBehaviour::Unreachable);
                }
                Err(_) => station.fail(call, UpstreamBehaviour::Reset),
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
        let (client, service) = (self.client.clone(), self.clusters.get(cluster).cloned());
        let station = Rc::clone(station);
        spawn_local(async move {
            let answer = match service {
                Some(service) => whole(&client, &service, request).await.ok(),
                None => None,
            };
            station.answer_callout(generation, callout, answer.as_ref());
        });
    }
}

/// Hands an answer on piece by piece, as fast as the client takes it.
async fn pass_on(station: &Rc<Station>, call: Call, answer: Response<Incoming>) {
    let (head, mut body) = answer.into_parts();
    let http1 = head.version != Version::HTTP_2;
    let ended = body.is_end_stream();
    station.respond(call, head.status.as_u16(), &texts(&head.headers), ended);
    if ended {
        return;
    }
    loop {
        let piece = match body.frame().await {
            None => Piece::Data {
                bytes: Vec::new(),
                end: true,
            },
            Some(Err(_)) => return station.break_off(call),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Piece::Data {
                    bytes: bytes.to_vec(),
                    end: false,
                },
                // Over HTTP/1 Envoy passes over them.
                Err(_) if http1 => Piece::Data {
                    bytes: Vec::new(),
                    end: true,
                },
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    Piece::Trailers(texts(&trailers))
                }
            },
        };
        let last = !matches!(piece, Piece::Data { end: false, .. });
        station.receive_answer(call, piece);
        if last {
            return;
        }
        station.wants_more_answer(call).await;
    }
}

async fn send(
    client: &Client<HttpConnector, OutletBody>,
    base: &Uri,
    request: &UpstreamRequest,
    body: OutletBody,
) -> Result<Response<Incoming>, CallError> {
    let mut uri = base.clone().into_parts();
    uri.path_and_query = Some(
        request
            .path
            .parse()
            .map_err(|error| CallError::Request(http::Error::from(error)))?,
    );
    let uri = Uri::from_parts(uri).map_err(http::Error::from)?;
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri);
    let has_host = request
        .headers
        .iter()
        .any(|(name, _)| name == HOST.as_str());
    if !has_host && !request.authority.is_empty() {
        builder = builder.header(HOST, &request.authority);
    }
    for (name, value) in &request.headers {
        let name = match name.as_str() {
            ":authority" => HOST.as_str(),
            // The client frames a body in chunks by itself.
            name if name == TRANSFER_ENCODING.as_str() || name == CONNECTION.as_str() => continue,
            name if name.starts_with(':') => continue,
            name => name,
        };
        builder = builder.header(name, value);
    }
    Ok(client.request(builder.body(body)?).await?)
}

/// A request whose body is known, and the whole answer.
async fn whole(
    client: &Client<HttpConnector, OutletBody>,
    base: &Uri,
    request: UpstreamRequest,
) -> Result<Upstream, CallError> {
    let (outlet, body) = outlet();
    outlet.data(request.body.clone());
    drop(outlet);
    let (head, body) = send(client, base, &request, body).await?.into_parts();
    let collected = body.collect().await?;
    Ok(Upstream {
        status: head.status.as_u16(),
        headers: texts(&head.headers),
        trailers: collected.trailers().map(texts).unwrap_or_default(),
        body: collected.to_bytes().to_vec(),
    })
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
