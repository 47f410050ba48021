//! The protocols in which clients read answers: HTTP, gRPC and gRPC-Web.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::LocalResponse;

/// In which protocol a call's client reads its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A status, header fields and a body.
    #[default]
    Http,
    /// 200 without a body, and what gRPC has to say in header fields ("Trailers-Only", gRPC, `doc/PROTOCOL-HTTP2.md`).
    ///
    /// Such an answer is understood by the client itself, and by the filters in front of this one that translate for others:
    /// `grpc_json_transcoder`, `grpc_web`, `grpc_http1_bridge`, `connect_grpc_bridge`. An answer with a body is not: the transcoder
    /// passes it on as text, and `grpc_web` takes its status for `UNAVAILABLE`, which clients repeat.
    Grpc,
    /// 200 with a body that holds what gRPC says in trailers (gRPC, `doc/PROTOCOL-WEB.md`), for a client whose calls no filter in front of
    /// this one translates. It could be in header fields as well, but Envoy takes the content type from an answer without a body.
    GrpcWeb {
        /// Whether bodies are in base64.
        text: bool,
    },
}

/// What may not stand in `grpc-message` as it is: all but a space and the visible characters of ASCII, and the percent sign (gRPC,
/// `doc/PROTOCOL-HTTP2.md`, "Percent-Encoded").
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// The first byte of a frame of gRPC-Web that holds trailers.
const TRAILERS: u8 = 0x80;

impl Protocol {
    /// The protocol of a call with this content type. `application/grpc` counts alone or with a suffix such as `+proto`, as it does for
    /// Envoy (`source/common/grpc/common.cc`).
    #[must_use]
    pub fn of(content_type: &[u8]) -> Self {
        let Some(rest) = content_type.strip_prefix(b"application/grpc") else {
            return Self::Http;
        };
        let (web, rest) = strip(rest, b"-web");
        let (text, rest) = if web {
            strip(rest, b"-text")
        } else {
            (false, rest)
        };
        match (web, rest) {
            (false, [] | [b'+', ..]) => Self::Grpc,
            (true, [] | [b'+' | b';' | b' ', ..]) => Self::GrpcWeb { text },
            _ => Self::Http,
        }
    }
}

/// `text` without `prefix`, and whether it had it.
fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> (bool, &'a [u8]) {
    text.strip_prefix(prefix)
        .map_or((false, text), |rest| (true, rest))
}

impl LocalResponse {
    /// The response as a client reads it that speaks this protocol. Its other header fields stay, such as `retry-after`.
    #[must_use]
    pub fn spoken(self, protocol: Protocol) -> Self {
        let text = match protocol {
            Protocol::Http => return self,
            Protocol::Grpc => None,
            Protocol::GrpcWeb { text } => Some(text),
        };
        let status = (self.grpc_status as i32).to_string();
        let message = utf8_percent_encode(&self.message, MESSAGE).to_string();
        let content_type = match text {
            None => "application/grpc",
            Some(false) => "application/grpc-web+proto",
            Some(true) => "application/grpc-web-text+proto",
        };
        let mut headers = vec![("content-type", content_type.to_owned())];
        let others = self.headers.into_iter();
        headers.extend(others.filter(|(name, _)| *name != "content-type"));
        let body = match text {
            None => {
                headers.push(("grpc-status", status));
                headers.push(("grpc-message", message));
                Vec::new()
            }
            Some(text) => trailers(&status, &message, text),
        };
        Self {
            status: 200,
            headers,
            body,
            ..self
        }
    }
}

/// The frame that holds the trailers.
fn trailers(status: &str, message: &str, text: bool) -> Vec<u8> {
    let fields = format!("grpc-status: {status}\r\ngrpc-message: {message}\r\n");
    let length = u32::try_from(fields.len()).unwrap_or(u32::MAX);
    let mut frame = vec![TRAILERS];
    frame.extend(length.to_be_bytes());
    frame.extend(fields.into_bytes());
    if text {
        STANDARD.encode(frame).into_bytes()
    } else {
        frame
    }
}
