//! Traefik. <https://doc.traefik.io/traefik/observability/access-logs/>

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};

/// The client went away before the answer.
const DEPARTED: &[u16] = &[499];

/// JSON: `StartUTC` is when processing began, `Duration` all of it in nanoseconds, `time` when the line was written.
pub(super) const JSON: Known = Known {
    name: "traefik-json",
    title: "Traefik JSON",
    shape: Shape::Json(&[&["RequestMethod"], &["RequestPath"]]),
    names: &[
        ("StartUTC", Part::Start),
        ("StartLocal", Part::Start),
        ("time", Part::End),
        ("RequestMethod", Part::Method),
        ("RequestPath", Part::Path),
        ("DownstreamStatus", Part::Status),
        ("OriginStatus", Part::Status),
        ("Duration", Part::Duration(Unit::Nanoseconds)),
    ],
    departed: DEPARTED,
};

/// CLF, its default: combined with the number of requests, the router, the server and the duration behind it.
pub(super) const COMMON: Known = Known {
    name: "traefik",
    title: "Traefik CLF",
    shape: Shape::Text {
        line: "<remote> - <user*> [<time>] \"<method> <path> <protocol>\" <status> <bytes_sent> \"<referer>\" \"<user_agent>\" \
            <request_count> \"<router>\" \"<server>\" <duration>",
        required: 14,
        quotes: Quotes::Bare,
    },
    names: &[
        ("time", Part::Start),
        ("method", Part::Method),
        ("path", Part::Path),
        ("status", Part::Status),
        ("duration", Part::Duration(Unit::Milliseconds)),
    ],
    departed: DEPARTED,
};
