//! `host-sim serve`: the filter in a real proxy, in front of a real upstream, so that one can call it without Envoy.
//!
//! One thread runs the simulation, with all its workers; requests, answers and the clock reach it as events, and it never waits for
//! anything else. A request is read whole before the filter sees it, piece by piece, and an answer is sent when all of it has passed
//! the filter: what streams for long, as WebSockets and server-sent events do, is not for this proxy.

mod outside;
mod proxy;
mod simulation;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context as _, anyhow};
use clap::Args;
use http::Uri;
use tokio::net::TcpListener;

use super::plugin::PluginOptions;
use super::watch::Watch;
use crate::command::output::say;
use outside::Outside;
use simulation::{Event, Simulation};

/// What `host-sim serve` is told.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The filter; the same as --plugin
    #[arg(value_name = "FILTER.wasm")]
    module: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginOptions,
    /// Where clients call; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Where forwarded requests go; without it, each of them is answered 200
    #[arg(long, value_name = "http://HOST:PORT")]
    upstream: Option<Uri>,
    /// A service that the filter calls itself, as in `--cluster directory=http://127.0.0.1:9000`; may be repeated
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
    let uri: Uri = uri.parse().map_err(|error| format!("`{uri}`: {error}"))?;
    if uri.scheme_str() != Some("http") || uri.authority().is_none() {
        return Err(format!("`{uri}`: expected http://host:port"));
    }
    Ok((name.to_owned(), uri))
}

impl Serve {
    /// Serves until it is interrupted.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let outside = Outside::new(
            runtime.handle().clone(),
            self.upstream.clone(),
            self.cluster.iter().cloned().collect(),
        );
        let (events, received) = mpsc::channel();
        let (started, ready) = mpsc::channel();
        let options = self.plugin.clone().with_module(self.module.as_ref())?;
        let (sender, trace) = (events.clone(), self.trace);
        // The simulation does not leave its thread.
        let simulating = thread::spawn(move || {
            let simulation = Simulation::start(options, outside, sender, trace);
            match simulation {
                Ok((simulation, files)) => {
                    let _ = started.send(Ok(files));
                    simulation.run(&received)
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    Ok(())
                }
            }
        });
        let files = ready.recv()??;
        if self.watch {
            reload_on_change(&files, events.clone())?;
        }
        let served = runtime.block_on(self.serve(events.clone()));
        let _ = events.send(Event::Stop);
        simulating
            .join()
            .map_err(|_| anyhow!("the simulation has panicked"))??;
        served.map(|()| true)
    }

    async fn serve(&self, events: Sender<Event>) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        say!("listening on http://{}", listener.local_addr()?);
        tokio::select! {
            served = proxy::serve(&listener, events) => served,
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    }
}

/// Tells the simulation of changes.
fn reload_on_change(files: &[PathBuf], events: Sender<Event>) -> anyhow::Result<()> {
    let mut watch = Watch::new()?;
    for file in files {
        watch.add(file)?;
    }
    thread::spawn(
        move || {
            while watch.until_one_changes().is_ok() && events.send(Event::Reload).is_ok() {}
        },
    );
    Ok(())
}
