//! Google Cloud.

use super::super::known::{Known, Shape};
use super::super::part::{Part, Unit};

/// The entries of an Application Load Balancer in Cloud Logging: `timestamp` is when the request came, `latency` says its unit.
/// <https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring>,
/// <https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest>
pub(super) const LOAD_BALANCER: Known = Known {
    name: "gcp",
    title: "GCP load balancer JSON",
    shape: Shape::Json(&[&["httpRequest.requestMethod"], &["httpRequest.requestUrl"]]),
    names: &[
        ("timestamp", Part::Start),
        ("httpRequest.requestMethod", Part::Method),
        ("httpRequest.requestUrl", Part::Path),
        ("httpRequest.status", Part::Status),
        ("httpRequest.latency", Part::Duration(Unit::Seconds)),
    ],
    departed: &[],
};
