//! A headless Chromium, driven by the DevTools protocol over a pair of pipes: no port, no library.
//!
//! With `--remote-debugging-pipe`, Chromium reads messages from descriptor 3 and writes them to descriptor 4, each a JSON text that ends
//! with a NUL (Chromium, `content/browser/devtools/devtools_pipe_handler.cc`). A shell puts our pipes there.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long Chromium may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running browser. It ends when dropped.
pub(crate) struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    /// Events that nobody has waited for yet.
    events: Vec<Value>,
    last_id: u64,
    _profile: TempDir,
}

impl Browser {
    /// Starts `program` with a new profile.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(program: &Path) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 1>&2"#])
            .arg(program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Chromium complains of everything that a container lacks.
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Chromium")?;
        let input = process.stdin.take().context("no pipe to Chromium")?;
        let output = process.stdout.take().context("no pipe from Chromium")?;
        let (sender, messages) = channel();
        // It ends with the process, whose end of the pipe it reads.
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    return;
                };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            process,
            input,
            messages,
            events: Vec::new(),
            last_id: 0,
            _profile: profile,
        })
    }

    /// Calls a method of the protocol, in a session if it is one of a page.
    ///
    /// # Errors
    ///
    /// When Chromium refuses it or does not answer.
    pub(crate) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> anyhow::Result<Value> {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut text = message.to_string().into_bytes();
        text.push(0);
        self.input
            .write_all(&text)
            .with_context(|| format!("cannot call {method}"))?;
        loop {
            let message = self.receive(method)?;
            if message["id"] != self.last_id {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            } else {
                return Ok(message["result"].clone());
            }
        }
    }

    /// Waits for an event of a session.
    ///
    /// # Errors
    ///
    /// When it does not come.
    pub(crate) fn wait(&mut self, session: &str, event: &str) -> anyhow::Result<()> {
        let is_it = |message: &Value| message["sessionId"] == session && message["method"] == event;
        if self.events.iter().any(is_it) {
            return Ok(());
        }
        loop {
            let message = self.receive(event)?;
            let found = is_it(&message);
            self.events.push(message);
            if found {
                return Ok(());
            }
        }
    }

    /// What a script finds on a page that is opened for it alone.
    ///
    /// # Errors
    ///
    /// When the page or the script fails.
    pub(crate) fn evaluate(&mut self, url: &str, script: &str) -> anyhow::Result<Value> {
        let target = self.call(None, "Target.createTarget", json!({"url": "about:blank"}))?;
        let target = target["targetId"].clone();
        let attached = json!({"targetId": target, "flatten": true});
        let session = self.call(None, "Target.attachToTarget", attached)?;
        let session = session["sessionId"].as_str().context("no session")?;
        self.call(Some(session), "Page.enable", json!({}))?;
        self.call(Some(session), "Page.navigate", json!({"url": url}))?;
        self.wait(session, "Page.loadEventFired")?;
        let script = json!({"expression": script, "returnByValue": true});
        let found = self.call(Some(session), "Runtime.evaluate", script)?;
        self.call(None, "Target.closeTarget", json!({"targetId": target}))?;
        match found.get("exceptionDetails") {
            Some(exception) => bail!("{url}: {exception}"),
            None => Ok(found["result"]["value"].clone()),
        }
    }

    /// Every event of a session so far; they are forgotten then, as those of sessions before it.
    pub(crate) fn take_events(&mut self, session: &str) -> Vec<Value> {
        let mut events = std::mem::take(&mut self.events);
        events.retain(|event| event["sessionId"] == session);
        events
    }

    fn receive(&self, what: &str) -> anyhow::Result<Value> {
        self.messages
            .recv_timeout(PATIENCE)
            .with_context(|| format!("Chromium does not answer: waiting for {what}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
