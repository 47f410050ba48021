//! What an engine costs: two Envoys that share one allotment in Valkey, beside two that each count for themselves and two that ask the
//! engine at every call.
//!
//! All of them run at the same time, and each round sends slices of calls through all of them in turns, so that a machine that does other
//! things as well, or changes its speed, still gives usable figures.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};

use super::load::Clients;
use super::request::Bytes;
use super::summary::{Spread, percentile};
use crate::artifacts::Artifacts;
use crate::engine::cluster::{Cluster, Way, config};
use crate::engine::program::Program;
use crate::engine::server::{Server, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many times each slice is taken.
    pub rounds: usize,
    /// Calls of a slice with one caller for each Envoy.
    pub alone: usize,
    /// Calls of a slice with many callers.
    pub together: usize,
}

impl Effort {
    /// About two minutes.
    pub const FULL: Self = Self {
        rounds: 21,
        alone: 300,
        together: 1_500,
    };
    /// To try it out.
    pub const QUICK: Self = Self {
        rounds: 2,
        alone: 200,
        together: 1_000,
    };
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many times each slice was taken.
    pub rounds: usize,
    /// One for each way to count.
    pub rows: Vec<Row>,
    /// An allotment that is spent to the last credit.
    pub spent: Spent,
}

/// A way to count.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// The median call of one caller for each Envoy, in microseconds.
    pub p50_us: Spread,
    /// A slow call of theirs, in microseconds.
    pub p99_us: Spread,
    /// How much longer the median call takes than without an engine in the same round, in per cent.
    pub added_p50_percent: Spread,
    /// How much longer a slow call takes than without an engine in the same round, in microseconds.
    pub added_p99_us: Spread,
    /// Calls in a second, with [`CALLERS`] callers.
    pub calls_per_second: Spread,
    /// Calls of clients for each call to the engine; none without an engine.
    pub calls_per_engine_call: Option<f64>,
}

/// How an allotment was spent by many callers of both Envoys.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spent {
    /// The credits of the day; each call costs one.
    pub allotment: u64,
    /// The calls that were admitted.
    pub admitted: u64,
    /// The calls to the engine.
    pub engine_calls: u64,
}

/// Callers at once, over both Envoys.
pub const CALLERS: usize = 32;
/// Callers who spend an allotment, over both Envoys.
const SPENDERS: usize = 128;
/// The allotment that is spent to the last.
const ALLOTMENT: u64 = 100_000;
/// More than anybody spends here.
const PLENTY: u64 = 900_000_000_000_000;

