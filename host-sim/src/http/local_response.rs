//! The answer that a filter, or Envoy itself, gives in place of the upstream (`Http::Utility::prepareLocalReply`).

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::abi::pairs::Pairs;
use crate::http::header_map::HeaderMap;

/// What is to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalResponse {
    pub(crate) status: u32,
    pub(crate) details: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Pairs,
    pub(crate) grpc_status: Option<u32>,
}

impl LocalResponse {
    /// An answer of Envoy's own.
    pub(crate) fn by_envoy(status: u32, body: &str, details: &str) -> Self {
        Self {
            status,
            details: details.to_owned(),
            body: body.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// `response.code` from now until the headers are sent, which say 200 where they are gRPC-shaped.
    pub(crate) fn code(&self) -> Option<u16> {
        u16::try_from(self.status).ok()
    }

    /// The response for a request of this shape: headers, and a body unless there is none.
    pub(crate) fn render(&self, grpc: bool, head: bool) -> (HeaderMap, Option<Vec<u8>>) {
        let mut headers = HeaderMap::of_response();
        headers.add(":status", self.status.to_string());
        for (name, value) in &self.headers {
            // The status is said once.
            if !name.eq_ignore_ascii_case(b":status") {
                headers.add(name, value);
            }
        }
        if grpc {
            self.shape_for_grpc(&mut headers, head);
            return (headers, None);
        }
        if self.body.is_empty() {
            headers.remove("content-length");
            headers.remove("content-type");
            return (headers, None);
        }
        headers.set("content-length", self.body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.set("content-type", "text/plain");
        }
        (headers, (!head).then(|| self.body.clone()))
    }

    /// A trailers-only answer: everything is in the headers, and HTTP itself always says 200.
    /// An answer to HEAD does not say why.
    fn shape_for_grpc(&self, headers: &mut HeaderMap, head: bool) {
        headers.set(":status", "200");
        headers.set("content-type", "application/grpc");
        if headers.get("grpc-status").is_none_or(<[u8]>::is_empty) {
            let status = self
                .grpc_status
                .unwrap_or_else(|| grpc_status_for(self.status));
            headers.set("grpc-status", status.to_string());
        }
        let silent = head || self.body.is_empty();
        if !silent && headers.get("grpc-message").is_none_or(<[u8]>::is_empty) {
            headers.set(
                "grpc-message",
                percent_encode(&self.body, GRPC_MESSAGE).to_string(),
            );
        }
        headers.remove("content-length");
    }
}

/// What Envoy escapes in `grpc-message`: everything outside of ` `..`}`, and the percent sign.
const GRPC_MESSAGE: &AsciiSet = &CONTROLS.add(b'%').add(b'~');

/// The gRPC status that stands for an HTTP one (`Grpc::Utility::httpToGrpcStatus`).
pub(crate) fn grpc_status_for(http: u32) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(body: &str, headers: &[(&str, &str)], grpc_status: Option<u32>) -> LocalResponse {
        LocalResponse {
            headers: headers
                .iter()
                .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
                .collect(),
            grpc_status,
            ..LocalResponse::by_envoy(429, body, "")
        }
    }

    fn check(
        local: &LocalResponse,
        grpc: bool,
        head: bool,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) {
        let (observed, observed_body) = local.render(grpc, head);
        let observed: Vec<_> = observed
            .iter()
            .map(|(name, value)| [name, value].map(|text| std::str::from_utf8(text).unwrap()))
            .map(|[name, value]| (name, value))
            .collect();
        assert_eq!(
            (observed.as_slice(), observed_body.as_deref()),
            (headers, body.map(str::as_bytes))
        );
    }

    #[test]
    fn a_body_brings_its_length_and_a_type_unless_one_is_given() {
        let plain = [
            (":status", "429"),
            ("content-length", "4"),
            ("content-type", "text/plain"),
        ];
        check(
            &local("body", &[], None),
            false,
            false,
            &plain,
            Some("body"),
        );
        let json = [
            (":status", "429"),
            ("content-type", "application/json"),
            ("content-length", "4"),
        ];
        check(
            &local("body", &[("Content-Type", "application/json")], None),
            false,
            false,
            &json,
            Some("body"),
        );
    }

    #[test]
    fn without_a_body_there_is_neither_length_nor_type() {
        let given = [
            ("content-type", "a/b"),
            ("content-length", "7"),
            ("x", "1"),
            ("x", "2"),
        ];
        check(
            &local("", &given, None),
            false,
            false,
            &[(":status", "429"), ("x", "1"), ("x", "2")],
            None,
        );
    }

    #[test]
    fn head_gets_the_headers_only() {
        let plain = [
            (":status", "429"),
            ("content-length", "4"),
            ("content-type", "text/plain"),
        ];
        check(&local("body", &[], None), false, true, &plain, None);
    }

    #[test]
    fn grpc_gets_everything_in_the_headers() {
        let mapped = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", "50%25 %C3%A4%7E %0A"),
        ];
        check(
            &local("50% ä~ \n", &[("content-length", "3")], None),
            true,
            false,
            &mapped,
            None,
        );
        let given = [
            (":status", "200"),
            ("grpc-message", "mine"),
            ("content-type", "application/grpc"),
            ("grpc-status", "8"),
        ];
        check(
            &local("body", &[("grpc-message", "mine")], Some(8)),
            true,
            false,
            &given,
            None,
        );
    }
}
