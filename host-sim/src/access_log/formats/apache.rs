//! Apache. `%t` is when a request was received, `%D` how long it took, in microseconds.
//! <https://httpd.apache.org/docs/2.4/mod/mod_log_config.html>

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};
use super::common::{NCSA, REQUIRED};

/// `combined`, and whatever is logged behind that.
pub(super) const COMBINED: Known = Known {
    name: "apache",
    title: "Apache combined",
    shape: Shape::Text {
        line: NCSA,
        required: REQUIRED,
        quotes: Quotes::Escaped,
    },
    names: NAMES,
    departed: &[],
};

/// Debian's `vhost_combined`: the virtual host goes before the rest.
pub(super) const VHOST_COMBINED: Known = Known {
    name: "apache-vhost",
    title: "Apache vhost_combined",
    shape: Shape::Text {
        line: "<vhost> <remote> - <user*> [<time>] \"<request>\" <status> <bytes_sent> \"<referer>\" \"<user_agent>\"",
        required: 7,
        quotes: Quotes::Escaped,
    },
    names: NAMES,
    departed: &[],
};

const NAMES: &[(&str, Part)] = &[
    ("time", Part::Start),
    ("request", Part::Request),
    ("status", Part::Status),
];

/// JSON under the names that guides to Apache's log have, such as
/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/apache-json.htm>, and those that Elastic's module has.
pub(super) const JSON: Known = Known {
    name: "apache-json",
    title: "Apache JSON",
    shape: Shape::Json(&[&[
        "remoteIP",
        "remoteHost",
        "remote_host",
        "remoteUser",
        "filename",
        "process",
        "userAgent",
        "time_us",
        "elapsed_us",
    ]]),
    names: &[
        ("time", Part::Start),
        ("timestamp", Part::Start),
        ("@timestamp", Part::Start),
        ("method", Part::Method),
        ("verb", Part::Method),
        ("requestLine", Part::Request),
        ("request_line", Part::Request),
        ("firstLine", Part::Request),
        ("url", Part::Path),
        ("uri", Part::Path),
        ("path", Part::Path),
        ("request", Part::Path),
        ("query", Part::Query),
        ("query_string", Part::Query),
        ("status", Part::Status),
        ("process", Part::Duration(Unit::Microseconds)),
        ("time_us", Part::Duration(Unit::Microseconds)),
        ("elapsed_us", Part::Duration(Unit::Microseconds)),
        ("duration", Part::Duration(Unit::Microseconds)),
        ("duration_us", Part::Duration(Unit::Microseconds)),
        ("responseTime", Part::Duration(Unit::Microseconds)),
        ("response_time", Part::Duration(Unit::Microseconds)),
    ],
    departed: &[],
};
