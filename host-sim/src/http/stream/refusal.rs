//! Requests that no filter ever sees, because Envoy refuses them at once, and answers behind which it closes the connection.

use super::HttpStream;
use crate::http::codec::Refusal;
use crate::http::local_response::LocalResponse;
use crate::model::HttpVersion;

impl HttpStream {
    /// The codec or the connection manager refuses the request.
    pub(super) fn refuse_at_once(&mut self, refusal: &Refusal) {
        self.flags |= refusal.flags;
        self.response_details = Some(refusal.answer.details.clone());
        self.refused = true;
        self.is_logged = refusal.is_logged;
        self.request.close();
        if refusal.answer.status == 0 {
            self.client.reset = true;
            return;
        }
        if refusal.closes {
            self.closes = Some(true);
        }
        let (headers, body) = refusal.answer.render(self.grpc, self.head);
        self.send_headers(headers, body.is_none());
        self.client.take(body.unwrap_or_default(), true);
    }

    /// Whether no filter ever sees it.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether filters hear of it in the end.
    pub(crate) fn is_logged(&self) -> bool {
        self.is_logged
    }

    /// A local response may close the connection: one that says 400.
    pub(super) fn close_behind(&mut self, local: &LocalResponse) {
        if local.status == 400 && self.http == HttpVersion::One {
            self.closes = Some(true);
        }
    }
}
