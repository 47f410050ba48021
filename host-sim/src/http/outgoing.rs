//! A request on its way to an upstream: what the router and the codec refuse, and what is sent.

use super::answer::framed_once;
use super::header_map::HeaderMap;
use super::local_response::LocalResponse;
use super::{is_token_byte, is_upgrade, is_value};
use crate::model::{HttpVersion, UpstreamRequest};

/// Whether the route's prefix `/` matches. Without `x-forwarded-proto` no virtual host does.
pub(crate) fn has_route(headers: &HeaderMap) -> bool {
    let path = headers.get(":path").unwrap_or_default();
    let scheme = headers.get("x-forwarded-proto").unwrap_or_default();
    path.first() == Some(&b'/') && !scheme.is_empty()
}

/// Why the codec does not send a request, if it does not (`HeaderUtility::checkRequiredRequestHeaders`, `checkValidRequestHeaders`).
pub(crate) fn refusal(headers: &HeaderMap) -> Option<LocalResponse> {
    let reason = missing(headers).or_else(|| invalid(headers))?;
    let details = reason.replace([' ', '\t'], "_");
    let details = format!("filter_removed_required_request_headers{{{details}}}");
    Some(LocalResponse::by_envoy(503, &reason, &details))
}

fn missing(headers: &HeaderMap) -> Option<String> {
    let name = match headers.get(":method") {
        None => ":method",
        Some(b"CONNECT") if headers.get(":authority").is_none() => ":authority",
        Some(b"CONNECT")
            if headers.get(":path").is_some() && headers.get(":protocol").is_none() =>
        {
            ":protocol"
        }
        Some(b"CONNECT") => return None,
        Some(_) if headers.get(":path").is_none() => ":path",
        Some(_) => return None,
    };
    Some(format!("missing required header: {name}"))
}

fn invalid(headers: &HeaderMap) -> Option<String> {
    for (name, value) in headers.iter() {
        let plain = name.strip_prefix(b":").unwrap_or(name);
        if !plain.iter().all(|byte| is_token_byte(*byte)) {
            let name = name.escape_ascii();
            return Some(format!("invalid header name: {name}"));
        }
        if !is_value(value) {
            let name = String::from_utf8_lossy(name);
            return Some(format!("invalid header value for: {name}"));
        }
    }
    None
}

/// The request as the upstream gets it, without a body yet; `only` says that there will be none. Over HTTP/1 the codec says how long the body is when nobody else does.
pub(crate) fn upstream_request(
    headers: &HeaderMap,
    http: HttpVersion,
    only: bool,
) -> UpstreamRequest {
    let mut sent = framed_once(headers);
    let method = headers.text(":method").unwrap_or_default().into_owned();
    let bodiless = ["GET", "HEAD", "DELETE", "TRACE", "CONNECT"].contains(&method.as_str());
    // What comes behind the headers of a request for another protocol is no body.
    let framed = headers.get("content-length").is_some()
        || headers.get("transfer-encoding").is_some()
        || is_upgrade(headers);
    if http == HttpVersion::One && !framed && !(only && bodiless) {
        let (name, value) = if only {
            ("content-length", "0")
        } else {
            ("transfer-encoding", "chunked")
        };
        sent.push((name.to_owned(), value.to_owned()));
    }
    if let (HttpVersion::One, Some(authority)) = (http, headers.text(":authority")) {
        sent.insert(0, ("host".to_owned(), authority.into_owned()));
    }
    UpstreamRequest {
        method,
        path: headers.text(":path").unwrap_or_default().into_owned(),
        authority: match http {
            HttpVersion::One => String::new(),
            HttpVersion::Two => headers.text(":authority").unwrap_or_default().into_owned(),
        },
        headers: sent,
        body: Vec::new(),
    }
}
