//! Cloudflare.

use super::super::known::{Known, Shape};
use super::super::part::Part;

/// Logpush's HTTP requests: from when to when the edge was busy with one.
/// <https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/>
pub(super) const REQUESTS: Known = Known {
    name: "cloudflare",
    title: "Cloudflare JSON",
    shape: Shape::Json(&[&["ClientRequestMethod"]]),
    names: &[
        ("EdgeStartTimestamp", Part::Start),
        ("EdgeEndTimestamp", Part::End),
        ("ClientRequestMethod", Part::Method),
        ("ClientRequestURI", Part::Path),
        ("ClientRequestPath", Part::Path),
        ("EdgeResponseStatus", Part::Status),
    ],
    departed: &[499],
};
