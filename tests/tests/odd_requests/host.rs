//! The two hosts, each with a filter that lets everything pass, and with the same configuration.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use api_credits_tests::artifacts;
use api_credits_tests::bench::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSING: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) i32.const 0))"#;

/// How a host is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// With an upstream of HTTP/1.
    One,
    /// With one of HTTP/2.
    Two,
    /// With one of HTTP/1, and for clients that go on in another protocol.
    Upgrades,
}

/// A host that runs until this is dropped.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

enum Process {
    Envoy { _server: Server },
    Sim(Child),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Sim(child) = self {
            // Either fails only for a process that has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Host {
    pub(crate) fn envoy(
        envoy: &Path,
        upstream: SocketAddr,
        setting: Setting,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let bootstrap = bootstrap(folder.path(), upstream, setting)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let server = runtime.block_on(Server::start(envoy, &bootstrap, 1))?;
        Ok(Self {
            address: server.address,
            _process: Process::Envoy { _server: server },
            _folder: folder,
        })
    }

    pub(crate) fn sim(upstream: SocketAddr, setting: Setting) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let bootstrap = bootstrap(folder.path(), upstream, setting)?;
        let file = folder.path().join("envoy.yaml");
        fs::write(&file, bootstrap.to_string())?;
        let mut child = Command::new(artifacts::host_sim()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--envoy-yaml"])
            .arg(&file)
            .arg("--upstream")
            .arg(format!("http://{upstream}"))
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("host-sim has no output")?;
        let process = Process::Sim(child);
        for line in BufReader::new(output).lines() {
            if let Some(address) = line?.strip_prefix("listening on http://") {
                return Ok(Self {
                    address: address.parse()?,
                    _process: process,
                    _folder: folder,
                });
            }
        }
        bail!("host-sim does not serve")
    }
}

/// A listener with one route, set up so.
fn bootstrap(folder: &Path, upstream: SocketAddr, setting: Setting) -> anyhow::Result<Value> {
    let module = folder.join("pending.wasm");
    fs::write(&module, wat::parse_str(PASSING)?)?;
    let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let protocol = match setting {
        Setting::Two => "http2_protocol_options",
        Setting::One | Setting::Upgrades => "http_protocol_options",
    };
    let upgrades = match setting {
        Setting::Upgrades => json!([{ "upgrade_type": "websocket" }]),
        Setting::One | Setting::Two => json!([]),
    };
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "odd",
        "upgrade_configs": upgrades,
        "http_filters": [
            { "name": "pending", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": { "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                } },
            } },
            { "name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            } },
        ],
        "route_config": { "virtual_hosts": [{
            "name": "odd",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": {
                "cluster": "odd",
                "retry_policy": { "retry_on": "retriable-status-codes", "retriable_status_codes": [520], "num_retries": 2 },
            } }],
        }] },
    });
    let endpoint =
        json!({ "socket_address": { "address": "127.0.0.1", "port_value": upstream.port() } });
    Ok(json!({
        "admin": { "address": anywhere },
        "static_resources": {
            "listeners": [{ "name": "odd", "address": anywhere, "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }] }],
            "clusters": [{ "name": "odd", "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": { protocol: {} },
                },
            }, "load_assignment": {
                "cluster_name": "odd",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": endpoint } }] }],
            } }],
        },
    }))
}
