//! A program at a terminal, as a person has it: with a line discipline that turns Ctrl-C into a signal.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long anything may take: the first run compiles the module.
const PATIENCE: Duration = Duration::from_secs(600);

/// Python has terminals in its standard library, and this project needs Python anyway.
const BRIDGE: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// A program that runs at a terminal of its own. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Terminal {
    bridge: Child,
    keyboard: ChildStdin,
    screen: Lines<BufReader<ChildStdout>>,
    /// What was shown so far.
    shown: String,
}

impl Terminal {
    /// Runs a command line in a folder.
    pub(crate) fn run(
        command: &[&str],
        folder: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut bridge = Command::new("python3")
            .args(["-c", BRIDGE])
            .args(command)
            .current_dir(folder)
            // What `make test` says to its children is not for this `make`.
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run python3")?;
        let keyboard = bridge.stdin.take().context("no standard input")?;
        let screen = bridge.stdout.take().context("no standard output")?;
        Ok(Self {
            bridge,
            keyboard,
            screen: BufReader::new(screen).lines(),
            shown: String::new(),
        })
    }

    /// Types something.
    pub(crate) async fn press(&mut self, keys: &[u8]) -> anyhow::Result<()> {
        self.keyboard.write_all(keys).await?;
        Ok(self.keyboard.flush().await?)
    }

    /// Everything shown up to the first line that contains this text.
    pub(crate) async fn until(&mut self, text: &str) -> anyhow::Result<String> {
        loop {
            match timeout(PATIENCE, self.screen.next_line()).await {
                Ok(Ok(Some(line))) => {
                    // A terminal ends lines with a carriage return as well.
                    let line = line.trim_end_matches('\r').to_owned();
                    self.shown.push_str(&line);
                    self.shown.push('\n');
                    if line.contains(text) {
                        return Ok(self.shown.clone());
                    }
                }
                Ok(Ok(None)) => anyhow::bail!("it ended without {text:?}:\n{}", self.shown),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => anyhow::bail!("no {text:?} within {PATIENCE:?}:\n{}", self.shown),
            }
        }
    }

    /// What it shows from now to its end, and how it ends.
    pub(crate) async fn finish(mut self) -> anyhow::Result<(String, ExitStatus)> {
        let rest = async {
            let mut rest = String::new();
            while let Some(line) = self.screen.next_line().await? {
                rest.push_str(line.trim_end_matches('\r'));
                rest.push('\n');
            }
            anyhow::Ok((rest, self.bridge.wait().await?))
        };
        timeout(PATIENCE, rest)
            .await
            .with_context(|| format!("it does not end within {PATIENCE:?}"))?
    }
}
