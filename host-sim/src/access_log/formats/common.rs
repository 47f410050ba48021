//! Formats of nobody in particular.

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};

/// JSON with customary names.
pub(in super::super) const JSON: Known = Known {
    name: "json",
    title: "JSON",
    shape: Shape::Json(&[]),
    names: &[],
    departed: &[],
};

/// Comma-separated values under customary names (RFC 4180).
pub(in super::super) const COLUMNS: Known = Known {
    name: "csv",
    title: "comma-separated values",
    shape: Shape::Columns,
    names: &[],
    departed: &[],
};

/// The common and the combined format of the NCSA's server, which many servers write: nginx with the time of the end, Apache with that of
/// the start. <https://httpd.apache.org/docs/2.4/logs.html#accesslog>
pub(super) const COMBINED: Known = Known {
    name: "combined",
    title: "NCSA combined",
    shape: Shape::Text {
        line: NCSA,
        required: REQUIRED,
        quotes: Quotes::Escaped,
    },
    names: &[
        ("time", Part::Time),
        ("request", Part::Request),
        ("status", Part::Status),
        ("request_time", Part::Duration(Unit::Seconds)),
        ("rt", Part::Duration(Unit::Seconds)),
    ],
    departed: &[],
};

/// The common format with values of somebody's own right behind it, as Apache's `%D`.
pub(super) const COMMON: Known = Known {
    name: "common",
    title: "NCSA common",
    shape: Shape::Text {
        line: "<remote> - <user*> [<time>] \"<request>\" <status> <bytes_sent>",
        required: REQUIRED,
        quotes: Quotes::Escaped,
    },
    names: COMBINED.names,
    departed: &[],
};

/// A line of it.
pub(super) const NCSA: &str = "<remote> - <user*> [<time>] \"<request>\" <status> <bytes_sent> \"<referer>\" \"<user_agent>\"";

/// The common format ends before the referrer.
pub(super) const REQUIRED: usize = 6;

/// Lines of somebody's own, described where the format is named.
pub(in super::super) const LINE: Known = Known {
    name: "line",
    title: "text",
    shape: Shape::Text {
        line: "",
        required: 0,
        quotes: Quotes::Escaped,
    },
    names: &[],
    departed: &[],
};
