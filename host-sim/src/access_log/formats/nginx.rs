//! nginx. All of its variables for times are read when a call is logged, which is at its end.
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html>, <https://nginx.org/en/docs/varindex.html>

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};
use super::common::{NCSA, REQUIRED};

/// The client closed the connection: <https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close> calls no status for it, and
/// nginx logs this one.
const DEPARTED: &[u16] = &[499];

/// `combined`, its default, and whatever is logged behind that.
pub(super) const COMBINED: Known = Known {
    name: "nginx",
    title: "nginx combined",
    shape: Shape::Text {
        line: NCSA,
        required: REQUIRED,
        quotes: Quotes::Escaped,
    },
    names: &[
        ("time", Part::End),
        ("request", Part::Request),
        ("status", Part::Status),
        ("request_time", Part::Duration(Unit::Seconds)),
        ("rt", Part::Duration(Unit::Seconds)),
    ],
    departed: DEPARTED,
};

/// The default of ingress-nginx: <https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/>
pub(super) const INGRESS: Known = Known {
    name: "ingress-nginx",
    title: "ingress-nginx",
    shape: Shape::Text {
        line: "<remote> - <user*> [<time>] \"<request>\" <status> <bytes_sent> \"<referer>\" \"<user_agent>\" <request_length> \
            <request_time> [<proxy_upstream_name>] [<proxy_alternative_upstream_name>]",
        required: 12,
        quotes: Quotes::Escaped,
    },
    names: COMBINED.names,
    departed: DEPARTED,
};

/// JSON of nginx's variables, under the names that are usual for them: those of the variables, and for the time others as well.
pub(super) const JSON: Known = Known {
    name: "nginx-json",
    title: "nginx JSON",
    shape: Shape::Json(&[&[
        "request_time",
        "body_bytes_sent",
        "time_local",
        "time_iso8601",
        "upstream_response_time",
        "remote_user",
    ]]),
    names: &[
        ("msec", Part::End),
        ("time_iso8601", Part::End),
        ("time_local", Part::End),
        ("time", Part::End),
        ("timestamp", Part::End),
        ("@timestamp", Part::End),
        ("ts", Part::End),
        ("date", Part::End),
        ("request", Part::Request),
        ("request_method", Part::Method),
        ("method", Part::Method),
        ("request_uri", Part::Path),
        ("path", Part::Path),
        ("url", Part::Path),
        ("uri", Part::Path),
        ("args", Part::Query),
        ("query_string", Part::Query),
        ("status", Part::Status),
        ("response_code", Part::Status),
        ("request_time", Part::Duration(Unit::Seconds)),
        ("duration", Part::Duration(Unit::Seconds)),
    ],
    departed: DEPARTED,
};
