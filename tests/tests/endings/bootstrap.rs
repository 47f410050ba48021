//! The configuration of the Envoy whose calls end in every way: a listener for each neighbour and time-out that is set there, and routes for
//! what is set for routes.

use std::net::SocketAddr;
use std::path::Path;

use api_credits_tests::engine::authority::Authority;
use serde_json::{Map, Value, json};

use crate::scene::{ROWS, SOMEBODY_ELSE, organization};

/// Time-outs of Envoy's are as long as this.
const SOON: &str = "1s";
const HTTP: &str = "envoy.extensions.filters.http";
const NETWORK: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const METER: &str = "api_credits";

/// Where what the Envoy talks to is.
pub(crate) struct Places<'a> {
    /// The module.
    pub(crate) module: &'a Path,
    /// The upstream.
    pub(crate) upstream: SocketAddr,
    /// Where nobody listens.
    pub(crate) nowhere: SocketAddr,
    /// What speaks bad HTTP, and denies what it is asked to authorize.
    pub(crate) odd: SocketAddr,
    /// Whose certificate HTTP/3 has.
    pub(crate) authority: &'a Authority,
    /// The access log.
    pub(crate) log: &'a Path,
}

impl Places<'_> {
    /// The whole document.
    pub(crate) fn bootstrap(&self) -> Value {
        let plain = |name: &str| self.listener(name, json!({}), Vec::new());
        let managed = |name: &str, settings: Value| self.listener(name, settings, Vec::new());
        let behind = |name: &str, filter: Value| self.listener(name, json!({}), vec![filter]);
        let internal = json!({
            "use_remote_address": true,
            "internal_address_config": { "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] },
        });
        let listeners = vec![
            plain("api"),
            self.quic(),
            managed("internal clients", internal),
            managed("request_timeout", json!({ "request_timeout": SOON })),
            managed(
                "stream_idle_timeout",
                json!({ "stream_idle_timeout": SOON }),
            ),
            managed(
                "max_stream_duration",
                json!({ "common_http_protocol_options": { "max_stream_duration": SOON } }),
            ),
            behind("ext_authz denies", authz("odd")),
            behind("ext_authz fails", authz("nowhere")),
            behind("local_ratelimit", rate_limit()),
            behind(
                "rbac",
                filter(
                    "rbac.v3.RBAC",
                    json!({ "rules": { "action": "ALLOW", "policies": {} } }),
                ),
            ),
            behind("lua", lua()),
            behind(
                "buffer",
                filter("buffer.v3.Buffer", json!({ "max_request_bytes": 10 })),
            ),
            behind("fault 500", fault(500)),
            behind("fault 503", fault(503)),
            behind("cache", cache()),
            behind("again", self.meter("again", "default", &Self::config())),
            self.second(),
        ];
        json!({
            "admin": { "address": address(SocketAddr::from(([127, 0, 0, 1], 0))) },
            "static_resources": { "listeners": listeners, "clusters": self.clusters() },
            "bootstrap_extensions": [{
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": kind("envoy.extensions.bootstrap.internal_listener.v3.InternalListener", json!({})),
            }],
        })
    }

    /// A listener with the filter, and `behind` it.
    pub(crate) fn listener(&self, name: &str, settings: Value, behind: Vec<Value>) -> Value {
        let manager = self.manager(settings, behind, "default", &Self::config());
        json!({
            "name": name,
            "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
            "filter_chains": [{ "filters": [manager] }],
        })
    }

    /// Another hop with a filter of its own, which knows no organization.
    fn second(&self) -> Value {
        let mut config = Self::config();
        if let Some(document) = config.as_object_mut() {
            document.insert("organizations".to_owned(), json!({}));
        }
        let manager = self.manager(json!({}), Vec::new(), "second", &config);
        json!({ "name": "second", "internal_listener": {}, "filter_chains": [{ "filters": [manager] }] })
    }

    fn quic(&self) -> Value {
        let manager = self.manager(
            json!({ "codec_type": "HTTP3", "http3_protocol_options": {} }),
            Vec::new(),
            "default",
            &Self::config(),
        );
        let certificate = json!({
            "certificate_chain": { "filename": self.authority.certificate },
            "private_key": { "filename": self.authority.key },
        });
        let tls = json!({ "downstream_tls_context": { "common_tls_context": { "tls_certificates": [certificate] } } });
        json!({
            "name": "http3",
            "address": { "socket_address": { "protocol": "UDP", "address": "127.0.0.1", "port_value": 0 } },
            "udp_listener_config": { "quic_options": {}, "downstream_socket_config": { "prefer_gro": false } },
            "filter_chains": [{
                "transport_socket": {
                    "name": "envoy.transport_sockets.quic",
                    "typed_config": kind("envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport", tls),
                },
                "filters": [manager],
            }],
        })
    }

    fn manager(
        &self,
        settings: Value,
        behind: Vec<Value>,
        namespace: &str,
        config: &Value,
    ) -> Value {
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": kind(&format!("{HTTP}.router.v3.Router"), json!({})),
        });
        let filters = [self.meter(METER, namespace, config)];
        let filters: Vec<_> = filters.into_iter().chain(behind).chain([router]).collect();
        let log = json!({
            "call": "%REQ(X-EXCHANGE)%",
            "code": "%RESPONSE_CODE%",
            "details": "%RESPONSE_CODE_DETAILS%",
            "flags": "%RESPONSE_FLAGS%",
            "verdict": "%FILTER_STATE(wasm.api_credits.verdict:PLAIN)%",
        });
        let logger = kind(
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            json!({ "path": self.log, "log_format": { "json_format": log } }),
        );
        let mut manager = kind(
            NETWORK,
            json!({
                "stat_prefix": "api",
                "http_filters": filters,
                "route_config": { "virtual_hosts": [
                    { "name": "nothing", "domains": ["unrouted.example"] },
                    { "name": "api", "domains": ["*"], "routes": routes() },
                ] },
                "access_log": [{ "name": "envoy.access_loggers.file", "typed_config": logger }],
            }),
        );
        merge(&mut manager, settings);
        json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager })
    }

    /// The filter, as in `envoy/envoy.yaml`.
    fn meter(&self, name: &str, namespace: &str, config: &Value) -> Value {
        let mut config = config.clone();
        merge(&mut config, json!({ "namespace": namespace }));
        json!({
            "name": name,
            "typed_config": kind(&format!("{HTTP}.wasm.v3.Wasm"), json!({ "config": {
                "name": name,
                "vm_config": {
                    "vm_id": "api-credits",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": self.module } },
                },
                "allow_on_headers_stop_iteration": true,
                "failure_policy": "FAIL_RELOAD",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": config.to_string(),
                },
            } })),
        })
    }

    /// Every call costs 100, but for one that is redirected, which costs 1. Each row has an organization of its own.
    fn config() -> Value {
        let organizations: Map<_, _> = (0..ROWS)
            .map(organization)
            .chain([SOMEBODY_ELSE.to_owned()])
            .map(|organization| (organization, json!({ "edition": "Rich" })))
            .collect();
        json!({
            "identity": { "header": "orgId" },
            "editions": { "Rich": { "base": 1_000_000, "concurrency": 100 } },
            "organizations": organizations,
            "usage": { "path": api_credits_tests::example::USAGE },
            "costs": { "default": 100, "rules": [
                { "name": "moved", "operations": ["GET /moved"], "cost": 1 },
            ] },
        })
    }

    fn clusters(&self) -> Vec<Value> {
        let mut brief = cluster("brief", address(self.upstream));
        let options = kind(
            OPTIONS,
            json!({
                "common_http_protocol_options": { "max_stream_duration": SOON },
                "explicit_http_config": { "http_protocol_options": {} },
            }),
        );
        merge(
            &mut brief,
            json!({ "typed_extension_protocol_options": { OPTIONS: options } }),
        );
        let mut api = cluster("api", address(self.upstream));
        let options = kind(
            OPTIONS,
            json!({ "use_downstream_protocol_config": { "http_protocol_options": {}, "http2_protocol_options": {} } }),
        );
        merge(
            &mut api,
            json!({ "typed_extension_protocol_options": { OPTIONS: options } }),
        );
        let mut full = cluster("full", address(self.upstream));
        let none = json!({ "thresholds": [{ "max_requests": 0 }] });
        merge(&mut full, json!({ "circuit_breakers": none }));
        vec![
            api,
            brief,
            cluster("one", address(self.upstream)),
            cluster("nowhere", address(self.nowhere)),
            cluster("odd", address(self.odd)),
            full,
            json!({ "name": "empty", "load_assignment": { "cluster_name": "empty" } }),
            cluster(
                "second",
                json!({ "envoy_internal_address": { "server_listener_name": "second" } }),
            ),
        ]
    }
}

