//! `host-sim serve`: the filter in a real proxy, in front of a real upstream, so that one can call it without Envoy.
//!
//! Each worker has a thread, and on it its VM, its clients and its connections to the upstream, as in Envoy; what workers share is shared.
//! Bodies come and go piece by piece, no faster than the other side takes them. WebSockets
//! and other upgrades that the listener allows go over HTTP/1.1 on either side.

mod fleet;
mod http1;
mod http2;
mod outlet;
mod outside;
mod proxy;
mod station;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use h2::Reason;
use http::Uri;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::metadata::MetadataOptions;
use super::plugin::{PluginOptions, Protocol, SymbolsOptions};
use super::watch::Watch;
use crate::command::output::say;
use fleet::{Equipment, Fleet, Threads};
use outside::{Origin, Outside};

/// What `host-sim serve` is told.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The filter; the same as --plugin
    #[arg(value_name = "FILTER.wasm")]
    module: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    symbols: SymbolsOptions,
    #[command(flatten)]
    metadata: MetadataOptions,
    /// Where clients call; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Where forwarded requests go, h2c:// for HTTP/2; without it, each of them is answered 200
    #[arg(long, value_name = "http://HOST:PORT", value_parser = address)]
    upstream: Option<Uri>,
    /// A service that the filter calls itself, as in `--cluster directory=http://127.0.0.1:9000`, h2c:// for HTTP/2; may be repeated
    #[arg(long, value_name = "NAME=http://HOST:PORT", value_parser = cluster)]
    cluster: Vec<(String, Uri)>,
    /// Take a changed filter or configuration at once
    #[arg(long)]
    watch: bool,
    /// Print every callback and hostcall
    #[arg(long)]
    trace: bool,
}

/// A cluster on the command line.
fn cluster(text: &str) -> Result<(String, Uri), String> {
    let (name, uri) = text
        .split_once('=')
        .ok_or("a cluster is written as `name=http://host:port`")?;
    Ok((name.to_owned(), address(uri)?))
}

/// Where an upstream or a service is.
fn address(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "h2c")) || uri.authority().is_none() {
        return Err(format!(
            "`{text}`: expected http://host:port, or h2c://host:port for HTTP/2"
        ));
    }
    Ok(uri)
}

/// An upstream or a service, which speaks as its address says, or else as the cluster.
fn origin(uri: &Uri, cluster: Protocol) -> Origin {
    let protocol = match uri.scheme_str() {
        Some("h2c") => Protocol::Two,
        _ => cluster,
    };
    Origin {
        uri: uri.clone(),
        protocol,
    }
}

impl Serve {
    /// Serves until it is interrupted or told to end; then calls that have begun may end.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let listener = TcpListener::bind(self.listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let options = self.plugin.clone().with_module(self.module.as_ref())?;
        let options = options
            .with_metadata(&self.metadata)
            .with_symbols(&self.symbols);
        let plugin = options.resolve()?;
        let upstream = self.upstream.as_ref();
        let upstream = upstream.map(|uri| origin(uri, plugin.clusters.upstream()));
        let upstream_http = upstream
            .as_ref()
            .map(|upstream| upstream.protocol.version());
        let of_cluster = |(name, uri): &(String, Uri)| {
            (name.clone(), origin(uri, plugin.clusters.protocol(name)))
        };
        let clusters = Arc::new(self.cluster.iter().map(of_cluster).collect());
        let signals = Signals::catch()?;
        let (stop, stopping) = watch::channel(false);
        let equipment = Equipment {
            outside: Arc::new(move || Outside::new(upstream.clone(), Arc::clone(&clusters))),
            upstream_http: upstream_http.flatten(),
            trace: self.trace,
            resets_with: match plugin.envoy.resets_with_errors() {
                true => Reason::INTERNAL_ERROR,
                false => Reason::NO_ERROR,
            },
            stopping,
        };
        let clusters = self.cluster.iter().map(|(name, _)| name.clone()).collect();
        let (fleet, threads) = Fleet::start(options, &plugin, clusters, &listener, &equipment)?;
        if self.watch {
            reload_on_change(&plugin.files, fleet)?;
        }
        say!("listening on http://{}", listener.local_addr()?);
        // The workers have it.
        drop(listener);
        signals.wait(&threads);
        // Nobody is left to be told if all threads have ended.
        let _ = stop.send(true);
        threads.join()?;
        Ok(true)
    }
}

/// What tells the proxy to end.
struct Signals {
    runtime: Runtime,
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    /// From now on signals do not end the process by themselves.
    fn catch() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let caught = |kind| runtime.block_on(async { signal(kind) });
        Ok(Self {
            interrupted: caught(SignalKind::interrupt())?,
            terminated: caught(SignalKind::terminate())?,
            runtime,
        })
    }

    /// Waits until the proxy is interrupted or told to end, or cannot go on.
    fn wait(mut self, threads: &Threads) {
        self.runtime.block_on(async {
            let broken = async {
                let mut looks = tokio::time::interval(Duration::from_millis(100));
                while !threads.any_has_ended() {
                    looks.tick().await;
                }
            };
            tokio::select! {
                _ = self.interrupted.recv() => {}
                _ = self.terminated.recv() => {}
                () = broken => {}
            }
        });
    }
}

/// Takes changes.
fn reload_on_change(files: &[PathBuf], mut fleet: Fleet) -> anyhow::Result<()> {
    let mut watch = Watch::new()?;
    for file in files {
        watch.add(file)?;
    }
    thread::spawn(move || {
        while watch.until_one_changes().is_ok() {
            match fleet.reload() {
                Ok(what) => say!("reloaded: {what}"),
                Err(error) => crate::command::print_error(&error.context("still the old one")),
            }
        }
    });
    Ok(())
}
