//! The order of filters: what each of Envoy's own does in front of this one, and behind it, as envoy/README.md recommends.

use std::fs;
use std::io::Write as _;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::client::{Connection, Response};
use api_credits_tests::example::{Example, USAGE, number};
use flate2::Compression;
use flate2::write::GzEncoder;
use host_sim::target::{HttpVersion, Request};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::exactness::COST;
use crate::{World, example};

const LIST: &str = "/api/v1/tickets";
/// What proves to the authorization service that a call is organization 7's.
const TOKEN: (&str, &str) = ("x-token", "good");
const DEMO: (&str, &str) = ("orgId", "7");

/// Where the filters of a test are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    InFront,
    Behind,
}

pub(crate) fn filters_that_answer_or_authenticate_belong_in_front(
    world: &World,
) -> anyhow::Result<()> {
    let filters = [health_check(), authorization()];
    for place in [Place::InFront, Place::Behind] {
        let yaml = with_authorization(&with_filters(&filters, place)?)?;
        let yaml = match place {
            Place::InFront => yaml,
            Place::Behind => cors_behind(&yaml)?,
        };
        let envoy = Example::start(&world.artifacts, &yaml, &example()?, 2)?;
        runtime()?.block_on(async {
            let in_front = place == Place::InFront;
            let preflight = Request {
                method: "OPTIONS".to_owned(),
                path: LIST.to_owned(),
                headers: owned(&[
                    ("origin", "https://app.example.com"),
                    ("access-control-request-method", "GET"),
                ]),
                ..Request::default()
            };
            // Neither browsers nor probes name an organization.
            let refused = (401, Some("0"));
            let expected = if in_front { (200, None) } else { refused };
            assert_eq!(told(&send(&envoy, &preflight).await?), expected);
            assert_eq!(told(&envoy.get("/livez", &[]).await?), expected);

            // Who is not allowed in pays nothing, either way.
            let response = envoy.get(LIST, &[DEMO, ("x-token", "bad")]).await?;
            assert_eq!(response.status, 403);
            assert_eq!(used(&envoy).await?, 0);
            // Only in front of the filter does the service say whose call it is, whatever the client says.
            let response = envoy.get(LIST, &[TOKEN]).await?;
            let expected = if in_front { (200, Some("3")) } else { refused };
            assert_eq!(told(&response), expected);
            let response = envoy.get(LIST, &[TOKEN, ("orgId", "2389290")]).await?;
            assert_eq!(told(&response), (200, Some("3")));
            let expected = if in_front { 6 } else { 0 };
            assert_eq!(used(&envoy).await?, expected);
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

pub(crate) fn a_cache_belongs_behind(world: &World) -> anyhow::Result<()> {
    for place in [Place::InFront, Place::Behind] {
        let yaml = with_filters(&[cache()], place)?;
        let answer = "- header: { key: content-type, value: application/json }";
        ensure!(yaml.contains(answer), "envoy.yaml has no {answer}");
        let cacheable = "- header: { key: cache-control, value: max-age=600 }";
        let yaml = yaml.replace(
            answer,
            &format!("{cacheable}\n                            {answer}"),
        );
        let envoy = Example::start(&world.artifacts, &yaml, &example()?, 1)?;
        runtime()?.block_on(async {
            let first = envoy.get(LIST, &[DEMO]).await?;
            let second = envoy.get(LIST, &[DEMO]).await?;
            ensure!(
                second.headers.contains_key("age"),
                "not from the cache: {second:?}"
            );
            // In front, the cache asks the upstream itself, past this filter: nothing is charged, not even the first call.
            let expected = match place {
                Place::InFront => (200, None),
                Place::Behind => (200, Some("3")),
            };
            assert_eq!((told(&first), told(&second)), (expected, expected));
            // Nor can it be asked what is used.
            if place == Place::Behind {
                assert_eq!(used(&envoy).await?, 6);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

pub(crate) fn what_unpacks_bodies_belongs_in_front(world: &World) -> anyhow::Result<()> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"{\"ids\":[1,2,3,4,5,6]}")?;
    let packed = packed.finish()?;
    for place in [Place::InFront, Place::Behind] {
        let yaml = with_filters(&[compressor(), decompressor()], place)?;
        let envoy = Example::start(&world.artifacts, &yaml, &example()?, 1)?;
        runtime()?.block_on(async {
            let in_front = place == Place::InFront;
            // One credit for two records, if the filter can read them.
            let close = Request {
                method: "POST".to_owned(),
                path: "/api/v1/closeTickets".to_owned(),
                headers: owned(&[
                    DEMO,
                    ("content-type", "application/json"),
                    ("content-encoding", "gzip"),
                ]),
                body: vec![packed.clone()],
                ..Request::default()
            };
            let response = send(&envoy, &close).await?;
            let expected = if in_front {
                (200, Some("3"))
            } else {
                (400, Some("0"))
            };
            assert_eq!(told(&response), expected);

            // A refusal is packed by what the call has passed already.
            while told(&envoy.get(LIST, &[DEMO]).await?).0 == 200 {}
            let accepts = ("accept-encoding", "gzip");
            let refusal = envoy.get(LIST, &[DEMO, accepts]).await?;
            assert_eq!(refusal.status, 429);
            assert_eq!(refusal.headers.contains_key("content-encoding"), in_front);
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// The example with filters next to this one.
fn with_filters(filters: &[Value], place: Place) -> anyhow::Result<String> {
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let mark = match place {
        Place::InFront => "                  # Filters that authenticate come first",
        Place::Behind => "                  - name: envoy.filters.http.router\n",
    };
    let lines: String = filters
        .iter()
        .map(|filter| format!("                  - {filter}\n"))
        .collect();
    let (before, after) = yaml.split_once(mark).context("no place for filters")?;
    Ok(format!("{before}{lines}{mark}{after}"))
}

/// With the example's own cors filter right before the router.
fn cors_behind(yaml: &str) -> anyhow::Result<String> {
    let cors = "                  - name: envoy.filters.http.cors
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors\n";
    let router = "                  - name: envoy.filters.http.router\n";
    let (before, after) = yaml.split_once(cors).context("envoy.yaml has no cors")?;
    let (between, rest) = after.split_once(router).context("no router")?;
    Ok(format!("{before}{between}{cors}{router}{rest}"))
}

/// With a service that allows calls with the token, and says that they are organization 7's.
fn with_authorization(yaml: &str) -> anyhow::Result<String> {
    let route = |matching: Value, status: u32| json!({ "match": matching, "direct_response": { "status": status } });
    let (name, value) = TOKEN;
    let mut allowed = route(
        json!({ "prefix": "/", "headers": [{ "name": name, "string_match": { "exact": value } }] }),
        200,
    );
    let told = json!([{ "header": { "key": DEMO.0, "value": DEMO.1 } }]);
    if let Some(allowed) = allowed.as_object_mut() {
        allowed.insert("response_headers_to_add".to_owned(), told);
    }
    let manager = typed(
        "network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "authz",
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": typed("http.router.v3.Router", json!({})),
            }],
            "route_config": { "virtual_hosts": [{
                "name": "authz",
                "domains": ["*"],
                "routes": [allowed, route(json!({ "prefix": "/" }), 403)],
            }] },
        }),
    );
    let listener = json!({
        "name": "authz",
        "internal_listener": {},
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    });
    let address = json!({ "envoy_internal_address": { "server_listener_name": "authz" } });
    let cluster = json!({
        "name": "authz",
        "load_assignment": {
            "cluster_name": "authz",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    });
    let mut yaml = yaml.to_owned();
    for (section, item) in [("\n  listeners:\n", listener), ("\n  clusters:\n", cluster)] {
        ensure!(yaml.matches(section).count() == 1, "not one {section}");
        yaml = yaml.replace(section, &format!("{section}    - {item}\n"));
    }
    Ok(yaml)
}

fn filter(name: &str, kind: &str, config: Value) -> Value {
    json!({ "name": name, "typed_config": typed(&format!("http.{kind}"), config) })
}

fn typed(kind: &str, mut config: Value) -> Value {
    if let Some(config) = config.as_object_mut() {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.{kind}");
        config.insert("@type".to_owned(), json!(kind));
    }
    config
}

fn health_check() -> Value {
    let probe = json!({ "name": ":path", "string_match": { "exact": "/livez" } });
    filter(
        "health_check",
        "health_check.v3.HealthCheck",
        json!({ "pass_through_mode": false, "headers": [probe] }),
    )
}

fn authorization() -> Value {
    let service = json!({
        "server_uri": { "uri": "http://authz", "cluster": "authz", "timeout": "5s" },
        "authorization_response": { "allowed_upstream_headers": { "patterns": [{ "exact": "orgid" }] } },
    });
    filter(
        "ext_authz",
        "ext_authz.v3.ExtAuthz",
        json!({ "http_service": service, "allowed_headers": { "patterns": [{ "exact": TOKEN.0 }] } }),
    )
}

fn cache() -> Value {
    let kind = "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig";
    let store = json!({ "typed_config": { "@type": kind } });
    filter("cache", "cache.v3.CacheConfig", store)
}

fn compressor() -> Value {
    let library = library("compressor.v3.Gzip");
    let config = json!({ "compressor_library": library });
    filter("compressor", "compressor.v3.Compressor", config)
}

fn decompressor() -> Value {
    let library = library("decompressor.v3.Gzip");
    let config = json!({ "decompressor_library": library });
    filter("decompressor", "decompressor.v3.Decompressor", config)
}

fn library(kind: &str) -> Value {
    let kind = format!("type.googleapis.com/envoy.extensions.compression.gzip.{kind}");
    json!({ "name": "gzip", "typed_config": { "@type": kind } })
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

async fn send(envoy: &Example, request: &Request) -> anyhow::Result<Response> {
    let mut connection = Connection::open(envoy.api, HttpVersion::One).await?;
    connection.send(request).await
}

/// The status of a response and the cost that it states.
fn told(response: &Response) -> (u16, Option<&str>) {
    let cost = response.headers.get(COST);
    (response.status, cost.and_then(|cost| cost.to_str().ok()))
}

/// What organization 7 has used.
async fn used(envoy: &Example) -> anyhow::Result<u64> {
    let response = envoy.get(USAGE, &[DEMO, TOKEN]).await?;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    ensure!(response.status == 200, "{}: {text}", response.status);
    number(&serde_json::from_str(&text)?, "/used")
}