/// The routes, which calls choose by a header.
fn routes() -> Value {
    let route = |name: &str, action: Value| {
        let mut route = json!({
            "match": { "prefix": "/", "headers": [{ "name": "x-route", "string_match": { "exact": name } }] },
        });
        merge(&mut route, action);
        route
    };
    let to = |name: &str, cluster: &str, settings: Value| {
        let mut action = json!({ "cluster": cluster });
        merge(&mut action, settings);
        route(name, json!({ "route": action }))
    };
    json!([
        to("timeout", "api", json!({ "timeout": SOON })),
        to(
            "per-try timeout",
            "api",
            json!({ "retry_policy": { "retry_on": "5xx", "num_retries": 1, "per_try_timeout": SOON } })
        ),
        to("retries", "api", json!({ "retry_policy": { "retry_on": "5xx,reset", "num_retries": 2 } })),
        to("idle timeout", "api", json!({ "timeout": "0s", "idle_timeout": SOON })),
        to(
            "max_stream_duration",
            "api",
            json!({ "timeout": "0s", "max_stream_duration": { "max_stream_duration": SOON } })
        ),
        to("grpc-timeout", "api", json!({ "max_stream_duration": { "grpc_timeout_header_max": "0s" } })),
        to("upstream's max_stream_duration", "brief", json!({ "timeout": "0s" })),
        to("over HTTP/1.1", "one", json!({})),
        to("nowhere", "nowhere", json!({})),
        to("odd", "odd", json!({})),
        to("empty", "empty", json!({})),
        to("full", "full", json!({})),
        to("second", "second", json!({})),
        to("redirects", "api", json!({ "internal_redirect_policy": { "max_internal_redirects": 1 } })),
        route("direct response", json!({ "direct_response": { "status": 404 } })),
        route("direct success", json!({ "direct_response": { "status": 200 } })),
        route("redirect", json!({ "redirect": { "path_redirect": "/elsewhere" } })),
        { "match": { "prefix": "/" }, "route": { "cluster": "api" } },
    ])
}

