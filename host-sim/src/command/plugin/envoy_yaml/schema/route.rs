//! Routes (`envoy/config/route/v3/route_components.proto`).

use super::{Kind, Message};

pub(super) const ROUTE_CONFIGURATION: Message = Message {
    name: "RouteConfiguration",
    fields: &[("virtual_hosts", Kind::List(&Kind::Message(&VIRTUAL_HOST)))],
    unsimulated: &[
        "internal_only_headers",
        "metadata",
        "response_headers_to_add",
        "response_headers_to_remove",
        "vhds",
    ],
    unnoticed: &[
        "cluster_specifier_plugins",
        "ignore_path_parameters_in_path_matching",
        "ignore_port_in_host_matching",
        "max_direct_response_body_size_bytes",
        "most_specific_header_mutations_wins",
        "name",
        "request_headers_to_add",
        "request_headers_to_remove",
        "request_mirror_policies",
        "route_specifiers",
        "typed_per_filter_config",
        "validate_clusters",
        "vhost_header",
    ],
};

const VIRTUAL_HOST: Message = Message {
    name: "VirtualHost",
    fields: &[("routes", Kind::List(&Kind::Message(&ROUTE)))],
    unsimulated: &[
        "hedge_policy",
        "include_attempt_count_in_response",
        "matcher",
        "metadata",
        "per_request_buffer_limit_bytes",
        "request_body_buffer_limit",
        "require_tls",
        "response_headers_to_add",
        "response_headers_to_remove",
        "retry_policy",
        "retry_policy_typed_config",
    ],
    unnoticed: &[
        "cors",
        "domains",
        "include_is_timeout_retry_header",
        "include_request_attempt_count",
        "name",
        "rate_limits",
        "request_headers_to_add",
        "request_headers_to_remove",
        "request_mirror_policies",
        "route_specifiers",
        "typed_per_filter_config",
        "virtual_clusters",
    ],
};

const ROUTE: Message = Message {
    name: "Route",
    fields: &[("route", Kind::Message(&ROUTE_ACTION))],
    unsimulated: &[
        "direct_response",
        "filter_action",
        "metadata",
        "non_forwarding_action",
        "per_request_buffer_limit_bytes",
        "redirect",
        "request_body_buffer_limit",
        "response_headers_to_add",
        "response_headers_to_remove",
    ],
    unnoticed: &[
        "decorator",
        "match",
        "name",
        "request_headers_to_add",
        "request_headers_to_remove",
        "route_specifiers",
        "stat_prefix",
        "tracing",
        "typed_per_filter_config",
    ],
};

const ROUTE_ACTION: Message = Message {
    name: "RouteAction",
    fields: &[
        ("timeout", Kind::Duration),
        ("retry_policy", Kind::Message(&RETRY_POLICY)),
        ("max_stream_duration", Kind::Message(&MAX_STREAM_DURATION)),
    ],
    unsimulated: &[
        "cluster_not_found_response_code",
        "grpc_timeout_offset",
        "hedge_policy",
        "idle_timeout",
        "internal_redirect_action",
        "internal_redirect_policy",
        "max_grpc_timeout",
        "max_internal_redirects",
        "retry_policy_typed_config",
        "upgrade_configs",
    ],
    unnoticed: &[
        "append_x_forwarded_host",
        "auto_host_rewrite",
        "cluster",
        "cluster_header",
        "cluster_specifier_plugin",
        "cors",
        "early_data_policy",
        "flush_timeout",
        "hash_policy",
        "host_rewrite",
        "host_rewrite_header",
        "host_rewrite_literal",
        "host_rewrite_path_regex",
        "include_vh_rate_limits",
        "inline_cluster_specifier_plugin",
        "metadata_match",
        "path_rewrite",
        "path_rewrite_policy",
        "prefix_rewrite",
        "priority",
        "rate_limits",
        "regex_rewrite",
        "request_mirror_policies",
        "weighted_clusters",
    ],
};

const MAX_STREAM_DURATION: Message = Message {
    name: "MaxStreamDuration",
    fields: &[
        ("max_stream_duration", Kind::Duration),
        ("grpc_timeout_header_max", Kind::Duration),
    ],
    unsimulated: &["grpc_timeout_header_offset"],
    unnoticed: &[],
};

const RETRY_POLICY: Message = Message {
    name: "RetryPolicy",
    fields: &[
        ("retry_on", Kind::Text),
        ("num_retries", Kind::Number),
        ("per_try_timeout", Kind::Duration),
        ("retriable_status_codes", Kind::List(&Kind::Number)),
    ],
    unsimulated: &[
        "per_try_idle_timeout",
        "rate_limited_retry_back_off",
        "retriable_headers",
        "retriable_request_headers",
        "retry_back_off",
    ],
    unnoticed: &[
        "host_selection_retry_max_attempts",
        "refresh_cluster_on_retry",
        "retry_host_predicate",
        "retry_options_predicates",
        "retry_priority",
    ],
};
