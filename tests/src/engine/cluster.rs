//! Several Envoys with one engine, as operators set them up: `envoy/engine.yaml` and `envoy/engine.json`, adapted to a test as an operator
//! adapts them.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::authority::Authority;
use crate::artifacts::{Artifacts, root};
use crate::example::{Example, Starting, in_front_of};

/// The organization of the tests.
pub const ORGANIZATION: &str = "7";
/// Envoys in a cluster.
pub const ENVOYS: usize = 2;
/// Envoy's workers.
const WORKERS: u32 = 2;

/// How Envoys reach the engine.
#[derive(Clone, Debug)]
pub enum Way<'a> {
    /// Directly, at these addresses, of which one is the primary's. Its health is asked for at another address, where there is one.
    Resp(Vec<(SocketAddr, Option<SocketAddr>)>),
    /// Directly and with TLS.
    Tls(SocketAddr, &'a Authority),
    /// Through Webdis.
    Webdis(SocketAddr),
}

/// The Envoys. Dropping them stops them.
#[derive(Debug)]
pub struct Cluster {
    /// Both.
    pub envoys: Vec<Example>,
}

/// The configuration of the filter in these tests: the example's, with these credits a day, calls that cost 1, 3 (`/3`) and 7 (`/7`), and
/// a patch for `engine`.
///
/// # Errors
///
/// When `envoy/engine.json` is not as expected.
pub fn config(credits: u64, engine: &Value) -> anyhow::Result<Value> {
    let text = fs::read(root().join("envoy/engine.json")).context("cannot read engine.json")?;
    let mut config: Value = serde_json::from_slice(&text)?;
    let document = config.as_object_mut().context("no object")?;
    document.insert(
        "editions".to_owned(),
        json!({ "Test": { "base": credits } }),
    );
    let organizations = json!({ ORGANIZATION: { "edition": "Test" } });
    document.insert("organizations".to_owned(), organizations);
    let rule = |name: &str, cost: u32| json!({ "name": name, "operations": [format!("GET /{name}")], "cost": cost });
    let costs = json!({ "default": 1, "rules": [rule("3", 3), rule("7", 7)] });
    document.insert("costs".to_owned(), costs);
    let settings = document.get_mut("engine").and_then(Value::as_object_mut);
    let settings = settings.context("engine.json has no engine")?;
    // Longer than any wait on a busy machine, unless a test is about that.
    settings.insert("deadline_ms".to_owned(), json!(5_000));
    for (name, value) in engine.as_object().into_iter().flatten() {
        settings.insert(name.clone(), value.clone());
    }
    Ok(config)
}

impl Cluster {
    /// Starts it, and waits until both Envoys have found the engine. It ends with the thread that calls this.
    ///
    /// # Errors
    ///
    /// When an Envoy does not serve, or does not find the engine.
    pub async fn start(
        artifacts: &Artifacts,
        way: &Way<'_>,
        config: &Value,
    ) -> anyhow::Result<Self> {
        Self::of(artifacts, &yaml(way)?, way, config).await
    }

    /// As [`start`](Self::start), in front of an upstream of the caller's.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn in_front_of(
        upstream: SocketAddr,
        artifacts: &Artifacts,
        way: &Way<'_>,
        config: &Value,
    ) -> anyhow::Result<Self> {
        let yaml = adapted(&in_front_of("engine.yaml", upstream)?, way)?;
        Self::of(artifacts, &yaml, way, config).await
    }

    async fn of(
        artifacts: &Artifacts,
        yaml: &str,
        way: &Way<'_>,
        config: &Value,
    ) -> anyhow::Result<Self> {
        let starting = (0..ENVOYS)
            .map(|_| Example::begin(artifacts, yaml, config, WORKERS))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let envoys = starting.into_iter().map(Starting::serving);
        let cluster = Self {
            envoys: envoys.collect::<anyhow::Result<_>>()?,
        };
        if !matches!(way, Way::Webdis(_)) {
            cluster.until_healthy().await?;
        }
        Ok(cluster)
    }

    /// Starts another Envoy like those, in the place of one that is gone.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn replace(
        &mut self,
        index: usize,
        artifacts: &Artifacts,
        way: &Way<'_>,
        config: &Value,
    ) -> anyhow::Result<()> {
        let fresh = Example::start(artifacts, &yaml(way)?, config, WORKERS)?;
        *self.envoys.get_mut(index).context("no such Envoy")? = fresh;
        self.until_healthy().await
    }

    async fn until_healthy(&self) -> anyhow::Result<()> {
        for envoy in &self.envoys {
            envoy
                .until_stat("cluster.credits_engine.membership_healthy", 1)
                .await?;
        }
        Ok(())
    }

    /// The sum of one of the filter's counters over all Envoys, once nothing is counted any more.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let values = self.envoys.iter().map(|envoy| envoy.counted(name));
        Ok(try_join_all(values).await?.into_iter().sum())
    }

    /// The same as it stands in the statistics right now, which lags a tick behind what is counted.
    ///
    /// # Errors
    ///
    /// As [`metric`](Self::metric).
    pub async fn told(&self, name: &str) -> anyhow::Result<u64> {
        let name = format!("wasmcustom.api_credits.{name}");
        let values = self.envoys.iter().map(|envoy| envoy.stat(&name));
        Ok(try_join_all(values).await?.into_iter().sum())
    }
}

