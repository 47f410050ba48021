//! The example as an operator runs it: `envoy/run` with the files of `envoy/`, adapted to a test as an operator adapts them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use host_sim::target::{HttpVersion, Request};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::artifacts::{Artifacts, root};
use crate::client::{self, Connection};

/// How long Envoy may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long what is awaited may take.
const SOON: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(20);
/// The filter's ticks are a second apart.
const LONGER_THAN_A_TICK: Duration = Duration::from_millis(1_300);

/// Where the example's filter answers for its organizations.
pub const USAGE: &str = "/.well-known/api-credits";

/// An example that is about to serve. Dropping it stops it.
#[derive(Debug)]
pub struct Starting {
    example: Example,
    lines: Receiver<String>,
}

/// A running example. Dropping it stops it, as an operator does.
#[derive(Debug)]
pub struct Example {
    /// Where clients call.
    pub api: SocketAddr,
    /// Envoy's admin interface.
    pub admin: SocketAddr,
    run: Child,
    _folder: TempDir,
}

/// The file of this name in `envoy/`, with the cluster `api` at this address in place of the example's own stand-in.
///
/// # Errors
///
/// When the file cannot be read or has no such cluster.
pub fn in_front_of(file: &str, upstream: SocketAddr) -> anyhow::Result<String> {
    let yaml = fs::read_to_string(root().join("envoy").join(file))
        .with_context(|| format!("cannot read envoy/{file}"))?;
    let stand_in = "{ envoy_internal_address: { server_listener_name: upstream } }";
    ensure!(
        yaml.matches(stand_in).count() == 1,
        "envoy/{file} has not one {stand_in}"
    );
    let address = format!(
        "{{ socket_address: {{ address: {}, port_value: {} }} }}",
        upstream.ip(),
        upstream.port()
    );
    Ok(yaml.replace(stand_in, &address))
}

impl Starting {
    /// Waits until it serves.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn serving(mut self) -> anyhow::Result<Example> {
        let mut shown = Vec::new();
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .with_context(|| format!("the example does not serve: {shown:#?}"))?;
            if let Some((api, admin)) = addresses(&line) {
                (self.example.api, self.example.admin) = (api?, admin?);
            }
            if line.starts_with("Ctrl-C") {
                return Ok(self.example);
            }
            shown.push(line);
        }
    }
}

impl Example {
    /// Runs Envoy with this configuration of it and of the filter, and waits until it serves.
    ///
    /// # Errors
    ///
    /// When it does not serve.
    pub fn start(
        artifacts: &Artifacts,
        yaml: &str,
        filter: &Value,
        workers: u32,
    ) -> anyhow::Result<Self> {
        Self::begin(artifacts, yaml, filter, workers)?.serving()
    }