/// The ways to count.
fn ways() -> [(&'static str, Option<Value>); 3] {
    [
        ("no engine: each Envoy for itself", None),
        ("leases of 1,000 credits", Some(json!({ "lease": 1_000 }))),
        (
            "the engine at every call (leases of 1)",
            Some(json!({ "lease": 1 })),
        ),
    ]
}

/// A running row.
struct Subject {
    name: &'static str,
    cluster: Cluster,
    has_engine: bool,
    alone: Vec<Clients>,
    together: Vec<Clients>,
    slices: Vec<Slice>,
}

/// What one round says.
#[derive(Clone, Copy)]
struct Slice {
    p50: f64,
    p99: f64,
    per_second: f64,
}

/// Measures.
///
/// # Errors
///
/// When a program cannot be had, or a call is not answered with 200.
pub async fn measure(artifacts: &Artifacts, effort: Effort) -> anyhow::Result<Report> {
    let valkey = Program::valkey()?;
    let server = Server::start(&valkey, Settings::default()).await?;
    let way = Way::Resp(vec![(server.address, None)]);
    let mut subjects = Vec::new();
    for (number, (name, engine)) in ways().into_iter().enumerate() {
        let has_engine = engine.is_some();
        let config = configured(number, engine)?;
        let cluster = Cluster::start(artifacts, &way, &config).await?;
        subjects.push(Subject {
            name,
            has_engine,
            alone: clients(&cluster, 1, "7").await?,
            together: clients(&cluster, CALLERS / 2, "7").await?,
            cluster,
            slices: Vec::new(),
        });
    }
    for subject in &mut subjects {
        // The first calls find cold caches.
        send(&mut subject.alone, 100, Some(200)).await?;
    }
    let mut before = Vec::new();
    for subject in &subjects {
        before.push(subject.engine_calls().await?);
    }
    for _ in 0..effort.rounds {
        for subject in &mut subjects {
            let mut alone = send(&mut subject.alone, effort.alone, Some(200)).await?.0;
            let (_, elapsed) = send(&mut subject.together, effort.together, Some(200)).await?;
            let sent = u32::try_from(effort.together)?;
            subject.slices.push(Slice {
                p50: f64::from(percentile(&mut alone, 50)),
                p99: f64::from(percentile(&mut alone, 99)),
                per_second: f64::from(sent) / elapsed.as_secs_f64(),
            });
        }
    }
    let calls = effort
        .alone
        .saturating_add(effort.together)
        .saturating_mul(effort.rounds);
    let plain = subjects
        .first()
        .context("nothing to measure")?
        .slices
        .clone();
    let mut rows = Vec::new();
    for (subject, before) in subjects.iter().zip(before) {
        let after = subject.engine_calls().await?;
        let engine_calls = after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        rows.push(subject.row(&plain, calls, engine_calls)?);
    }
    let leases = subjects.get(1).context("no leases")?;
    Ok(Report {
        rounds: effort.rounds,
        rows,
        spent: spend(&leases.cluster).await?,
    })
}

/// The configuration of a row: a name of its own at the engine, and an organization that can spend its allotment.
fn configured(number: usize, engine: Option<Value>) -> anyhow::Result<Value> {
    let mut config = config(PLENTY, &engine.clone().unwrap_or_default())?;
    let document = config.as_object_mut().context("no object")?;
    document.insert("namespace".to_owned(), json!(format!("bench-{number}")));
    let editions = json!({ "Test": { "base": PLENTY }, "Spent": { "base": ALLOTMENT } });
    document.insert("editions".to_owned(), editions);
    let organizations = json!({ "7": { "edition": "Test" }, "8": { "edition": "Spent" } });
    document.insert("organizations".to_owned(), organizations);
    if engine.is_none() {
        document.remove("engine");
    }
    Ok(config)
}

/// So many connections to each Envoy.
async fn clients(
    cluster: &Cluster,
    connections: usize,
    organization: &str,
) -> anyhow::Result<Vec<Clients>> {
    let call: Bytes =
        format!("GET /1 HTTP/1.1\r\nhost: api.example\r\norgId: {organization}\r\n\r\n").into();
    let connecting = cluster.envoys.iter();
    let connecting =
        connecting.map(|envoy| Clients::connect(envoy.api, connections, vec![call.clone()]));
    try_join_all(connecting).await
}

/// Sends so many calls, half of them to each Envoy: how long each took, in microseconds, and all of them.
async fn send(
    clients: &mut [Clients],
    calls: usize,
    status: Option<u16>,
) -> anyhow::Result<(Vec<u32>, Duration)> {
    let share = calls.checked_div(clients.len()).context("no Envoy")?;
    let sending = clients
        .iter_mut()
        .map(|clients| clients.send(share, status));
    let sent = try_join_all(sending).await?;
    let elapsed = sent.iter().map(|sent| sent.elapsed).max();
    let all = sent.into_iter().flat_map(|sent| sent.microseconds);
    Ok((all.collect(), elapsed.unwrap_or_default()))
}

/// Has an allotment spent to the last credit.
async fn spend(cluster: &Cluster) -> anyhow::Result<Spent> {
    let counted = async || -> anyhow::Result<(u64, u64)> {
        let admitted = cluster.metric("calls.admitted").await?;
        Ok((admitted, cluster.metric("engine.answers").await?))
    };
    let mut clients = clients(cluster, SPENDERS / 2, "8").await?;
    let before = counted().await?;
    let calls = usize::try_from(ALLOTMENT)?.saturating_add(SPENDERS);
    let mut now = before;
    // What one Envoy holds and does not use, the other may have later.
    for _ in 0..50 {
        send(&mut clients, calls / 10, None).await?;
        now = counted().await?;
        if now.0.saturating_sub(before.0) >= ALLOTMENT {
            break;
        }
    }
    Ok(Spent {
        allotment: ALLOTMENT,
        admitted: now.0.saturating_sub(before.0),
        engine_calls: now.1.saturating_sub(before.1),
    })
}

impl Subject {
    async fn engine_calls(&self) -> anyhow::Result<Option<u64>> {
        if !self.has_engine {
            return Ok(None);
        }
        Ok(Some(self.cluster.metric("engine.answers").await?))
    }

    fn row(&self, plain: &[Slice], calls: usize, engine_calls: Option<u64>) -> anyhow::Result<Row> {
        let of = |figure: fn(&Slice) -> f64| {
            let figures: Vec<_> = self.slices.iter().map(figure).collect();
            Spread::of(&figures)
        };
        let beside = |figure: fn(&Slice, &Slice) -> f64| {
            let pairs = self.slices.iter().zip(plain);
            let figures: Vec<_> = pairs.map(|(own, plain)| figure(own, plain)).collect();
            Spread::of(&figures)
        };
        let calls = f64::from(u32::try_from(calls)?);
        let per = |engine_calls: u64| -> anyhow::Result<f64> {
            Ok(calls / f64::from(u32::try_from(engine_calls.max(1))?))
        };
        Ok(Row {
            name: self.name,
            p50_us: of(|slice| slice.p50),
            p99_us: of(|slice| slice.p99),
            added_p50_percent: beside(|own, plain| 100.0 * (own.p50 / plain.p50 - 1.0)),
            added_p99_us: beside(|own, plain| own.p99 - plain.p99),
            calls_per_second: of(|slice| slice.per_second),
            calls_per_engine_call: engine_calls.map(per).transpose()?,
        })
    }
}

impl Report {
    /// As a table.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut lines = vec![
            format!(
                "Two Envoys with two workers each and one Valkey; medians of {} rounds, and their range.",
                self.rounds
            ),
            String::new(),
            format!(
                "| counting | p50 (us) | added to p50 | p99 (us) | added to p99 (us) | calls/s, {CALLERS} callers | calls per engine call |"
            ),
            "|---|---|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.rows.iter().map(Row::markdown));
        let Spent {
            allotment,
            admitted,
            engine_calls,
        } = self.spent;
        let per = admitted.checked_div(engine_calls).unwrap_or_default();
        lines.push(String::new());
        lines.push(format!(
            "An allotment of {allotment}, spent to the last by {SPENDERS} callers: {admitted} calls admitted, {engine_calls} calls to the engine, one for {per}."
        ));
        lines.join("\n")
    }
}

impl Row {
    fn markdown(&self) -> String {
        let spread = |spread: Spread| {
            let Spread { median, min, max } = spread;
            format!("{median:.0} ({min:.0} to {max:.0})")
        };
        let per = self.calls_per_engine_call;
        format!(
            "| {} | {} | {} % | {} | {} | {} | {} |",
            self.name,
            spread(self.p50_us),
            spread(self.added_p50_percent),
            spread(self.p99_us),
            spread(self.added_p99_us),
            spread(self.calls_per_second),
            per.map_or_else(|| "-".to_owned(), |per| format!("{per:.1}")),
        )
    }
}
