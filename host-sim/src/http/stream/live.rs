//! Streams whose upstream is outside of the simulation.

use super::HttpStream;
use crate::http::answer;
use crate::http::header_map::HeaderMap;
use crate::http::message::Message;
use crate::model::{UpstreamBehaviour, UpstreamRequest};

/// What was seen of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The status that the client got; 0 without any answer.
    pub status: u16,
    /// The body that the client got.
    pub body: Vec<u8>,
    /// The values of the filter state under the keys that were asked for, in their order.
    pub properties: Vec<Option<String>>,
}

/// What has passed the filters on its way to the upstream.
#[derive(Debug)]
pub(crate) struct PassedOn {
    /// The request without its body, if it has not been asked for yet.
    pub(crate) request: Option<UpstreamRequest>,
    pub(crate) bytes: Vec<u8>,
    /// What comes behind the body, once that is over.
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) end: bool,
}

/// What has passed the filters on its way to the client.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The status and the headers, if they have not been asked for yet.
    pub(crate) head: Option<(u16, Vec<(String, String)>)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) end: bool,
}

impl HttpStream {
    /// Writes down what was seen of this stream that is over, with these keys of the filter state.
    pub(crate) fn ending(&mut self, keys: &[impl AsRef<[u8]>], ending: &mut Ending) {
        let status = self.status.filter(|_| self.client.headers.is_some());
        ending.status = status.unwrap_or(0);
        ending.body = std::mem::take(&mut self.client.body);
        ending.properties.resize(keys.len(), None);
        let state = self.filter_state.borrow();
        for (key, place) in keys.iter().zip(&mut ending.properties) {
            let Some(value) = state.get(key.as_ref()) else {
                *place = None;
                continue;
            };
            let place = place.get_or_insert_default();
            // Most calls end like the one before.
            if place.as_bytes() == value {
                continue;
            }
            place.clear();
            match std::str::from_utf8(value) {
                Ok(value) => place.push_str(value),
                Err(_) => place.push_str(&String::from_utf8_lossy(value)),
            }
        }
    }

    /// The request as far as it has passed the filter.
    pub(crate) fn forwarded(&self) -> Option<UpstreamRequest> {
        Some(self.router.request.as_ref()?.request())
    }

    /// What the upstream has done now.
    pub(crate) fn answered_with(&mut self, behaviour: UpstreamBehaviour) {
        self.router.behaviour = behaviour;
        self.router.held = false;
    }

    /// What has passed since this was last asked.
    pub(crate) fn take_forwarded(&mut self) -> Option<PassedOn> {
        let router = &mut self.router;
        let request = router.request.as_mut()?;
        let bytes = request.take_body();
        let (headers, ended) = router.told;
        let trailers = request.trailers.as_ref();
        let trailers = trailers.filter(|_| router.request_ended && !ended);
        let trailers = trailers.map(HeaderMap::without_pseudo).unwrap_or_default();
        router.told = (true, router.request_ended);
        let forwarded = PassedOn {
            request: (!headers).then(|| request.request()),
            bytes,
            trailers,
            end: router.request_ended,
        };
        let new = !headers || !forwarded.bytes.is_empty() || ended != forwarded.end;
        new.then_some(forwarded)
    }

    /// What the client has got since this was last asked.
    pub(crate) fn take_sent(&mut self) -> Option<Sent> {
        let client = &mut self.client;
        let headers = client.seen_headers()?;
        let told = client.told;
        let head = (!told).then(|| {
            let status = self.status.unwrap_or_default();
            let sent = answer::on_the_wire(headers, self.http, client.headers_only, self.head);
            (status, sent)
        });
        let bytes = std::mem::take(&mut client.body);
        client.told = true;
        client.taken = client.taken.saturating_add(bytes.len());
        let end = client.ended && !client.is_cut_off();
        let trailers = client.trailers.as_ref().filter(|_| end);
        let sent = Sent {
            head,
            trailers: trailers.map(HeaderMap::without_pseudo).unwrap_or_default(),
            end,
            bytes,
        };
        let new = sent.head.is_some() || !sent.bytes.is_empty() || end;
        new.then_some(sent)
    }

    /// How many bytes wait because the filter holds them.
    pub(crate) fn backlog(&self) -> usize {
        let response = self.response.as_ref().map_or(0, Message::backlog);
        self.request.backlog().saturating_add(response)
    }
}