    /// As [`start`](Self::start), without waiting. The example ends with the thread that calls this.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn begin(
        artifacts: &Artifacts,
        yaml: &str,
        filter: &Value,
        workers: u32,
    ) -> anyhow::Result<Starting> {
        Self::begin_with(artifacts, yaml, filter, workers, &[])
    }

    /// As [`begin`](Self::begin), with more variables in Envoy's environment.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_with(
        artifacts: &Artifacts,
        yaml: &str,
        filter: &Value,
        workers: u32,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Starting> {
        let folder = tempfile::Builder::new()
            .prefix("api-credits-test-")
            .tempdir()?;
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).map(|()| path)
        };
        let mut run = Command::new(root().join("envoy/run"))
            .arg(&artifacts.module)
            .envs(environment.iter().copied())
            .env("PORT", "0")
            .env("ADMIN_PORT", "0")
            .env("WORKERS", workers.to_string())
            .env("ENVOY", &artifacts.envoy)
            .env("ENVOY_YAML", file("envoy.yaml", yaml)?)
            .env("CONFIG", file("filter.json", &filter.to_string())?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run envoy/run")?;
        let lines = lines(run.stdout.take(), run.stderr.take());
        // From here on, dropping it stops it.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let example = Self {
            api: nowhere,
            admin: nowhere,
            run,
            _folder: folder,
        };
        Ok(Starting { example, lines })
    }

    /// Ends Envoy itself, which gets no chance to say or to save anything.
    ///
    /// # Errors
    ///
    /// When there is no Envoy any more.
    pub fn kill_envoy(&self) -> anyhow::Result<()> {
        self.signal_envoy("KILL")
    }

    /// Stops Envoy itself in its tracks.
    ///
    /// # Errors
    ///
    /// When there is no Envoy any more.
    pub fn freeze_envoy(&self) -> anyhow::Result<()> {
        self.signal_envoy("STOP")
    }

    /// Lets Envoy go on where it was stopped.
    ///
    /// # Errors
    ///
    /// When there is no Envoy any more.
    pub fn thaw_envoy(&self) -> anyhow::Result<()> {
        self.signal_envoy("CONT")
    }

    fn signal_envoy(&self, name: &str) -> anyhow::Result<()> {
        let run = self.run.id();
        let children = fs::read_to_string(format!("/proc/{run}/task/{run}/children"))
            .context("cannot find out what envoy/run runs")?;
        let envoy = children.split_whitespace().next();
        let envoy = envoy.context("there is no Envoy")?;
        let status = Command::new("kill")
            .args([&format!("-{name}"), envoy])
            .status()?;
        ensure!(status.success(), "cannot send {name} to Envoy");
        Ok(())
    }

    /// Makes one call over a connection of its own, with these headers.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub async fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<client::Response> {
        let headers = headers.iter();
        let request = Request {
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Request::default()
        };
        Connection::open(self.api, HttpVersion::One)
            .await?
            .send(&request)
            .await
    }

    /// What the filter tells the organization that these headers state of its day.
    ///
    /// # Errors
    ///
    /// When it tells nothing.
    pub async fn usage(&self, headers: &[(&str, &str)]) -> anyhow::Result<Value> {
        let response = self.get(USAGE, headers).await?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        ensure!(response.status == 200, "{}: {text}", response.status);
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until that many of the organization's calls are in progress, and returns what it is told then.
    ///
    /// # Errors
    ///
    /// When there are others for ten seconds.
    pub async fn in_progress(
        &self,
        headers: &[(&str, &str)],
        expected: u64,
    ) -> anyhow::Result<Value> {
        let deadline = Instant::now()
            .checked_add(SOON)
            .context("no clock goes that far")?;
        loop {
            let usage = self.usage(headers).await?;
            let observed = number(&usage, "/concurrency/inProgress")?;
            if observed == expected {
                return Ok(usage);
            }
            ensure!(
                Instant::now() < deadline,
                "{observed} calls are in progress after {SOON:?}, expected {expected}"
            );
            sleep(INTERVAL).await;
        }
    }

    /// The value of one of the filter's counters once nothing is counted any more, or after five seconds: it tells what it has counted with
    /// every tick.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub async fn counted(&self, name: &str) -> anyhow::Result<u64> {
        let name = format!("wasmcustom.api_credits.{name}");
        let mut value = self.stat(&name).await?;
        for _ in 0..4 {
            sleep(LONGER_THAN_A_TICK).await;
            let now = self.stat(&name).await?;
            if std::mem::replace(&mut value, now) == now {
                break;
            }
        }
        Ok(value)
    }

    /// Waits until one of Envoy's counters or gauges has this value.
    ///
    /// # Errors
    ///
    /// When it has another for ten seconds.
    pub async fn until_stat(&self, name: &str, expected: u64) -> anyhow::Result<()> {
        let deadline = Instant::now()
            .checked_add(SOON)
            .context("no clock goes that far")?;
        loop {
            let observed = self.stat(name).await?;
            if observed == expected {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{name} is {observed} after {SOON:?}, expected {expected}"
            );
            sleep(INTERVAL).await;
        }
    }

    /// Asks Envoy's admin interface to do something.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn post(&self, path: &str) -> anyhow::Result<()> {
        let request = Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            ..Request::default()
        };
        let mut connection = Connection::open(self.admin, HttpVersion::One).await?;
        let response = connection.send(&request).await?;
        ensure!(response.status == 200, "{path}: {}", response.status);
        Ok(())
    }

    /// Where the listener of this name listens.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn listener(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let response = client::get(self.admin, "/listeners?format=json").await?;
        let answer: Value = serde_json::from_slice(&response.body)?;
        let listeners = answer
            .pointer("/listener_statuses")
            .and_then(Value::as_array);
        let named = |listener: &&Value| listener.get("name").and_then(Value::as_str) == Some(name);
        let listener = listeners.into_iter().flatten().find(named);
        let listener = listener.with_context(|| format!("no listener {name:?} in {answer}"))?;
        let port = number(listener, "/local_address/socket_address/port_value")?;
        Ok(SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?)))
    }

    /// The value of one of Envoy's counters or gauges.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let path = format!("/stats?filter=^{}$", name.replace('.', "%5C."));
        let response = client::get(self.admin, &path).await?;
        let text = String::from_utf8(response.body)?;
        let value = text
            .trim_end()
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(": "));
        let value = value.with_context(|| format!("no {name} in {text:?}"))?;
        value.parse().with_context(|| format!("{name}: {value}"))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // An Envoy that is still frozen, in a test that has failed meanwhile, would never hear of it.
        let _ = self.thaw_envoy();
        // Ctrl-C, for a program that is not at a terminal. What has ended already needs none.
        let _ = Command::new("kill").arg(self.run.id().to_string()).status();
        let _ = self.run.wait();
    }
}

/// The whole number at this place of a document.
///
/// # Errors
///
/// When there is none.
pub fn number(document: &Value, pointer: &str) -> anyhow::Result<u64> {
    let found = document.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("no number at {pointer} of {document}"))
}

/// Everything that is written, line by line. The pipes are emptied to their ends whether or not somebody listens.
fn lines(output: Option<ChildStdout>, errors: Option<ChildStderr>) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    let output = output.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    let errors = errors.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    for pipe in output.into_iter().chain(errors) {
        let tell = tell.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
    }
    told
}

/// The addresses of the API and of the admin interface, in the line that names them.
fn addresses(line: &str) -> Option<(anyhow::Result<SocketAddr>, anyhow::Result<SocketAddr>)> {
    let mut urls = line.split("http://").skip(1);
    let mut address = || {
        let url = urls.next()?;
        let end = url.find(['/', ' ']).unwrap_or(url.len());
        let address = url.get(..end)?;
        Some(address.parse().with_context(|| format!("in {line:?}")))
    };
    Some((address()?, address()?))
}
