//! Caddy. An access log entry is written when a request has been handled; its duration is in seconds unless the encoder says otherwise.
//! <https://caddyserver.com/docs/caddyfile/directives/log>, <https://caddyserver.com/docs/logging>

use super::super::known::{Known, Shape};
use super::super::part::{Part, Unit};

/// `http.log.access` as JSON, its default.
pub(super) const JSON: Known = Known {
    name: "caddy",
    title: "Caddy JSON",
    shape: Shape::Json(&[&["request.uri"], &["request.method"], &["duration"]]),
    names: &[
        ("ts", Part::End),
        ("time", Part::End),
        ("request.method", Part::Method),
        ("request.uri", Part::Path),
        ("status", Part::Status),
        ("duration", Part::Duration(Unit::Seconds)),
    ],
    departed: &[],
};
