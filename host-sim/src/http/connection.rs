//! Headers that are about one connection only, and end with it (`Utility::sanitizeConnectionHeader`, and what the codec of HTTP/1 and
//! `ConnectionManagerUtility` take away).

use super::codec::{Refusal, closes};
use super::header_map::HeaderMap;
use super::{is_upgrade, tokens};

/// As many names, and more, are refused.
const TOO_MANY_NAMES: usize = 10;

/// As long a `te`, and longer, is refused.
const TOO_LONG_TE: usize = 256;

/// Takes away what belongs to the client's connection only. Says whether that is to be closed behind the answer.
pub(super) fn strip(headers: &mut HeaderMap) -> Result<bool, Refusal> {
    let mut closing = headers.get("proxy-connection").is_some_and(closes);
    if let Some(connection) = headers.get("connection").map(<[u8]>::to_vec) {
        closing |= closes(&connection);
        ignore_h2c(headers);
        strip_named(headers, &connection)?;
    }
    if !is_upgrade(headers) {
        headers.remove("connection");
        headers.remove("upgrade");
    }
    keep_trailers(headers);
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.remove("transfer-encoding");
    Ok(closing)
}

/// A client that would speak HTTP/2 without TLS goes on in HTTP/1.
fn ignore_h2c(headers: &mut HeaderMap) {
    let upgrade = headers.get("upgrade");
    if upgrade.is_none_or(|upgrade| !upgrade.eq_ignore_ascii_case(b"h2c")) {
        return;
    }
    headers.remove("upgrade");
    headers.remove("http2-settings");
}

/// Takes away the headers that `Connection` names.
fn strip_named(headers: &mut HeaderMap, connection: &[u8]) -> Result<(), Refusal> {
    let refused = || Refusal::codec_of_one("http1.connection_header_rejected");
    if tokens(connection).count() >= TOO_MANY_NAMES {
        return Err(refused());
    }
    for name in tokens(connection) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if [
            "close",
            "http2-settings",
            "keep-alive",
            "upgrade",
            "connection",
        ]
        .iter()
        .any(|known| is(known))
        {
            continue;
        }
        // Whoever takes these away would hide where a request comes from.
        if ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
            .iter()
            .any(|known| is(known))
            || name.starts_with(b":")
        {
            return Err(refused());
        }
        if is("te") {
            if headers.get("te").is_some_and(|te| te.len() >= TOO_LONG_TE) {
                return Err(refused());
            }
            continue;
        }
        headers.remove(name);
    }
    Ok(())
}

/// Of `te` only `trailers` goes beyond the connection.
fn keep_trailers(headers: &mut HeaderMap) {
    let Some(te) = headers.get("te") else {
        return;
    };
    if te == b"trailers" {
        return;
    }
    if tokens(te).any(|token| token.eq_ignore_ascii_case(b"trailers")) {
        headers.set("te", "trailers");
    } else {
        headers.remove("te");
    }
}
