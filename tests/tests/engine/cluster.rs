//! Several Envoys with one engine, as operators set them up: `envoy/engine.yaml` and `envoy/engine.json`, adapted to a test as an operator
//! adapts them.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::engine::authority::Authority;
use api_credits_tests::engine::fault::Faulty;
use api_credits_tests::engine::server::{Server, Settings};
use api_credits_tests::example::{Example, Starting};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::World;
use crate::callers::Callers;

/// The organization of the tests.
pub(crate) const ORGANIZATION: &str = "7";
/// Envoys in a cluster.
pub(crate) const ENVOYS: usize = 2;
/// Envoy's workers.
const WORKERS: u32 = 2;
/// How long what is awaited may take; other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// How Envoys reach the engine.
#[derive(Clone, Debug)]
pub(crate) enum Way<'a> {
    /// Directly, at these addresses, of which one is the primary's. Its health is asked for at another address, where there is one.
    Resp(Vec<(SocketAddr, Option<SocketAddr>)>),
    /// Directly and with TLS.
    Tls(SocketAddr, &'a Authority),
    /// Through Webdis.
    Webdis(SocketAddr),
}

/// The Envoys. Dropping them stops them.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) envoys: Vec<Example>,
}

/// The configuration of the filter in these tests: the example's, with these credits a day, calls that cost 1, 3 (`/3`) and 7 (`/7`), and
/// a patch for `engine`.
pub(crate) fn config(credits: u64, engine: &Value) -> anyhow::Result<Value> {
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
    /// Starts it with a Valkey of its own; see [`config`].
    pub(crate) fn with_valkey(
        world: &World,
        credits: u64,
        engine: &Value,
    ) -> anyhow::Result<(Server, Self)> {
        let server = Server::start(&world.valkey, Settings::default());
        let server = world.runtime.block_on(server)?;
        let way = Way::Resp(vec![(server.address, None)]);
        let cluster = Self::start(world, &way, &config(credits, engine)?)?;
        Ok((server, cluster))
    }

    /// Starts it with a Valkey of its own behind connections that break on demand. Health is asked for at Valkey itself.
    pub(crate) fn with_faults(
        world: &World,
        credits: u64,
        engine: &Value,
    ) -> anyhow::Result<(Server, Faulty, Self)> {
        let (server, faulty) = world.runtime.block_on(async {
            let server = Server::start(&world.valkey, Settings::default()).await?;
            let faulty = Faulty::start(server.address).await?;
            anyhow::Ok((server, faulty))
        })?;
        let way = Way::Resp(vec![(faulty.address, Some(server.address))]);
        let cluster = Self::start(world, &way, &config(credits, engine)?)?;
        Ok((server, faulty, cluster))
    }

    /// Starts it, and waits until both Envoys have found the engine.
    pub(crate) fn start(world: &World, way: &Way<'_>, config: &Value) -> anyhow::Result<Self> {
        let yaml = yaml(way)?;
        let starting = (0..ENVOYS)
            .map(|_| Example::begin(&world.artifacts, &yaml, config, WORKERS))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let envoys = starting.into_iter().map(Starting::serving);
        let envoys = envoys.collect::<anyhow::Result<_>>()?;
        let cluster = Self { envoys };
        if !matches!(way, Way::Webdis(_)) {
            world.runtime.block_on(cluster.until_healthy())?;
        }
        Ok(cluster)
    }

    /// Starts another Envoy like those, in the place of one that is gone.
    pub(crate) fn replace(
        &mut self,
        index: usize,
        world: &World,
        way: &Way<'_>,
        config: &Value,
    ) -> anyhow::Result<()> {
        let fresh = Example::start(&world.artifacts, &yaml(way)?, config, WORKERS)?;
        *self.envoys.get_mut(index).context("no such Envoy")? = fresh;
        world.runtime.block_on(self.until_healthy())
    }

    async fn until_healthy(&self) -> anyhow::Result<()> {
        for envoy in &self.envoys {
            envoy
                .until_stat("cluster.credits_engine.membership_healthy", 1)
                .await?;
        }
        Ok(())
    }

    /// Callers of all Envoys in turns.
    pub(crate) fn callers(&self) -> Callers {
        Callers::new(self.envoys.iter().map(|envoy| envoy.api).collect())
    }

    /// Callers of one Envoy.
    pub(crate) fn callers_of(&self, index: usize) -> anyhow::Result<Callers> {
        let envoy = self.envoys.get(index).context("no such Envoy")?;
        Ok(Callers::new(vec![envoy.api]))
    }

    /// The sum of one of the filter's counters over all Envoys.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let mut sum = 0_u64;
        for envoy in &self.envoys {
            let value = envoy
                .stat(&format!("wasmcustom.api_credits.{name}"))
                .await?;
            sum = sum.checked_add(value).context("overflow")?;
        }
        Ok(sum)
    }

    /// Waits until one of the filter's counters, summed up, is at least this.
    pub(crate) async fn until_metric(&self, name: &str, least: u64) -> anyhow::Result<()> {
        until(&format!("{name} >= {least}"), async || {
            Ok(self.metric(name).await? >= least)
        })
        .await
    }
}

/// Waits for something to hold.
pub(crate) async fn until(
    what: &str,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !holds().await? {
        ensure!(
            begun.elapsed() < PATIENCE,
            "{what} does not hold after {PATIENCE:?}"
        );
        sleep(INTERVAL).await;
    }
    Ok(())
}

/// What the engine has of the organization's day: what all have used, and what all hold of that and beyond.
pub(crate) async fn counted(server: &Server) -> anyhow::Result<(u64, u64)> {
    let keys = server.command(&["KEYS", "api_credits*:20*"]).await?;
    let key = keys.lines().last().unwrap_or_default().trim();
    if !key.starts_with("api_credits") {
        return Ok((0, 0));
    }
    let field = async |name| {
        let answer = server.command(&["HGET", key, name]).await?;
        let number = answer.lines().last().unwrap_or_default().trim();
        number
            .parse()
            .with_context(|| format!("{name} of {key}: {answer}"))
    };
    Ok((field("used").await?, field("held").await?))
}

/// `envoy/engine.yaml` with this way to the engine.
fn yaml(way: &Way<'_>) -> anyhow::Result<String> {
    let path = root().join("envoy/engine.yaml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
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
