//! A program of `tests/clients` while it runs: it says when it is ready, is told in one line what to do, and says in lines what came of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// How long a program may be silent: it loads its library, and waits as the library has it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or ends or says something else first.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let program = Self {
            child,
            input,
            lines,
        };
        let first = program.line()?;
        ensure!(first == "ready", "a program began with {first:?}");
        Ok(program)
    }

    /// Tells it what to do.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn tell(&mut self, what: &Value) -> anyhow::Result<()> {
        writeln!(self.input, "{what}")?;
        Ok(self.input.flush()?)
    }

    /// What it says next.
    ///
    /// # Errors
    ///
    /// When it says nothing for a minute, or no JSON.
    pub fn hear(&self) -> anyhow::Result<Value> {
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("a program said {line:?}"))
    }

    fn line(&self) -> anyhow::Result<String> {
        let line = self.lines.recv_timeout(PATIENCE);
        line.with_context(|| format!("a program has nothing to say for {PATIENCE:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Either fails only for a program that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