fn authz(cluster: &str) -> Value {
    filter(
        "ext_authz.v3.ExtAuthz",
        json!({ "http_service": {
            "server_uri": { "uri": "http://authz", "cluster": cluster, "timeout": "5s" },
            "path_prefix": "/deny",
        } }),
    )
}

/// One call in ten minutes.
fn rate_limit() -> Value {
    let always = json!({ "default_value": { "numerator": 100 } });
    filter(
        "local_ratelimit.v3.LocalRateLimit",
        json!({
            "stat_prefix": "limit",
            "token_bucket": { "max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "600s" },
            "filter_enabled": always,
            "filter_enforced": always,
        }),
    )
}

fn lua() -> Value {
    let code = "function envoy_on_request(handle) handle:respond({[':status'] = '403'}, 'no') end";
    filter(
        "lua.v3.Lua",
        json!({ "default_source_code": { "inline_string": code } }),
    )
}

fn fault(status: u16) -> Value {
    filter(
        "fault.v3.HTTPFault",
        json!({ "abort": { "http_status": status, "percentage": { "numerator": 100 } } }),
    )
}

fn cache() -> Value {
    let store = kind(
        "envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
        json!({}),
    );
    filter("cache.v3.CacheConfig", json!({ "typed_config": store }))
}

/// A filter of Envoy's own, by the end of its type.
fn filter(of: &str, config: Value) -> Value {
    let name = of.split('.').next().unwrap_or(of);
    json!({
        "name": format!("envoy.filters.http.{name}"),
        "typed_config": kind(&format!("{HTTP}.{of}"), config),
    })
}

fn cluster(name: &str, endpoint: Value) -> Value {
    json!({
        "name": name,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": endpoint } }] }],
        },
    })
}

pub(crate) fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// A message with its type.
fn kind(name: &str, mut message: Value) -> Value {
    merge(
        &mut message,
        json!({ "@type": format!("type.googleapis.com/{name}") }),
    );
    message
}

/// Adds the members of one object to another.
pub(crate) fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
