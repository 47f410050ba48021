//! One Envoy process: started in a folder of its own, waited for, asked through its admin interface, and ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use host_sim::target::LogLevel;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{access_log, filter, log};
use crate::client;

/// How long Envoy may take until it serves; it compiles the module first, and other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(10);

/// A serving Envoy. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    /// Goes before the folder does.
    _child: Ending,
    folder: TempDir,
    admin: SocketAddr,
    /// Where clients call.
    pub(super) api: SocketAddr,
}

/// How many delivered configurations Envoy has accepted and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deliveries {
    pub(super) accepted: u64,
    pub(super) refused: u64,
}

/// What became of an attempt to start Envoy.
pub(super) enum Launch {
    /// It serves.
    Ready(Process),
    /// It ended, which is how it refuses a configuration.
    Ended {
        /// All that it wrote.
        log: String,
    },
}

/// A process that is ended when this is dropped.
#[derive(Debug)]
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // Either fails only for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts Envoy and waits until it serves or has ended.
    pub(super) async fn launch(
        envoy: &Path,
        folder: TempDir,
        bootstrap: &Value,
        workers: u32,
        log_level: LogLevel,
    ) -> anyhow::Result<Launch> {
        let config = folder.path().join("envoy.json");
        fs::write(&config, bootstrap.to_string())?;
        let output = File::create(folder.path().join("envoy.log"))?;
        let admin_file = folder.path().join("admin");
        let child = Command::new(envoy)
            .arg("-c")
            .arg(&config)
            .args([
                "--concurrency",
                &workers.to_string(),
                "--disable-hot-restart",
            ])
            .args([
                "--log-level",
                "warning",
                "--component-log-level",
                &format!("wasm:{log_level}"),
                "--log-format",
                &log::format(),
            ])
            .args([
                "--file-flush-interval-msec",
                &access_log::INTERVAL.as_millis().to_string(),
            ])
            .arg("--admin-address-path")
            .arg(&admin_file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", envoy.display()))?;
        let mut child = Ending(child);
        let ready = timeout(PATIENCE, ready(&mut child, &admin_file))
            .await
            .with_context(|| {
                format!(
                    "Envoy does not serve after {PATIENCE:?}:\n{}",
                    text(folder.path()).unwrap_or_default()
                )
            })?;
        match ready? {
            Some(admin) => Ok(Launch::Ready(Self {
                _child: child,
                folder,
                admin,
                api: api(admin).await?,
            })),
            None => Ok(Launch::Ended {
                log: text(folder.path())?,
            }),
        }
    }

    /// The value of a counter or gauge of Envoy's, if there is one of this name.
    pub(super) async fn stat(&self, name: &str) -> anyhow::Result<Option<u64>> {
        // Names of metrics are letters, digits, dots and underscores, of which only the dot means something in a pattern.
        let path = format!("/stats?filter=^{}$", name.replace('.', "%5C."));
        let response = client::get(self.admin, &path).await?;
        ensure!(
            response.status == 200,
            "Envoy's admin interface answered {} to {path}",
            response.status
        );
        let text = String::from_utf8(response.body)?;
        match text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        {
            Some(value) => Ok(Some(
                value
                    .parse()
                    .with_context(|| format!("value of {name}: {value:?}"))?,
            )),
            None => Ok(None),
        }
    }

    /// What became of the configurations that were delivered to it.
    pub(super) async fn deliveries(&self) -> anyhow::Result<Deliveries> {
        let of = format!("extension_config_discovery.http_filter.{}", filter::NAME);
        let outcome = async |outcome| {
            let value = self.stat(&format!("{of}.{outcome}")).await?;
            value.with_context(|| format!("Envoy does not count {of}.{outcome}"))
        };
        Ok(Deliveries {
            accepted: outcome("update_success").await?,
            refused: outcome("update_rejected").await?,
        })
    }

    /// All that Envoy wrote so far.
    pub(super) fn log(&self) -> anyhow::Result<String> {
        text(self.folder.path())
    }
}

/// The address of the admin interface as soon as Envoy says that it is ready, or nothing when Envoy has ended.
async fn ready(child: &mut Ending, admin_file: &Path) -> anyhow::Result<Option<SocketAddr>> {
    loop {
        if child.0.try_wait()?.is_some() {
            return Ok(None);
        }
        // The file appears and is filled at some time, and answers come some time later.
        if let Some(admin) = fs::read_to_string(admin_file)
            .ok()
            .and_then(|address| address.trim_end().parse().ok())
            && let Ok(response) = client::get(admin, "/ready").await
            && response.status == 200
        {
            return Ok(Some(admin));
        }
        sleep(INTERVAL).await;
    }
}

/// Where the listener `api` listens.
async fn api(admin: SocketAddr) -> anyhow::Result<SocketAddr> {
    let response = client::get(admin, "/listeners?format=json").await?;
    let answer: Value = serde_json::from_slice(&response.body)?;
    let Some(port) = answer.pointer("/listener_statuses/0/local_address/socket_address/port_value")
    else {
        bail!("Envoy lists no listener: {answer}");
    };
    let port = port
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .with_context(|| format!("port {port}"))?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn text(folder: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(folder.join("envoy.log")).context("cannot read Envoy's log")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
