//! Prometheus as operators run it: the program of Debian's package, which scrapes an Envoy, and promtool, which checks rules.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::artifacts::root;
use crate::client;
use crate::engine::program::{LOG, Program};
use crate::engine::started::Started;

/// The programs of Prometheus.
#[derive(Clone, Debug)]
pub struct Programs {
    prometheus: Program,
    promtool: Program,
}

/// A running Prometheus. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    _started: Started,
}

impl Programs {
    /// The installed ones, or those of Debian's package. There are none where neither is to be had.
    ///
    /// # Errors
    ///
    /// When Debian's package is there and does not have them.
    pub fn obtain() -> anyhow::Result<Option<Self>> {
        let prometheus = Program::debian("prometheus", &["prometheus"])?;
        Ok(prometheus.map(|prometheus| Self {
            promtool: prometheus.beside("promtool"),
            prometheus,
        }))
    }

    /// Runs promtool with these arguments and returns what it says.
    ///
    /// # Errors
    ///
    /// When it finds something wrong, which it says.
    pub fn promtool(&self, arguments: &[&str], file: &Path) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let status = self
            .promtool
            .command(folder.path())?
            .args(arguments)
            .arg(file)
            .status()
            .context("cannot run promtool")?;
        let said = fs::read_to_string(folder.path().join(LOG))?;
        ensure!(status.success(), "promtool {arguments:?}: {said}");
        Ok(said)
    }

    /// Starts Prometheus with the files that operators copy, in a hurry: it scrapes this Envoy's admin interface every second.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn scrape(&self, envoy: SocketAddr) -> anyhow::Result<Prometheus> {
        self.scrape_both(envoy, None).await
    }

    /// The same, and what each organization has used from the listener on which operators are let in, if there is one.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn scrape_both(
        &self,
        envoy: SocketAddr,
        operators: Option<SocketAddr>,
    ) -> anyhow::Result<Prometheus> {
        let configuration = fs::read_to_string(folder().join("prometheus.yaml"))?;
        for expected in ["127.0.0.1:9901", "_interval: 15s", "[rules.yaml]"] {
            ensure!(configuration.contains(expected), "no {expected}");
        }
        let configuration = configuration
            .replace("127.0.0.1:9901", &envoy.to_string())
            .replace("_interval: 15s", "_interval: 1s");
        let configuration = match operators {
            None => configuration,
            Some(operators) => {
                let (before, job) = configuration
                    .split_once("  # - job_name: api-credits-organizations")
                    .context("no job for organizations")?;
                let job = job.replace("\n  # ", "\n  ");
                let job = job.replace("127.0.0.1:10001", &operators.to_string());
                format!("{before}  - job_name: api-credits-organizations{job}")
            }
        };
        let (address, started) = Started::on_a_free_port(
            "Prometheus",
            |here, address| {
                let file = here.path().join("prometheus.yaml");
                fs::write(&file, &configuration)?;
                fs::copy(folder().join("rules.yaml"), here.path().join("rules.yaml"))?;
                let mut command = self.prometheus.command(here.path())?;
                command
                    .arg(format!("--config.file={}", file.display()))
                    .arg(format!(
                        "--storage.tsdb.path={}",
                        here.path().join("data").display()
                    ))
                    .arg(format!("--web.listen-address={address}"));
                Ok(command)
            },
            async |address, _| {
                let ready = client::get(address, "/-/ready").await;
                ready.is_ok_and(|response| response.status == 200)
            },
        )
        .await?;
        Ok(Prometheus {
            address,
            _started: started,
        })
    }
}

impl Prometheus {
    /// The samples that a query finds now, each with its labels under `metric` and its value.
    ///
    /// # Errors
    ///
    /// When Prometheus does not understand the query.
    pub async fn query(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let answer = self.ask(&format!("query?query={query}")).await?;
        let samples = answer.pointer("/data/result").and_then(Value::as_array);
        samples.cloned().with_context(|| format!("{answer}"))
    }

    /// What its API answers there.
    ///
    /// # Errors
    ///
    /// When that is no success.
    pub async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let response = client::get(self.address, &format!("/api/v1/{path}")).await?;
        let answer: Value = serde_json::from_slice(&response.body)?;
        ensure!(response.status == 200, "{path}: {answer}");
        Ok(answer)
    }
}

/// What operators load into Prometheus.
#[must_use]
pub fn folder() -> PathBuf {
    root().join("envoy/prometheus")
}
