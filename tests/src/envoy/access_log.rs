//! Envoy's access log: one line of JSON when a request is over, and with it what operators see.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// How long a line may take after the response has arrived.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the file is looked at. Envoy flushes as often.
pub(super) const INTERVAL: Duration = Duration::from_millis(5);

/// What requests are called whose headers Envoy has not read.
const NAMELESS: &str = "";

/// What operators see of an exchange.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The filter state.
    pub(super) properties: BTreeMap<String, String>,
    pub(super) details: Option<String>,
    pub(super) grpc_status: Option<u32>,
}

/// A log that is being written.
#[derive(Debug)]
pub(super) struct AccessLog {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// The beginning of a line whose end is not written yet.
    partial: String,
    /// How many bytes Envoy was to send to clients, by all lines that were read.
    sent: u64,
    /// Lines that nobody has asked for yet, by exchange. One that an upstream redirects has a line for each of its legs.
    lines: HashMap<String, Vec<Line>>,
}

impl AccessLog {
    /// The log at this path, which need not exist yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            partial: String::new(),
            sent: 0,
            lines: HashMap::new(),
        }
    }

    /// The line of the last leg of an exchange that has so many, as soon as it is over for Envoy. By then the plugin's own
    /// `on_log` has run.
    pub(super) async fn take(&mut self, exchange: &str, legs: usize) -> anyhow::Result<Line> {
        let found = timeout(PATIENCE, async {
            loop {
                self.read()?;
                if let Some(line) = self.take_nameless() {
                    return Ok(line);
                }
                if self.lines.get(exchange).map_or(0, Vec::len) >= legs {
                    let mut lines = self.lines.remove(exchange).unwrap_or_default();
                    return Ok(lines.pop().unwrap_or_default());
                }
                sleep(INTERVAL).await;
            }
        });
        found
            .await
            .with_context(|| format!("no line in the access log within {PATIENCE:?}"))?
    }

    /// How many bytes Envoy was to send to clients in the exchanges that have been over when this was last looked at.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Waits until an exchange is over for Envoy, with each of its `legs`, of which a redirect may add one, however long that takes.
    pub(super) async fn over(
        &mut self,
        exchange: &str,
        legs: impl Fn() -> usize,
    ) -> anyhow::Result<()> {
        loop {
            self.read()?;
            let ended = self.lines.get(exchange).map_or(0, Vec::len);
            if ended >= legs() || self.lines.contains_key(NAMELESS) {
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
    }

    /// The line of a request that was refused before its headers were read, which can only be the one that was sent last.
    fn take_nameless(&mut self) -> Option<Line> {
        self.lines.remove(NAMELESS)?.pop()
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufReader::new(
                File::open(&self.path).context("cannot open the access log")?,
            )),
        };
        while file.read_line(&mut self.partial)? > 0 {
            if !self.partial.ends_with('\n') {
                break;
            }
            let line: Value = serde_json::from_str(&self.partial)
                .context("a line of the access log is not JSON")?;
            self.partial.clear();
            let sent = line.get("sent").and_then(Value::as_u64);
            self.sent = self.sent.saturating_add(sent.unwrap_or_default());
            let exchange = line
                .get("exchange")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let properties = line
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            // What is not set is `null`.
            let set = properties
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            let number = line.get("grpc_status").and_then(Value::as_u64);
            let details = line.get("details").and_then(Value::as_str);
            self.lines.entry(exchange).or_default().push(Line {
                properties: set.collect(),
                details: details.map(str::to_owned),
                grpc_status: number.and_then(|number| u32::try_from(number).ok()),
            });
        }
        Ok(())
    }
}
