//! Web servers and proxies in front of an upstream, with the access logs that they write by default.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use tokio::net::TcpStream;

use crate::artifacts::Artifacts;
use crate::engine::program::{LOG, Program};
use crate::engine::started::Started;

/// A program that writes access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nginx.
    Nginx,
    /// Apache.
    Apache,
    /// HAProxy, which logs as it would to syslog.
    Haproxy,
    /// Caddy.
    Caddy,
    /// Envoy.
    Envoy,
}

/// A running one on a free port, of 127.0.0.1 and of ::1. It ends when dropped.
#[derive(Debug)]
pub struct WebServer {
    /// Where it listens.
    pub address: SocketAddr,
    kind: Kind,
    started: Started,
}

impl WebServer {
    /// Starts it in front of an upstream.
    ///
    /// # Errors
    ///
    /// When there is none to be had, or it does not serve.
    pub async fn start(kind: Kind, upstream: SocketAddr) -> anyhow::Result<Self> {
        let program = kind.program()?;
        let (address, started) = Started::on_a_free_port(
            kind.name(),
            |folder, address| kind.command(&program, folder.path(), address, upstream),
            async |address, _| {
                let six = SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port());
                TcpStream::connect(address).await.is_ok() && TcpStream::connect(six).await.is_ok()
            },
        )
        .await?;
        Ok(Self {
            address,
            kind,
            started,
        })
    }

    /// The files that it logs to.
    #[must_use]
    pub fn logs(&self) -> Vec<PathBuf> {
        let names: &[&str] = match self.kind {
            Kind::Nginx => &["access.log", "json.log"],
            Kind::Apache => &["access.log", "vhost.log", "json.log"],
            Kind::Haproxy => &[LOG],
            Kind::Caddy | Kind::Envoy => &["access.log"],
        };
        names
            .iter()
            .map(|name| self.started.folder().join(name))
            .collect()
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Envoy => "envoy",
        }
    }

    fn program(self) -> anyhow::Result<Program> {
        let packages: &[&str] = match self {
            Self::Envoy => return Ok(Program::at(Artifacts::obtain()?.envoy, None)),
            Self::Nginx => &["nginx"],
            Self::Apache => &["apache2-bin"],
            Self::Haproxy => &["haproxy"],
            Self::Caddy => &["caddy"],
        };
        let name = self.name();
        Program::debian(name, packages)?.with_context(|| {
            format!(
                "there is no {name}: install it (on Debian: apt-get install {})",
                packages.join(" ")
            )
        })
    }

    fn command(
        self,
        program: &Program,
        folder: &Path,
        address: SocketAddr,
        upstream: SocketAddr,
    ) -> anyhow::Result<Command> {
        let file = folder.join("configuration");
        let here = folder.display();
        let text = match self {
            Self::Nginx => nginx(folder, address.port(), upstream),
            Self::Apache => apache(program, folder, address.port(), upstream)?,
            Self::Haproxy => haproxy(address.port(), upstream),
            Self::Caddy => caddy(folder, address.port(), upstream),
            Self::Envoy => envoy(folder, address.port(), upstream),
        };
        fs::write(&file, text)?;
        let file = file.display().to_string();
        let mut command = program.command(folder)?;
        match self {
            Self::Nginx => command.args(["-p", &here.to_string(), "-e", "errors.log", "-c", &file]),
            // One process, so that none is left when it is killed.
            Self::Apache => command.args(["-X", "-f", &file]),
            Self::Haproxy => command.args(["-db", "-f", &file]),
            Self::Caddy => command.env("HOME", folder).args([
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                &file,
            ]),
            Self::Envoy => command
                .args([
                    "--use-dynamic-base-id",
                    "--concurrency",
                    "1",
                    "--config-yaml",
                ])
                .arg(
                    // The file's name says nothing of its format.
                    fs::read_to_string(&file)?,
                ),
        };
        Ok(command)
    }
}

