//! Kong.

use super::super::known::{Known, Shape};
use super::super::part::{Part, Unit};

/// What its logging plugins write: `started_at` in milliseconds, and `latencies.request` from the first byte of a request to the last one of
/// its answer. <https://docs.konghq.com/hub/kong-inc/file-log/>
pub(super) const JSON: Known = Known {
    name: "kong",
    title: "Kong JSON",
    shape: Shape::Json(&[&["started_at"], &["request.method"]]),
    names: &[
        ("started_at", Part::Start),
        ("request.method", Part::Method),
        ("request.uri", Part::Path),
        ("request.url", Part::Path),
        ("response.status", Part::Status),
        ("latencies.request", Part::Duration(Unit::Milliseconds)),
    ],
    departed: &[499],
};