/// `envoy/engine.yaml` with this way to the engine.
///
/// # Errors
///
/// When `envoy/engine.yaml` is not as expected.
pub fn yaml(way: &Way<'_>) -> anyhow::Result<String> {
    let path = root().join("envoy/engine.yaml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    adapted(&text, way)
}

fn adapted(text: &str, way: &Way<'_>) -> anyhow::Result<String> {
    // Nobody reads it here.
    let text = text.replace("${ACCESS_LOG}", "/dev/null");
    match way {
        Way::Resp(addresses) => with_endpoints(&text, addresses),
        Way::Tls(address, authority) => {
            let text = with_endpoints(&text, &[(*address, None)])?;
            with_tls(&text, authority)
        }
        Way::Webdis(address) => {
            let place = "    - name: credits_engine\n";
            let (before, _) = text.split_once(place).context("no cluster")?;
            let rest = "bootstrap_extensions:";
            let (_, after) = text.split_once(rest).context("no bootstrap extensions")?;
            let endpoint = endpoint(*address, None);
            let cluster = format!(
                "{place}      load_assignment:\n        cluster_name: credits_engine\n        endpoints:\n          - lb_endpoints:\n{endpoint}\n"
            );
            Ok(format!("{before}{cluster}{rest}{after}"))
        }
    }
}

fn with_endpoints(
    text: &str,
    addresses: &[(SocketAddr, Option<SocketAddr>)],
) -> anyhow::Result<String> {
    let (lines, place) = (text.lines(), "port_value: ${ENGINE_PORT}");
    let lines: Vec<_> = lines.filter(|line| line.contains(place)).collect();
    let [line] = lines.as_slice() else {
        anyhow::bail!("engine.yaml has not one {place}");
    };
    let endpoints = addresses.iter();
    let endpoints: String = endpoints
        .map(|(address, health)| endpoint(*address, *health))
        .collect();
    Ok(text.replace(&format!("{line}\n"), &endpoints))
}

fn endpoint(address: SocketAddr, health: Option<SocketAddr>) -> String {
    let socket = format!(
        "address: {{ socket_address: {{ address: {}, port_value: {} }} }}",
        address.ip(),
        address.port()
    );
    let health =
        health.map(|health| format!(", health_check_config: {{ port_value: {} }}", health.port()));
    format!(
        "              - endpoint: {{ {socket}{} }}\n",
        health.unwrap_or_default()
    )
}

/// With the example's own words about TLS, which are comments there.
fn with_tls(text: &str, authority: &Authority) -> anyhow::Result<String> {
    let begin = "      # transport_socket:\n";
    let (before, rest) = text.split_once(begin).context("no words about TLS")?;
    let (tls, after) = rest
        .split_once("      #\n")
        .context("no end of the words about TLS")?;
    let tls = format!("{begin}{tls}").replace("      # ", "      ");
    let trusted = "/etc/ssl/certs/ca-certificates.crt";
    ensure!(tls.contains(trusted), "no {trusted} in {tls}");
    let own = authority.own_certificate.display().to_string();
    Ok(format!("{before}{}{after}", tls.replace(trusted, &own)))
}
