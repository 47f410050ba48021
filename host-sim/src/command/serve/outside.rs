//! What the proxy calls: the upstream, and the services that the filter calls itself.

use std::collections::BTreeMap;
use std::time::Duration;

use host_sim::target::{AnswerOverride, Upstream, UpstreamBehaviour, UpstreamRequest};
use http::Uri;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Handle;

/// Envoy's default for how long a route waits.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// The world behind the proxy.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    runtime: Handle,
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: Option<Uri>,
    clusters: BTreeMap<String, Uri>,
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
    pub(super) fn new(
        runtime: Handle,
        upstream: Option<Uri>,
        clusters: BTreeMap<String, Uri>,
    ) -> Self {
        Self {
            runtime,
            client: Client::builder(TokioExecutor::new()).build_http(),
            upstream,
            clusters,
        }
    }

    /// The clusters that there are.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &str> {
        self.clusters.keys().map(String::as_str)
    }

    /// Sends a forwarded request to the upstream and tells what it did.
    pub(super) fn forward(
        &self,
        request: UpstreamRequest,
        tell: impl FnOnce(UpstreamBehaviour) + Send + 'static,
    ) {
        let Some(upstream) = self.upstream.clone() else {
            return tell(UpstreamBehaviour::default());
        };
        let client = self.client.clone();
        self.runtime.spawn(async move {
            let answer = tokio::time::timeout(ROUTE_TIMEOUT, call(&client, &upstream, &request));
            tell(match answer.await {
                Err(_) => UpstreamBehaviour::Timeout,
                Ok(Err(CallError::Call(error))) if error.is_connect() => {
                    UpstreamBehaviour::Unreachable
                }
                Ok(Err(_)) => UpstreamBehaviour::Reset,
                Ok(Ok(answer)) => UpstreamBehaviour::Answer(AnswerOverride {
                    status: Some(answer.status),
                    headers: Some(answer.headers),
                    body: Some(answer.body),
                    trailers: Some(answer.trailers),
                    streams: false,
                }),
            });
        });
    }

    /// Sends a callout and tells the answer, if there is one. The simulation watches its time-out.
    pub(super) fn call_out(
        &self,
        cluster: &str,
        request: UpstreamRequest,
        tell: impl FnOnce(Option<Upstream>) + Send + 'static,
    ) {
        let Some(service) = self.clusters.get(cluster).cloned() else {
            return tell(None);
        };
        let client = self.client.clone();
        self.runtime.spawn(async move {
            tell(call(&client, &service, &request).await.ok());
        });
    }
}

async fn call(
    client: &Client<HttpConnector, Full<Bytes>>,
    base: &Uri,
    request: &UpstreamRequest,
) -> Result<Upstream, CallError> {
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
    for (name, value) in &request.headers {
        // The client frames the body itself.
        if name != CONTENT_LENGTH.as_str() && name != TRANSFER_ENCODING.as_str() {
            let name = if name == ":authority" {
                HOST.as_str()
            } else {
                name
            };
            if !name.starts_with(':') && name != CONNECTION.as_str() {
                builder = builder.header(name, value);
            }
        }
    }
    let request = builder.body(Full::new(Bytes::from(request.body.clone())))?;
    let (head, body) = client.request(request).await?.into_parts();
    let collected = body.collect().await?;
    let texts = |headers: &http::HeaderMap| {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let pairs = headers.iter();
        pairs
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    };
    Ok(Upstream {
        status: head.status.as_u16(),
        headers: texts(&head.headers),
        trailers: collected.trailers().map(texts).unwrap_or_default(),
        body: collected.to_bytes().to_vec(),
    })
}
