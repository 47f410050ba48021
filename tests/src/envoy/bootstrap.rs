//! The configuration of one Envoy process, as JSON: one listener, the filter, one upstream.
//!
//! Everything is as an operator has it (envoy/envoy.yaml), except that ports are free ones, that the access log is for the
//! tests, that calls whose upstream is to fail have routes of their own, and that HTTP/2 calls go to the upstream as HTTP/2, so that trailers get through.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use host_sim::target::Setup;
use serde_json::{Map, Value, json};

use super::neighbour;
use super::routing::{DIRECT, ELSEWHERE, FOLLOWS, IMPATIENT, NOBODY, NOWHERE, ROUTE};
use crate::grpc::GrpcServer;
use crate::service::Service;
use crate::upstream::{EXCHANGE, Upstream};

/// What differs from one process to the next.
#[derive(Debug)]
pub(super) struct Bootstrap<'a> {
    pub(super) setup: &'a Setup,
    /// The elements of `http_filters`, without the router.
    pub(super) filters: Vec<Value>,
    pub(super) upstream: &'a Upstream,
    pub(super) services: &'a BTreeMap<String, Service>,
    pub(super) grpc_services: &'a BTreeMap<String, GrpcServer>,
    pub(super) access_log: &'a Path,
}

impl Bootstrap<'_> {
    /// The whole document.
    pub(super) fn render(&self) -> Value {
        let mut listener = json!({
            "name": "api",
            "stat_prefix": "api",
            "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.connection_manager(),
            }] }],
        });
        if let (Some(bytes), Some(listener)) = (
            self.setup
                .filters
                .iter()
                .find_map(|filter| filter.plugin.buffer_limit_bytes),
            listener.as_object_mut(),
        ) {
            listener.insert("per_connection_buffer_limit_bytes".to_owned(), json!(bytes));
        }
        let mut clusters = vec![
            upstream_cluster("api", self.upstream.address),
            upstream_cluster(NOWHERE, self.upstream.nowhere),
            json!({ "name": NOBODY, "load_assignment": { "cluster_name": NOBODY } }),
        ];
        let services = self.services.iter();
        clusters.extend(services.map(|(name, service)| service_cluster(name, service)));
        let services = self.grpc_services.iter();
        clusters.extend(services.map(|(name, service)| grpc_cluster(name, service.address)));
        json!({
            // Envoy asks for them as soon as anything is delivered to it.
            "node": { "id": "tests", "cluster": "tests" },
            "admin": { "address": address(SocketAddr::from(([127, 0, 0, 1], 0))) },
            "static_resources": { "listeners": [listener], "clusters": clusters },
        })
    }

    fn connection_manager(&self) -> Value {
        let metadata = (!self.setup.metadata.is_empty()).then(|| self.metadata());
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let filters = metadata.into_iter().chain(self.filters.iter().cloned());
        let neighbour = self.setup.neighbours.then(neighbour::filter);
        let filters: Vec<_> = filters.chain(neighbour).chain([router]).collect();
        let times = &self.setup.timeouts;
        let upgrades = self.setup.upgrades.iter();
        let upgrades = upgrades.map(|protocol| json!({ "upgrade_type": protocol }));
        let upgrades: Vec<_> = upgrades.collect();
        let redirects = json!({ "redirect_response_codes": [301, 302, 303, 307, 308] });
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "api",
            "http_filters": filters,
            "upgrade_configs": upgrades,
            "stream_idle_timeout": times.idle.map(seconds),
            "request_timeout": times.request.map(seconds),
            "route_config": { "virtual_hosts": [{
                "name": "api",
                "domains": ["*"],
                "routes": [
                    route(IMPATIENT, "route", json!({ "cluster": "api", "timeout": "0.3s" })),
                    route(NOWHERE, "route", json!({ "cluster": NOWHERE })),
                    route(NOBODY, "route", json!({ "cluster": NOBODY })),
                    route(DIRECT, "direct_response", json!({ "status": 404 })),
                    route(ELSEWHERE, "redirect", json!({ "path_redirect": "/elsewhere" })),
                    route(FOLLOWS, "route", json!({ "cluster": "api", "internal_redirect_policy": redirects })),
                    { "match": { "prefix": "/" }, "route": {
                        "cluster": "api",
                        "retry_policy": self.setup.route.retry_policy,
                        "timeout": times.route.map(seconds),
                        "max_stream_duration": times.grpc_timeout_header_max.map(|most| json!({
                            "grpc_timeout_header_max": seconds(most),
                            "max_stream_duration": times.max_stream_duration.map(seconds),
                        })),
                    } },
                ],
            }] },
            "access_log": [{
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": self.access_log,
                    "log_format": { "json_format": self.access_log_line() },
                },
            }],
        });
        let mut settings = json!(self.setup.connection_manager);
        let common = settings.pointer_mut("/common_http_protocol_options");
        if let Some(common) = common.and_then(Value::as_object_mut) {
            let longest = json!(times.max_stream_duration.map(seconds));
            common.insert("max_stream_duration".to_owned(), longest);
        }
        if let (Some(manager), Value::Object(settings)) = (manager.as_object_mut(), settings) {
            manager.extend(settings);
        }
        manager
    }

    /// The filter that says of every request what filters before the plugin say.
    fn metadata(&self) -> Value {
        let namespaces = self.setup.metadata.iter();
        let namespaces = namespaces
            .map(|(namespace, value)| json!({ "metadata_namespace": namespace, "value": value }));
        json!({
            "name": "envoy.filters.http.set_metadata",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
                "metadata": namespaces.collect::<Vec<_>>(),
            },
        })
    }

    /// The exchange that a line is about, and the filter state that the scenario looks at.
    fn access_log_line(&self) -> Value {
        let properties: Map<String, Value> = self
            .setup
            .properties
            .iter()
            .map(|key| {
                (
                    key.clone(),
                    json!(format!("%FILTER_STATE(wasm.{key}:PLAIN)%")),
                )
            })
            .collect();
        json!({
            "exchange": format!("%REQ({EXCHANGE})%"),
            "properties": properties,
            "details": "%RESPONSE_CODE_DETAILS%",
            "sent": "%DOWNSTREAM_WIRE_BYTES_SENT%",
            "grpc_status": "%GRPC_STATUS_NUMBER%",
        })
    }
}

