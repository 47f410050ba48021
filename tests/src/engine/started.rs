//! A program that was started: it is waited for, stopped in its tracks, and ended.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::program::LOG;

/// How long it may take until it answers; other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(10);
/// How often another port is tried when somebody else was faster.
const ATTEMPTS: usize = 10;

/// A running program and its folder. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    folder: TempDir,
}

impl Started {
    /// Starts a program on a free port: `command` says how, and `answers` whether it is there.
    pub(crate) async fn on_a_free_port(
        what: &str,
        command: impl Fn(&TempDir, SocketAddr) -> anyhow::Result<Command>,
        answers: impl AsyncFn(SocketAddr, u32) -> bool,
    ) -> anyhow::Result<(SocketAddr, Self)> {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let address = free_address()?;
            let folder = tempfile::Builder::new()
                .prefix("api-credits-test-")
                .tempdir()?;
            let command = command(&folder, address)?;
            let started = Self::run(what, folder, command, async |child| {
                answers(address, child).await
            });
            match started.await? {
                Ok(started) => return Ok((address, started)),
                Err(words) => log = words,
            }
        }
        bail!("{what} ends by itself:\n{log}")
    }

    /// Starts it and waits until it answers; its last words if it ends instead.
    pub(crate) async fn run(
        what: &str,
        folder: TempDir,
        mut command: Command,
        answers: impl AsyncFn(u32) -> bool,
    ) -> anyhow::Result<Result<Self, String>> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {what}"))?;
        let mut started = Self { child, folder };
        let begun = Instant::now();
        loop {
            if started.child.try_wait()?.is_some() {
                return Ok(Err(started.log()));
            }
            if answers(started.child.id()).await {
                return Ok(Ok(started));
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{what} does not answer within {PATIENCE:?}:\n{}",
                started.log()
            );
            sleep(INTERVAL).await;
        }
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .context("cannot run kill")?;
        ensure!(status.success(), "cannot send {name}");
        Ok(())
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Either fails only for a program that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has right now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
