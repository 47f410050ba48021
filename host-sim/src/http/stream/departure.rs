//! How a stream ends whose client leaves, as observed on Envoy 1.40: flags and details by what the client does. The code stays what it is:
//! not found as long as nobody has answered.

use super::HttpStream;
use crate::http::admission;
use crate::http::flag::Flag;
use crate::http::local_response::LocalResponse;
use crate::model::{Departure, ErrorCode, HttpVersion};

impl HttpStream {
    /// The client leaves.
    pub(crate) fn depart(&mut self, departure: Departure) {
        if self.client.ended || self.client.reset {
            return;
        }
        let (flag, details) = match (departure, self.http) {
            (Departure::Usual, HttpVersion::One) | (Departure::Close | Departure::HalfClose, _) => {
                (
                    Flag::DownstreamConnectionTermination,
                    "downstream_remote_disconnect",
                )
            }
            (Departure::Usual, HttpVersion::Two) => reset_with(ErrorCode::CANCEL),
            // To Envoy that is a stream that was closed, as any other whose request is complete.
            (Departure::Reset(ErrorCode::NO_ERROR), _)
                if self.request.is_complete() && self.proxy.version.tells_no_error_apart() =>
            {
                return self.leave();
            }
            (Departure::Reset(code), _) => reset_with(code),
            (Departure::InvalidFrame, _) => (
                Flag::DownstreamProtocolError,
                "codec_error:The_user_callback_function_failed",
            ),
            (Departure::WindowOverflow, _) if !self.proxy.version.tells_overflows_apart() => {
                reset_with(ErrorCode::CANCEL)
            }
            (Departure::WindowOverflow, _) => {
                (Flag::DownstreamProtocolError, "http2.unknown.nghttp2.error")
            }
            (Departure::BrokenChunk, _) => return self.break_chunk(),
        };
        self.flags |= flag.bit();
        self.response_details = Some(details.to_owned());
        self.leave();
    }

    /// Whether nothing can happen before the client sends more.
    pub(crate) fn awaits_client(&self) -> bool {
        self.response.is_none() && self.request.held().is_none() && !self.request.is_complete()
    }

    /// The client sends what is missing of its request.
    pub(crate) fn complete(&mut self, trailers: &[(String, String)]) {
        self.request.arrive(admission::end(trailers, self.http));
    }

    fn leave(&mut self) {
        self.router.get_in_touch();
        self.abort();
    }

    /// The codec cannot read on. It answers as long as it can, as any filter would.
    fn break_chunk(&mut self) {
        const DETAILS: &str = "http1.codec_error";
        self.flags |= Flag::DownstreamProtocolError.bit();
        if self.client.headers.is_none() {
            return self.local_response(&LocalResponse::by_envoy(400, "Bad Request", DETAILS));
        }
        self.response_details = Some(DETAILS.to_owned());
        self.leave();
    }
}

/// `RST_STREAM` with this code, which may also be the codec's own to a request that is malformed.
fn reset_with(code: ErrorCode) -> (Flag, &'static str) {
    match code {
        ErrorCode::PROTOCOL_ERROR => (Flag::DownstreamProtocolError, "http2.remote_reset"),
        ErrorCode::REFUSED_STREAM => (Flag::DownstreamRemoteReset, "http2.remote_refuse"),
        _ => (Flag::DownstreamRemoteReset, "http2.remote_reset"),
    }
}
