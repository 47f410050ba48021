//! What is around the filters: the listener and the connection manager.

use super::route::ROUTE_CONFIGURATION;
use super::{Kind, Message};

pub(in crate::command::plugin::envoy_yaml) const LISTENER: Message = Message {
    name: "Listener",
    fields: &[
        ("per_connection_buffer_limit_bytes", Kind::Number),
        ("filter_chains", Kind::Any),
        ("default_filter_chain", Kind::Any),
        ("name", Kind::Any),
    ],
    unsimulated: &["metadata", "traffic_direction", "listener_filters"],
    unnoticed: &[
        "access_log",
        "additional_addresses",
        "address",
        "api_listener",
        "bind_to_port",
        "bypass_overload_manager",
        "connection_balance_config",
        "continue_on_listener_filters_timeout",
        "deprecated_v1",
        "drain_type",
        "enable_mptcp",
        "enable_reuse_port",
        "fcds_config",
        "filter_chain_matcher",
        "freebind",
        "ignore_global_conn_limit",
        "internal_listener",
        "listener_filters_timeout",
        "max_connections_to_accept_per_socket_event",
        "per_connection_buffer_high_watermark_timeout",
        "reuse_port",
        "socket_options",
        "stat_prefix",
        "stats_matcher",
        "tcp_backlog_size",
        "tcp_fast_open_queue_length",
        "tcp_keepalive",
        "transparent",
        "udp_listener_config",
        "use_original_dst",
    ],
};

pub(in crate::command::plugin::envoy_yaml) const HTTP_CONNECTION_MANAGER: Message = Message {
    name: "HttpConnectionManager",
    fields: &[
        ("http_filters", Kind::List(&Kind::Message(&HTTP_FILTER))),
        ("route_config", Kind::Message(&ROUTE_CONFIGURATION)),
        (
            "upgrade_configs",
            Kind::List(&Kind::Message(&UPGRADE_CONFIG)),
        ),
        ("stream_idle_timeout", Kind::Duration),
        ("request_timeout", Kind::Duration),
        ("use_remote_address", Kind::Flag),
        ("xff_num_trusted_hops", Kind::Number),
        ("skip_xff_append", Kind::Flag),
        (
            "internal_address_config",
            Kind::Message(&INTERNAL_ADDRESS_CONFIG),
        ),
        ("generate_request_id", Kind::Flag),
        ("preserve_external_request_id", Kind::Flag),
        ("always_set_request_id_in_response", Kind::Flag),
        ("append_x_forwarded_port", Kind::Flag),
        ("via", Kind::Text),
        ("server_name", Kind::Text),
        (
            "server_header_transformation",
            Kind::Words(&["OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH"]),
        ),
        ("normalize_path", Kind::Flag),
        ("merge_slashes", Kind::Flag),
        (
            "path_with_escaped_slashes_action",
            Kind::Words(&[
                "IMPLEMENTATION_SPECIFIC_DEFAULT",
                "KEEP_UNCHANGED",
                "REJECT_REQUEST",
                "UNESCAPE_AND_REDIRECT",
                "UNESCAPE_AND_FORWARD",
            ]),
        ),
        ("strip_any_host_port", Kind::Flag),
        ("strip_trailing_host_dot", Kind::Flag),
        ("max_request_headers_kb", Kind::Number),
        (
            "common_http_protocol_options",
            Kind::Message(&HTTP_PROTOCOL_OPTIONS),
        ),
        (
            "http_protocol_options",
            Kind::Message(&HTTP1_PROTOCOL_OPTIONS),
        ),
    ],
    unsimulated: &[
        "add_proxy_protocol_connection_state",
        "add_user_agent",
        "early_header_mutation_extensions",
        "forward_client_cert_details",
        "forward_client_cert_matcher",
        "forward_proto_config",
        "http2_protocol_options",
        "local_reply_config",
        "original_ip_detection_extensions",
        "path_normalization_options",
        "proxy_100_continue",
        "proxy_status_config",
        "rds",
        "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        "request_id_extension",
        "scheme_header_transformation",
        "scoped_routes",
        "set_current_client_cert_details",
        "stream_error_on_invalid_http_message",
        "strip_matching_host_port",
        "tracing",
        "typed_header_validation_config",
    ],
    unnoticed: &[
        "access_log",
        "access_log_flush_interval",
        "access_log_options",
        "append_local_overload",
        "codec_type",
        "delayed_close_timeout",
        "drain_timeout",
        "drain_timeout_jitter",
        "flush_access_log_on_new_request",
        "http1_safe_max_connection_duration",
        "http3_protocol_options",
        "record_route_resolution_stats",
        "request_headers_timeout",
        "stat_prefix",
        "stream_flush_timeout",
    ],
};

const HTTP_FILTER: Message = Message {
    name: "HttpFilter",
    fields: &[
        ("name", Kind::Text),
        ("typed_config", Kind::Any),
        ("disabled", Kind::Flag),
    ],
    unsimulated: &["config_discovery"],
    unnoticed: &["is_optional"],
};

const UPGRADE_CONFIG: Message = Message {
    name: "UpgradeConfig",
    fields: &[("upgrade_type", Kind::Text), ("enabled", Kind::Flag)],
    unsimulated: &["filters"],
    unnoticed: &[],
};

const INTERNAL_ADDRESS_CONFIG: Message = Message {
    name: "InternalAddressConfig",
    fields: &[("cidr_ranges", Kind::List(&Kind::Message(&CIDR_RANGE)))],
    unsimulated: &[],
    unnoticed: &["unix_sockets"],
};

const CIDR_RANGE: Message = Message {
    name: "CidrRange",
    fields: &[("address_prefix", Kind::Text), ("prefix_len", Kind::Number)],
    unsimulated: &[],
    unnoticed: &[],
};

const HTTP_PROTOCOL_OPTIONS: Message = Message {
    name: "HttpProtocolOptions",
    fields: &[
        ("max_headers_count", Kind::Number),
        (
            "headers_with_underscores_action",
            Kind::Words(&["ALLOW", "REJECT_REQUEST", "DROP_HEADER"]),
        ),
        ("max_stream_duration", Kind::Duration),
    ],
    unsimulated: &["max_response_headers_kb"],
    unnoticed: &[
        "idle_timeout",
        "max_connection_duration",
        "max_connection_duration_jitter",
        "max_requests_per_connection",
    ],
};

const HTTP1_PROTOCOL_OPTIONS: Message = Message {
    name: "Http1ProtocolOptions",
    fields: &[
        ("accept_http_10", Kind::Flag),
        ("default_host_for_http_10", Kind::Text),
        ("allow_chunked_length", Kind::Flag),
    ],
    unsimulated: &[
        "allow_absolute_url",
        "allow_custom_methods",
        "enable_trailers",
        "ignore_http_11_upgrade",
        "override_stream_error_on_invalid_http_message",
    ],
    unnoticed: &[
        "header_key_format",
        "send_fully_qualified_url",
        "use_balsa_parser",
    ],
};
