//! What was seen of a stream.

use super::HttpStream;
use crate::http::answer;
use crate::http::header_map::HeaderMap;
use crate::http::is_grpc;
use crate::http::local_response::grpc_status_for;
use crate::model::{Exchange, HttpVersion};

impl HttpStream {
    /// The response headers as they were sent.
    pub(crate) fn sent_headers(&self) -> Option<&HeaderMap> {
        self.client.headers.as_ref()
    }

    /// How long the upstream took for all of its answer, in nanoseconds, if it gave one: no time, by a clock that stands still.
    pub(crate) fn backend_latency(&self) -> Option<u64> {
        let answered = self.response_details.as_deref() == Some("via_upstream");
        answered.then_some(0)
    }

    /// The body bytes that were sent.
    pub(crate) fn sent_bytes(&self) -> usize {
        self.client.taken.saturating_add(self.client.body.len())
    }

    /// What these trailers or headers of the response say, or else what its HTTP status means in gRPC; also for responses that are no gRPC
    /// at all.
    pub(crate) fn grpc_status_of(
        &self,
        headers: Option<&HeaderMap>,
        trailers: Option<&HeaderMap>,
    ) -> Option<u32> {
        let status = self.status?;
        let given = |map: Option<&HeaderMap>| map?.number("grpc-status");
        let given = given(trailers).or_else(|| given(headers));
        Some(given.unwrap_or_else(|| grpc_status_for(status.into())))
    }

    /// What the client and the access log saw of this stream; `properties` are the keys of the filter state to report.
    pub(crate) fn exchange(&self, properties: &[String]) -> Exchange {
        let sent = self.client.seen_headers();
        let headers = sent.map(|headers| {
            answer::on_the_wire(headers, self.http, self.client.headers_only, self.head)
        });
        // Without being told otherwise Envoy sends no trailers over HTTP/1.
        let trailers = self
            .client
            .trailers
            .as_ref()
            .filter(|_| self.http == HttpVersion::Two);
        let property = |key: &String| {
            let state = self.filter_state.borrow();
            let value = state.get(key.as_bytes())?;
            Some((key.clone(), String::from_utf8_lossy(value).into_owned()))
        };
        // Clients of HTTP/2 take a reset without an error for an end like others.
        let silent = self.http == HttpVersion::Two
            && !self.proxy.version.resets_with_errors()
            && sent.is_some()
            && self.client.breach.is_none();
        Exchange {
            status: self.status.filter(|_| sent.is_some()).unwrap_or(0),
            headers: headers.unwrap_or_default(),
            body: self.client.body.clone(),
            trailers: trailers.map(HeaderMap::without_pseudo).unwrap_or_default(),
            aborted: self.client.is_cut_off() && !silent,
            starved: self.client.waits_in_vain(),
            properties: properties.iter().filter_map(property).collect(),
            response_code_details: self.response_details.clone(),
            grpc_status: self
                .grpc_status_of(self.client.headers.as_ref(), self.client.trailers.as_ref())
                .filter(|_| is_grpc(&self.request.headers)),
            upstream: None,
        }
    }
}
