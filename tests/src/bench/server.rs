//! A running Envoy that is measured.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::cpu;
use crate::client;

/// How long Envoy may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile. The start is measured no finer than that.
const INTERVAL: Duration = Duration::from_millis(2);

/// A serving Envoy. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Goes before the folder does.
    process: Ending,
    _folder: TempDir,
    /// Where clients call.
    pub address: SocketAddr,
    /// From when the process was started until a call was answered.
    pub start: Duration,
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

impl Server {
    /// Starts Envoy with this configuration, and waits for its answer to a first call.
    ///
    /// # Errors
    ///
    /// When it does not serve; with what it wrote.
    pub async fn start(envoy: &Path, bootstrap: &Value, workers: u32) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("api-credits-bench-")
            .tempdir()?;
        let config = folder.path().join("envoy.json");
        fs::write(&config, bootstrap.to_string())?;
        let log = folder.path().join("envoy.log");
        let output = File::create(&log)?;
        let admin = folder.path().join("admin");
        let started = Instant::now();
        let child = Command::new(envoy)
            .arg("-c")
            .arg(&config)
            .args(["--concurrency", &workers.to_string()])
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .arg("--admin-address-path")
            .arg(&admin)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", envoy.display()))?;
        let mut process = Ending(child);
        let serving = timeout(PATIENCE, serving(&mut process, &admin)).await;
        let serving = serving.unwrap_or_else(|_| Err(anyhow::anyhow!("it hangs")));
        let address = serving.with_context(|| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            format!("Envoy does not serve:\n{log}")
        })?;
        Ok(Self {
            process,
            _folder: folder,
            address,
            start: started.elapsed(),
        })
    }

    /// The CPU time that it has used so far.
    ///
    /// # Errors
    ///
    /// When it has ended, or the kernel does not tell.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu::used(self.process.0.id())
    }
}

/// Waits until a call is answered; where.
async fn serving(process: &mut Ending, admin: &Path) -> anyhow::Result<SocketAddr> {
    let address = loop {
        ensure!(process.0.try_wait()?.is_none(), "it has ended");
        if let Some(address) = listening(admin).await {
            break address;
        }
        sleep(INTERVAL).await;
    };
    // The call waits until a worker takes it.
    let answer = client::get(address, "/api/v1/tickets/1").await?;
    ensure!(
        answer.status > 0,
        "the first call got no answer from {address}"
    );
    Ok(address)
}

/// Where its listener listens, as soon as its admin interface says so.
async fn listening(admin: &Path) -> Option<SocketAddr> {
    let admin: SocketAddr = fs::read_to_string(admin).ok()?.trim_end().parse().ok()?;
    let response = client::get(admin, "/listeners?format=json").await.ok()?;
    let answer: Value = serde_json::from_slice(&response.body).ok()?;
    let address = answer.pointer("/listener_statuses/0/local_address/socket_address")?;
    let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}
