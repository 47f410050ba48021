//! An answer on its way back: from the upstream to the filters, and from them to the client (`ConnectionManagerUtility::mutateResponseHeaders`
//! and the codecs).

use itoa::Buffer;

use super::admission::frames;
use super::header_map::HeaderMap;
use super::message::Frame;
use super::{is_token_byte, is_upgrade, is_value};
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{ConnectionManager, HttpVersion, ServerHeaderTransformation, Upstream, octets};

/// How many headers an upstream's answer may have.
const MOST_HEADERS: usize = 100;

/// The upstream breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Checks an upstream's answer as the codec does.
pub(crate) fn check(upstream: &Upstream, http: HttpVersion) -> Result<(), Malformed> {
    if upstream.headers.len() > MOST_HEADERS || upstream.status < 100 {
        return Err(Malformed);
    }
    let is_sound = |name: &str, value: &str| {
        !name.is_empty() && name.bytes().all(is_token_byte) && is_value(value.as_bytes())
    };
    let mut headers = upstream.headers.iter();
    if !headers.all(|(name, value)| is_sound(name, value)) {
        return Err(Malformed);
    }
    if http == HttpVersion::Two {
        return Ok(());
    }
    let bodiless = upstream.status == 204;
    let mut lengths = 0_u32;
    for (name, value) in &upstream.headers {
        if name.eq_ignore_ascii_case("content-length") {
            lengths = lengths.saturating_add(1);
            if lengths > 1 || bodiless && value != "0" {
                return Err(Malformed);
            }
        } else if bodiless && name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Malformed);
        }
    }
    Ok(())
}

/// The upstream's answer as the router hands it to the filters. The upstream speaks the client's version of HTTP and sends a
/// date, as servers do.
pub(crate) fn response(
    upstream: &Upstream,
    head: bool,
    http: HttpVersion,
    streams: bool,
    (date, version): (&str, EnvoyVersion),
) -> (HeaderMap, Vec<Frame>) {
    let mut headers = HeaderMap::of_response();
    headers.insert(":status", Buffer::new().format(upstream.status));
    for (name, value) in &upstream.headers {
        // It ends with the connection to the upstream.
        if !(name.eq_ignore_ascii_case("keep-alive") && version.ends_keep_alive_early()) {
            headers.add(name, octets::bytes(value));
        }
    }
    let bodiless = upstream.status == 204 || upstream.status == 304;
    if upstream.status == 204 {
        headers.remove("content-length");
    }
    let framed =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    let unframed =
        http == HttpVersion::Two && (upstream.length() == 0 || !upstream.trailers.is_empty());
    // Who is only asked how long it is knows all of it.
    let streams = streams || !head && upstream.pieces().nth(1).is_some();
    if streams && !framed && !bodiless && http == HttpVersion::One {
        headers.insert("transfer-encoding", "chunked");
    } else if !streams && !framed && !bodiless && !unframed {
        headers.insert("content-length", Buffer::new().format(upstream.length()));
    }
    if headers.get("date").is_none() {
        headers.insert("date", date);
    }
    headers.set("x-envoy-upstream-service-time", "0");
    if head || bodiless {
        return (headers, Vec::new());
    }
    (headers, frames(upstream.pieces(), &upstream.trailers, http))
}

/// The status of an answer, read as Envoy reads numbers: with blanks around it, a plus and zeros before it.
pub(crate) fn status(headers: &HeaderMap) -> Option<u16> {
    let text = std::str::from_utf8(headers.get(":status")?).ok()?.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_digits)
}