/// As the JSON form of Protocol Buffers has it.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

/// A route that is chosen by [`ROUTE`], which the upstream does not see.
fn route(name: &str, kind: &str, action: Value) -> Value {
    json!({
        "match": { "prefix": "/", "headers": [{ "name": ROUTE, "string_match": { "exact": name } }] },
        kind: action,
        "request_headers_to_remove": [ROUTE],
    })
}

fn upstream_cluster(name: &str, endpoint: SocketAddr) -> Value {
    let mut cluster = cluster(name, endpoint);
    let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "use_downstream_protocol_config": { "http_protocol_options": {}, "http2_protocol_options": {} },
    } });
    cluster.insert("typed_extension_protocol_options".to_owned(), options);
    Value::Object(cluster)
}

/// The cluster of a gRPC service, which is HTTP/2.
fn grpc_cluster(name: &str, endpoint: SocketAddr) -> Value {
    let mut cluster = cluster(name, endpoint);
    let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    } });
    cluster.insert("typed_extension_protocol_options".to_owned(), options);
    Value::Object(cluster)
}

/// A service's cluster; one that speaks no HTTP gets the bodies of calls and nothing else.
fn service_cluster(name: &str, service: &Service) -> Value {
    let mut cluster = cluster(name, service.address);
    if !service.http {
        let upstream = json!({
            "name": "envoy.upstreams.http.tcp",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.tcp.v3.TcpConnectionPoolProto",
            },
        });
        cluster.insert("upstream_config".to_owned(), upstream);
    }
    Value::Object(cluster)
}

fn cluster(name: &str, endpoint: SocketAddr) -> Map<String, Value> {
    let assignment = json!({
        "cluster_name": name,
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(endpoint) } }] }],
    });
    Map::from_iter([
        ("name".to_owned(), json!(name)),
        ("load_assignment".to_owned(), assignment),
    ])
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