fn nginx(folder: &Path, port: u16, upstream: SocketAddr) -> String {
    let here = folder.display();
    format!(
        "daemon off; master_process off; pid {here}/pid; events {{}}
        http {{
            client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
            uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
            log_format json escape=json '{{\"time\":\"$msec\",\"request\":\"$request\",\"status\":\"$status\",'
                '\"request_time\":\"$request_time\",\"http_orgid\":\"$http_orgid\",\"http_user_agent\":\"$http_user_agent\"}}';
            access_log {here}/access.log;
            access_log {here}/json.log json;
            server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; location / {{ proxy_pass http://{upstream}; }} }}
        }}"
    )
}

fn apache(
    program: &Program,
    folder: &Path,
    port: u16,
    upstream: SocketAddr,
) -> anyhow::Result<String> {
    let here = folder.display();
    let root = program.root().context("Apache is in no folder")?;
    let modules = root.join("usr/lib/apache2/modules");
    let modules = modules.display();
    let loaded: String = [
        "mpm_event",
        "authz_core",
        "authz_user",
        "authn_core",
        "authn_file",
        "auth_basic",
        "proxy",
        "proxy_http",
    ]
    .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
    .concat();
    // Both have the password x.
    let users: String = ["acme", "beta"]
        .map(|name| format!("{name}:{{SHA}}EfatjsUqKYSrqv18O1FlA3hcIHI=\n"))
        .concat();
    fs::write(folder.join("users"), users)?;
    Ok(format!(
        r#"ServerName api.example
        ServerRoot {here}
        PidFile {here}/pid
        DefaultRuntimeDir {here}
        Listen 127.0.0.1:{port}
        Listen [::1]:{port}
        {loaded}
        User nobody
        Group nogroup
        ErrorLog {here}/errors.log
        LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{{Referer}}i\" \"%{{User-Agent}}i\"" vhost_combined
        LogFormat "%h %l %u %t \"%r\" %>s %O \"%{{Referer}}i\" \"%{{User-Agent}}i\"" combined
        LogFormat "{{ \"time\":\"%t\", \"process\":\"%D\", \"remoteIP\":\"%a\", \"request\":\"%U\", \"query\":\"%q\", \"method\":\"%m\", \"status\":\"%>s\", \"userAgent\":\"%{{User-agent}}i\", \"orgid\":\"%{{orgId}}i\" }}" json
        CustomLog {here}/access.log combined
        CustomLog {here}/vhost.log vhost_combined
        CustomLog {here}/json.log json
        <Location />
            AuthType Basic
            AuthName api
            AuthUserFile {here}/users
            Require valid-user
        </Location>
        ProxyPass / http://{upstream}/
        "#
    ))
}

fn haproxy(port: u16, upstream: SocketAddr) -> String {
    // HAProxy wants every line to have an end.
    format!(
        "global
            log stdout format rfc3164 local0
        defaults
            mode http
            log global
            option httplog
            option dontlognull
            timeout connect 30s
            timeout client 30s
            timeout server 30s
        frontend api
            bind 127.0.0.1:{port}
            bind ::1:{port}
            http-request capture req.hdr(orgId) len 64
            http-request capture req.hdr(user-agent) len 64
            default_backend upstream
        backend upstream
            server one {upstream}
"
    )
}

fn caddy(folder: &Path, port: u16, upstream: SocketAddr) -> String {
    let here = folder.display();
    format!(
        "{{
            admin off
            auto_https off
        }}
        http://:{port} {{
            bind 127.0.0.1 ::1
            log {{
                output file {here}/access.log
            }}
            reverse_proxy {upstream}
        }}
        "
    )
}

fn envoy(folder: &Path, port: u16, upstream: SocketAddr) -> String {
    let listener = |name: &str, address: &str| {
        serde_json::json!({
            "name": name,
            "address": { "socket_address": { "address": address, "port_value": port } },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "api",
                    "access_log": [{
                        "name": "envoy.access_loggers.file",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                            "path": folder.join("access.log"),
                        },
                    }],
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                    }],
                    "route_config": { "virtual_hosts": [{
                        "name": "api", "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
                    }] },
                },
            }] }],
        })
    };
    serde_json::json!({ "static_resources": {
        "listeners": [listener("four", "127.0.0.1"), listener("six", "::1")],
        "clusters": [{
            "name": "upstream", "type": "STATIC",
            "load_assignment": { "cluster_name": "upstream", "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": { "socket_address": { "address": upstream.ip().to_string(), "port_value": upstream.port() } },
            } }] }] },
        }],
    } })
    .to_string()
}
