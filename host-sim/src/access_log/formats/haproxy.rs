//! HAProxy. <https://docs.haproxy.org/2.6/configuration.html#8.2.3>

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};

/// `option httplog`: the time when the first byte of a request came, in the zone of the machine, and the milliseconds from there to the last
/// byte of the answer.
pub(super) const HTTP: Known = Known {
    name: "haproxy",
    title: "HAProxy httplog",
    shape: Shape::Text {
        line: "<client> [<time>] <frontend> <backend>/<server> <tr>/<tw>/<tc>/<tresponse>/<duration> <status> <bytes_read> \
            <request_cookie> <response_cookie> <termination_state> <connections> <queues> <{}>\"<request>\"",
        required: 19,
        quotes: Quotes::Hashed,
    },
    names: &[
        ("time", Part::Start),
        ("request", Part::Request),
        ("status", Part::Status),
        ("duration", Part::Duration(Unit::Milliseconds)),
    ],
    departed: &[],
};