/// What the connection manager does to every answer behind the last filter.
pub(crate) fn finish(
    headers: &mut HeaderMap,
    request: &HeaderMap,
    rules: &ConnectionManager,
    (date, version): (&str, EnvoyVersion),
) {
    // Those that are about a connection end with it, and one that goes on in another protocol keeps them.
    if !(is_upgrade(headers) && is_upgrade(request)) {
        headers.remove("connection");
        headers.remove("upgrade");
    }
    headers.remove("transfer-encoding");
    headers.remove("proxy-connection");
    if !version.ends_keep_alive_early() {
        headers.remove("keep-alive");
    }
    if headers.get("date").is_none() {
        headers.insert("date", date);
    }
    name_server(headers, rules);
    let forced = request.get("x-envoy-force-trace").is_some();
    if (forced || rules.always_set_request_id_in_response)
        && let Some(id) = request.get("x-request-id")
    {
        headers.set("x-request-id", id);
    }
    if !rules.via.is_empty() {
        headers.add("via", &rules.via);
    }
}

fn name_server(headers: &mut HeaderMap, rules: &ConnectionManager) {
    let name = match rules.server_name.as_str() {
        "" => "envoy",
        name => name,
    };
    match rules.server_header_transformation {
        ServerHeaderTransformation::Overwrite if headers.get("server") != Some(name.as_bytes()) => {
            headers.set("server", name);
        }
        ServerHeaderTransformation::AppendIfAbsent if headers.get("server").is_none() => {
            headers.set("server", name);
        }
        ServerHeaderTransformation::Overwrite
        | ServerHeaderTransformation::AppendIfAbsent
        | ServerHeaderTransformation::PassThrough => {}
    }
}

/// The headers that a client gets: over HTTP/1 the codec says how long the body is when nobody else does.
pub(crate) fn on_the_wire(
    headers: &HeaderMap,
    http: HttpVersion,
    only: bool,
    head: bool,
) -> Vec<(String, String)> {
    let mut sent = framed_once(headers);
    let status = status(headers);
    let bodiless = status.is_some_and(|status| status < 200 || matches!(status, 204 | 304));
    if http == HttpVersion::One && headers.get("content-length").is_none() && !bodiless {
        let (name, value) = if only && !head {
            ("content-length", "0")
        } else {
            ("transfer-encoding", "chunked")
        };
        if sent.iter().all(|(sent, _)| sent != name) {
            sent.push((name.to_owned(), value.to_owned()));
        }
    }
    // To the codec of HTTP/1 that is the name of a host.
    if http == HttpVersion::One
        && let Some(authority) = headers.text(":authority")
    {
        sent.push(("host".to_owned(), authority.into_owned()));
    }
    sent
}

/// All headers but the pseudo-headers. Where there are both, `content-length` counts, and the body does not come in chunks.
pub(super) fn framed_once(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut sent = headers.without_pseudo();
    if headers.get("content-length").is_some() {
        sent.retain(|(name, _)| name != "transfer-encoding");
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_numbers() {
        for (text, expected) in [
            ("200", Some(200)),
            ("200 ", Some(200)),
            ("+200", Some(200)),
            ("0200", Some(200)),
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("", None),
            ("42x", None),
            ("-1", None),
            ("++1", None),
            ("2e2", None),
            ("99999999999999999999", None),
        ] {
            let mut headers = HeaderMap::of_response();
            headers.add(":status", text);
            assert_eq!(status(&headers), expected, "{text:?}");
        }
    }

    #[test]
    fn upstreams_that_break_the_protocol_are_found_out() {
        let answer = |status, headers: &[(&str, &str)]| Upstream {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Upstream::default()
        };
        let one = HttpVersion::One;
        let length = ("content-length", "2");
        assert_eq!(check(&answer(200, &[length]), one), Ok(()));
        assert_eq!(check(&answer(200, &[length, length]), one), Err(Malformed));
        assert_eq!(check(&answer(204, &[length]), one), Err(Malformed));
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(check(&answer(204, &[chunked]), one), Err(Malformed));
        assert_eq!(check(&answer(204, &[("content-length", "0")]), one), Ok(()));
        assert_eq!(check(&answer(200, &[("x", "1"); 100]), one), Ok(()));
        assert_eq!(check(&answer(200, &[("x", "1"); 101]), one), Err(Malformed));
    }
}
