//! A command that goes on until it is told to stop.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Nothing here takes longer than this, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    process: Child,
    lines: Receiver<String>,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        // One pipe for both, as on a terminal: what was said first is read first.
        let (output, input) = std::io::pipe().unwrap();
        let process = command
            .stdout(input.try_clone().unwrap())
            .stderr(input)
            .spawn()
            .unwrap();
        // It holds the pipe's other end too, which would then never close.
        drop(command);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// What it says next.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).unwrap()
    }

    /// Interrupts it as Ctrl-C does: how it exits, and what it still said.
    pub(crate) fn interrupt(self) -> (Option<i32>, Vec<String>) {
        self.signal("-INT");
        self.end()
    }

    /// Tells it to end, as service managers do.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(killed.success());
    }

    /// How it exits by itself, and what it still said.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.process.wait().unwrap();
        (status.code(), self.lines.iter().collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
