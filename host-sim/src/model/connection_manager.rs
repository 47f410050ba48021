//! How Envoy's HTTP connection manager and its route are set up, in Envoy's own words, so that an Envoy configuration and a scenario say it alike.

use serde::{Deserialize, Serialize};

/// What of Envoy's `HttpConnectionManager` a filter can notice; names and defaults are Envoy's.
///
/// ```
/// use host_sim::target::ConnectionManager;
///
/// let settings: ConnectionManager =
///     serde_json::from_str(r#"{ "use_remote_address": true, "http_protocol_options": { "accept_http_10": true } }"#)?;
/// assert!(settings.use_remote_address && settings.http_protocol_options.accept_http_10);
/// assert_eq!(settings.max_request_headers_kb, 60);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionManager {
    /// Whether the client of a request is whoever is connected, not whom `x-forwarded-for` names.
    pub use_remote_address: bool,
    /// How many proxies before this one are believed what they add to `x-forwarded-for`.
    pub xff_num_trusted_hops: u32,
    /// Whether `x-forwarded-for` is left as it is.
    pub skip_xff_append: bool,
    /// Whose requests are internal.
    #[serde(skip_serializing_if = "InternalAddressConfig::is_empty")]
    pub internal_address_config: InternalAddressConfig,
    /// Whether requests get an `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_request_id: Option<bool>,
    /// Whether that of a client from outside is kept.
    pub preserve_external_request_id: bool,
    /// Whether answers say it.
    pub always_set_request_id_in_response: bool,
    /// Whether `x-forwarded-port` says where the client connected to.
    pub append_x_forwarded_port: bool,
    /// What `via` of requests and answers is to have.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// What `server` of answers says; `envoy` if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server_name: String,
    /// How the upstream's `server` is treated.
    pub server_header_transformation: ServerHeaderTransformation,
    /// Whether paths are made canonical (RFC 3986) before any filter sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize_path: Option<bool>,
    /// Whether several slashes become one.
    pub merge_slashes: bool,
    /// How a path with `%2F` or `%5C` is treated.
    pub path_with_escaped_slashes_action: EscapedSlashes,
    /// Whether any port is taken from `:authority`.
    pub strip_any_host_port: bool,
    /// Whether a dot at the end of the host is taken away.
    pub strip_trailing_host_dot: bool,
    /// How large the headers of a request may be, in KiB.
    pub max_request_headers_kb: u32,
    /// What concerns all versions of HTTP.
    pub common_http_protocol_options: CommonHttpOptions,
    /// What concerns HTTP/1.
    pub http_protocol_options: Http1Options,
}

impl Default for ConnectionManager {
    fn default() -> Self {
        Self {
            use_remote_address: false,
            xff_num_trusted_hops: 0,
            skip_xff_append: false,
            internal_address_config: InternalAddressConfig::default(),
            generate_request_id: None,
            preserve_external_request_id: false,
            always_set_request_id_in_response: false,
            append_x_forwarded_port: false,
            via: String::new(),
            server_name: String::new(),
            server_header_transformation: ServerHeaderTransformation::default(),
            normalize_path: None,
            merge_slashes: false,
            path_with_escaped_slashes_action: EscapedSlashes::default(),
            strip_any_host_port: false,
            strip_trailing_host_dot: false,
            max_request_headers_kb: 60,
            common_http_protocol_options: CommonHttpOptions::default(),
            http_protocol_options: Http1Options::default(),
        }
    }
}

/// `InternalAddressConfig`: which addresses are internal; by default none is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct InternalAddressConfig {
    /// These networks.
    pub cidr_ranges: Vec<CidrRange>,
}

impl InternalAddressConfig {
    fn is_empty(&self) -> bool {
        self.cidr_ranges.is_empty()
    }
}

/// A network, as in `{ address_prefix: 10.0.0.0, prefix_len: 8 }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CidrRange {
    /// Its address.
    pub address_prefix: std::net::IpAddr,
    /// How many bits of it count.
    #[serde(default)]
    pub prefix_len: u32,
}

/// `ServerHeaderTransformation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerHeaderTransformation {
    /// It is replaced.
    #[default]
    Overwrite,
    /// It is added where there is none.
    AppendIfAbsent,
    /// Nothing is changed.
    PassThrough,
}

/// `PathWithEscapedSlashesAction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EscapedSlashes {
    /// They are kept.
    #[default]
    #[serde(alias = "IMPLEMENTATION_SPECIFIC_DEFAULT")]
    KeepUnchanged,
    /// The request is refused.
    RejectRequest,
    /// The client is redirected to the path with slashes.
    UnescapeAndRedirect,
    /// They become slashes.
    UnescapeAndForward,
}

/// `HttpProtocolOptions` for all versions of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommonHttpOptions {
    /// How many headers a request may have.
    pub max_headers_count: u32,
    /// How headers with an underscore in their name are treated.
    pub headers_with_underscores_action: Underscores,
}

impl Default for CommonHttpOptions {
    fn default() -> Self {
        Self {
            max_headers_count: 100,
            headers_with_underscores_action: Underscores::default(),
        }
    }
}

/// `HeadersWithUnderscoresAction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Underscores {
    /// They pass.
    #[default]
    Allow,
    /// The request is refused.
    RejectRequest,
    /// The header is left out.
    DropHeader,
}

/// `Http1ProtocolOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http1Options {
    /// Whether HTTP/1.0 is spoken.
    pub accept_http_10: bool,
    /// The host of a request of HTTP/1.0 that names none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default_host_for_http_10: String,
    /// Whether `content-length` beside chunks is left out, instead of the request being refused.
    pub allow_chunked_length: bool,
}

/// What of a route a filter can notice; names and defaults are Envoy's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteSettings {
    /// When the router asks the upstream again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

/// `RetryPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// For which failures, with commas between them, as in `5xx,connect-failure`.
    pub retry_on: String,
    /// How often; once if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_retries: Option<u32>,
    /// How long to wait for each answer.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "super::timeouts::serialize",
        deserialize_with = "super::timeouts::duration"
    )]
    pub per_try_timeout: Option<std::time::Duration>,
    /// Statuses of `retriable-status-codes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retriable_status_codes: Vec<u16>,
}
