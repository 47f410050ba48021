//! Envoy, and what is made with it. `%START_TIME%` is when a request came, `%DURATION%` milliseconds from there to the last byte.
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage>

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};

const NAMES: &[(&str, Part)] = &[
    ("start_time", Part::Start),
    ("method", Part::Method),
    ("x-envoy-origin-path", Part::Path),
    ("x_envoy_original_path", Part::Path),
    ("path", Part::Path),
    ("response_code", Part::Status),
    ("duration", Part::Duration(Unit::Milliseconds)),
];

/// The default format string.
pub(super) const TEXT: Known = Known {
    name: "envoy",
    title: "Envoy's default text",
    shape: Shape::Text {
        line: "[<start_time>] \"<method> <path> <protocol>\" <response_code> <response_flags> <bytes_received> <bytes_sent> <duration> \
            <upstream_service_time> \"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" \"<authority>\" \"<upstream_host>\"",
        required: 15,
        quotes: Quotes::Bare,
    },
    names: NAMES,
    departed: &[],
};

/// The default with the response code's details behind the flags, as many write it since there are such.
pub(super) const TEXT_WITH_DETAILS: Known = Known {
    name: "envoy-details",
    title: "Envoy's text with details",
    shape: Shape::Text {
        line: "[<start_time>] \"<method> <path> <protocol>\" <response_code> <response_flags> <response_code_details> <bytes_received> \
            <bytes_sent> <duration> <upstream_service_time> \"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" \"<authority>\" \
            \"<upstream_host>\"",
        required: 16,
        quotes: Quotes::Bare,
    },
    names: NAMES,
    departed: &[],
};

/// Istio's default: <https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format>
pub(super) const ISTIO: Known = Known {
    name: "istio",
    title: "Istio's default text",
    shape: Shape::Text {
        line: "[<start_time>] \"<method> <path> <protocol>\" <response_code> <response_flags> <response_code_details> \
            <connection_termination_details> \"<upstream_transport_failure_reason>\" <bytes_received> <bytes_sent> <duration> \
            <upstream_service_time> \"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" \"<authority>\" \"<upstream_host>\" \
            <upstream_cluster> <upstream_local_address> <downstream_local_address> <downstream_remote_address> \
            <requested_server_name> <route_name>",
        required: 24,
        quotes: Quotes::Bare,
    },
    names: NAMES,
    departed: &[],
};

/// Istio's default before 1.9: <https://istio.io/v1.8/docs/tasks/observability/logs/access-log/>
pub(super) const ISTIO_BEFORE_1_9: Known = Known {
    name: "istio-before-1.9",
    title: "Istio's default text before 1.9",
    shape: Shape::Text {
        line: "[<start_time>] \"<method> <path> <protocol>\" <response_code> <response_flags> \"<mixer_status>\" \
            \"<upstream_transport_failure_reason>\" <bytes_received> <bytes_sent> <duration> <upstream_service_time> \
            \"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" \"<authority>\" \"<upstream_host>\" <upstream_cluster> \
            <upstream_local_address> <downstream_local_address> <downstream_remote_address> <requested_server_name> <route_name>",
        required: 23,
        quotes: Quotes::Bare,
    },
    names: NAMES,
    departed: &[],
};

/// Istio's default with `accessLogEncoding: JSON`, and any JSON that has the names of Envoy's documentation.
pub(super) const ISTIO_JSON: Known = Known {
    name: "istio-json",
    title: "Envoy's or Istio's JSON",
    shape: Shape::Json(&[&["start_time"], &["response_code"], &["duration"]]),
    names: NAMES,
    departed: &[],
};

/// Envoy Gateway's default: <https://gateway.envoyproxy.io/docs/tasks/observability/proxy-accesslog/>
pub(super) const GATEWAY: Known = Known {
    name: "envoy-gateway",
    title: "Envoy Gateway's default JSON",
    shape: Shape::Json(&[&["x-envoy-origin-path"]]),
    names: NAMES,
    departed: &[],
};
