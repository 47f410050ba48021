//! What an Envoy configuration says of the connection manager around the filters, and of its only route.

use anyhow::Context as _;
use host_sim::target::{ConnectionManager, RouteSettings, Timeouts};
use serde_json::{Map, Value};

use super::document::below;
use super::reading::{Reading, member};
use super::schema::HTTP_CONNECTION_MANAGER;

/// A connection manager and its only route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager {
    pub(in crate::command::plugin) settings: ConnectionManager,
    pub(in crate::command::plugin) route: RouteSettings,
    pub(in crate::command::plugin) upgrades: Vec<String>,
    pub(in crate::command::plugin) timeouts: Timeouts,
}

/// Reads the manager at a JSON pointer.
///
/// # Errors
///
/// When Envoy would not understand it.
pub(super) fn read(
    manager: &Map<String, Value>,
    pointer: &str,
    reading: &mut Reading<'_>,
) -> anyhow::Result<Manager> {
    let whole = Value::Object(manager.clone());
    let mut settings = reading.message(&whole, pointer, &HTTP_CONNECTION_MANAGER)?;
    settings.remove("http_filters");
    let upgrades = settings.remove("upgrade_configs");
    let upgrades = upgrades.as_ref().and_then(Value::as_array);
    let upgrades = upgrades.into_iter().flatten().filter_map(|upgrade| {
        let enabled = upgrade.get("enabled").and_then(Value::as_bool) != Some(false);
        let name = upgrade.get("upgrade_type").and_then(Value::as_str);
        name.filter(|_| enabled).map(str::to_owned)
    });
    let upgrades = upgrades.collect();
    let mut timeouts = Map::new();
    let mut time = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            timeouts.insert(key.to_owned(), value);
        }
    };
    time("idle", settings.remove("stream_idle_timeout"));
    time("request", settings.remove("request_timeout"));
    let common = settings.get_mut("common_http_protocol_options");
    let common = common.and_then(Value::as_object_mut);
    time(
        "max_stream_duration",
        common.and_then(|common| common.remove("max_stream_duration")),
    );
    let routes = settings.remove("route_config").unwrap_or_default();
    let route = only_route(&routes);
    if route.is_none() && has_routes(&routes) {
        let pointer = below(pointer, "route_config");
        reading.note(
            &pointer,
            "all of several routes, as far as filters notice them",
        );
    }
    let route = route.cloned().unwrap_or_default();
    time("route", route.get("timeout").cloned());
    let longest = route.get("max_stream_duration");
    for key in ["max_stream_duration", "grpc_timeout_header_max"] {
        time(key, longest.and_then(|longest| longest.get(key)).cloned());
    }
    let policy = route.get("retry_policy").cloned();
    let policy = policy.map(serde_json::from_value).transpose();
    let settings = serde_path_to_error::deserialize(Value::Object(settings));
    Ok(Manager {
        settings: settings.context("the connection manager")?,
        route: RouteSettings {
            retry_policy: policy.context("route.retry_policy")?,
        },
        upgrades,
        timeouts: serde_json::from_value(Value::Object(timeouts)).context("a time-out")?,
    })
}

/// The cluster of the first route that names one, of a manager as it is written.
pub(super) fn cluster(manager: &Map<String, Value>) -> Option<String> {
    let list = |object: Option<&Value>, name: &str| -> Vec<Value> {
        let list = object.and_then(|object| member(object.as_object()?, name)?.as_array());
        list.cloned().unwrap_or_default()
    };
    let hosts = list(member(manager, "route_config"), "virtual_hosts");
    let mut routes = hosts.iter().flat_map(|host| list(Some(host), "routes"));
    routes.find_map(|route| Some(route.pointer("/route/cluster")?.as_str()?.to_owned()))
}

fn hosts(routes: &Value) -> &[Value] {
    let hosts = routes.get("virtual_hosts").and_then(Value::as_array);
    hosts.map_or(&[], Vec::as_slice)
}

fn routes_of(host: &Value) -> &[Value] {
    let routes = host.get("routes").and_then(Value::as_array);
    routes.map_or(&[], Vec::as_slice)
}

/// The route of a connection manager that has one only.
fn only_route(routes: &Value) -> Option<&Value> {
    let [host] = hosts(routes) else {
        return None;
    };
    match routes_of(host) {
        [route] => route.get("route"),
        _ => None,
    }
}

/// Whether any of several routes says what a filter could notice.
fn has_routes(routes: &Value) -> bool {
    let routes: Vec<_> = hosts(routes).iter().flat_map(routes_of).collect();
    let says = |route: &&Value| {
        let route = route.get("route").and_then(Value::as_object);
        route.is_some_and(|route| !route.is_empty())
    };
    routes.len() > 1 && routes.iter().any(says)
}
