//! A measurement: in every round each Envoy is started anew, and then slices of calls take turns between them.
//!
//! What is measured is always two slices, one right after the other: one through the Envoy that is compared with, one through the
//! other. Envoys that wait for their turn use no CPU time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::{
    bootstrap::bootstrap,
    load::Clients,
    request,
    row::{Modules, Row},
    scaling::{self, Turn},
    server::Server,
    summary::Pair,
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many times every Envoy is started.
    pub rounds: usize,
    /// How many pairs of slices there are of each comparison in a round.
    pub slices: usize,
    /// How many calls a slice has.
    pub calls: usize,
    /// How many calls are sent to every Envoy before that.
    pub warm_up: usize,
    /// No round begins after that.
    pub at_most: Duration,
}

/// An Envoy that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Its filter.
    pub row: Row,
    /// Its workers.
    pub workers: u32,
    /// Tells one from another that is just the same.
    pub copy: u8,
}

/// What calls carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reads, without a body.
    Reads,
    /// A record of [`BODY_BYTES`].
    Bodies,
}

/// Two Envoys that get the same calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comparison {
    /// What is measured.
    pub subject: Subject,
    /// What it is compared with.
    pub base: Subject,
    /// The calls.
    pub kind: Kind,
}

/// What was measured of one comparison.
#[derive(Debug, Default)]
pub struct Observed {
    /// The pairs of each round.
    pub rounds: Vec<Vec<Pair>>,
    /// The CPU time of a call, in microseconds, of each slice.
    pub cpu: Vec<f64>,
    /// How many calls were answered in a second, of each slice.
    pub throughput: Vec<f64>,
    /// How long calls took, in microseconds.
    pub microseconds: Vec<u32>,
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Observations {
    /// Of each comparison.
    pub comparisons: BTreeMap<Comparison, Observed>,
    /// With one worker and with two, of each round.
    pub scaling: Vec<Vec<Turn>>,
    /// How many calls each of those served.
    pub scaling_calls: usize,
    /// From the start of a process to its first answer, in milliseconds, of each round.
    pub starts: BTreeMap<Subject, Vec<f64>>,
    /// How many rounds there were.
    pub rounds: usize,
}

/// The size of a call's body where it has one, which is more than proxies read at once.
pub const BODY_BYTES: usize = 65_536;

/// Over how many connections calls come. Fewer than any organization may have calls in progress.
pub const CONNECTIONS: usize = 8;

impl Effort {
    /// What is published: about three minutes.
    pub const FULL: Self = Self {
        rounds: 7,
        slices: 8,
        calls: 1500,
        warm_up: 4000,
        at_most: Duration::from_secs(210),
    };

    /// For figures that are to be relied on: about ten minutes.
    pub const LONG: Self = Self {
        rounds: 21,
        at_most: Duration::from_secs(900),
        ..Self::FULL
    };

    /// To try it out.
    pub const QUICK: Self = Self {
        rounds: 2,
        slices: 3,
        calls: 500,
        warm_up: 1000,
        ..Self::FULL
    };
}

impl Subject {
    /// An Envoy with one worker.
    #[must_use]
    pub const fn of(row: Row) -> Self {
        Self {
            row,
            workers: 1,
            copy: 0,
        }
    }

    /// The same with so many workers.
    #[must_use]
    pub const fn with_workers(self, workers: u32) -> Self {
        Self { workers, ..self }
    }
}

/// What everything is compared with: no filter, in a process of its own.
pub const BASE: Subject = Subject {
    copy: 1,
    ..Subject::of(Row::NoFilter)
};

/// Everything that is compared, with the filter of another commit if there is one.
#[must_use]
pub fn comparisons(with_base: bool) -> Vec<Comparison> {
    let base = if with_base { &Row::BASE[..] } else { &[] };
    let reads = Row::ALL.iter().chain(base).map(|&row| Comparison {
        subject: Subject::of(row),
        base: BASE,
        kind: Kind::Reads,
    });
    let bodies = [Row::SdkNoop, Row::ApiCredits, Row::ApiCreditsHeaders].map(|row| Comparison {
        subject: Subject::of(row),
        base: BASE,
        kind: Kind::Bodies,
    });
    reads.chain(bodies).collect()
}

/// An Envoy and its clients.
struct Running {
    server: Server,
    reads: Clients,
    bodies: Clients,
}

/// Measures all of [`comparisons`].
///
/// # Errors
///
/// When Envoy does not start, or a call is not answered as it should be.
pub async fn measure(
    envoy: &Path,
    modules: Modules<'_>,
    effort: Effort,
) -> anyhow::Result<Observations> {
    let begun = Instant::now();
    let mut observations = Observations::default();
    let comparisons = comparisons(modules.base.is_some());
    while observations.rounds < effort.rounds && begun.elapsed() < effort.at_most {
        observations.rounds = observations.rounds.saturating_add(1);
        eprintln!("round {} of {}", observations.rounds, effort.rounds);
        let mut running = BTreeMap::new();
        let compared = comparisons.iter().flat_map(|one| [one.base, one.subject]);
        for subject in compared.chain(scaling::SUBJECTS) {
            if running.contains_key(&subject) {
                continue;
            }
            let started = Running::start(envoy, modules, subject, effort).await;
            let started = started.with_context(|| format!("with {}", subject.row.name()))?;
            let starts = observations.starts.entry(subject).or_default();
            starts.push(started.server.start.as_secs_f64() * 1000.0);
            running.insert(subject, started);
        }
        for comparison in &comparisons {
            let observed = observations.comparisons.entry(*comparison).or_default();
            observed.rounds.push(Vec::new());
        }
        let mut turns = Vec::new();
        for number in 0..effort.slices {
            turns.push(turn(&mut running, effort.calls, number).await?);
            for comparison in &comparisons {
                let observed = observations.comparisons.entry(*comparison).or_default();
                comparison
                    .slices(&mut running, effort.calls, observed)
                    .await?;
            }
        }
        let calls = turns.len().saturating_mul(effort.calls);
        observations.scaling_calls = observations.scaling_calls.saturating_add(calls);
        observations.scaling.push(turns);
    }
    Ok(observations)
}

/// A slice of calls through each of the four that tell what a second worker costs; backwards in every other turn.
async fn turn(
    running: &mut BTreeMap<Subject, Running>,
    calls: usize,
    number: usize,
) -> anyhow::Result<Turn> {
    let mut order = [0, 1, 2, 3];
    if number % 2 == 1 {
        order.reverse();
    }
    let mut figures = [0.0; 4];
    for index in order {
        if let (Some(subject), Some(figure)) =
            (scaling::SUBJECTS.get(index), figures.get_mut(index))
        {
            let running = running.get_mut(subject).context("it was not started")?;
            *figure = running
                .slice(Kind::Reads, calls, subject.row.status(), None)
                .await?;
        }
    }
    Ok(Turn::of(figures))
}

impl Running {
    async fn start(
        envoy: &Path,
        modules: Modules<'_>,
        subject: Subject,
        effort: Effort,
    ) -> anyhow::Result<Self> {
        let filter = subject.row.filter(modules)?;
        let server = Server::start(envoy, &bootstrap(filter.as_ref()), subject.workers).await?;
        let organizations = subject.row.organizations();
        let connect = |calls| Clients::connect(server.address, CONNECTIONS, calls);
        let record = format!("{{\"subject\":\"{}\"}}", "x".repeat(BODY_BYTES));
        let mut reads = connect(request::calls(&organizations)).await?;
        let mut bodies = connect(request::with_body(&organizations, &record)).await?;
        reads.send(effort.warm_up, None).await?;
        // Whoever is refused before the end of the body is hung up on.
        if subject.row.status() == 200 {
            bodies.send(effort.warm_up / 16, None).await?;
        }
        Ok(Self {
            server,
            reads,
            bodies,
        })
    }

    /// The CPU time of a call of a slice, in microseconds.
    async fn slice(
        &mut self,
        kind: Kind,
        calls: usize,
        status: u16,
        observed: Option<&mut Observed>,
    ) -> anyhow::Result<f64> {
        let (clients, calls) = match kind {
            Kind::Reads => (&mut self.reads, calls),
            Kind::Bodies => (&mut self.bodies, calls / 4),
        };
        let before = self.server.cpu()?;
        let sent = clients.send(calls, Some(status)).await?;
        let used = self.server.cpu()?.saturating_sub(before);
        let calls = sent.microseconds.len() as f64;
        if let Some(observed) = observed {
            observed.throughput.push(calls / sent.elapsed.as_secs_f64());
            observed.microseconds.extend(sent.microseconds);
        }
        Ok(used.as_secs_f64() * 1e6 / calls)
    }
}

impl Comparison {
    /// A slice through each of the two.
    async fn slices(
        &self,
        running: &mut BTreeMap<Subject, Running>,
        calls: usize,
        observed: &mut Observed,
    ) -> anyhow::Result<()> {
        let mut slice = async |subject: Subject, observed: Option<&mut Observed>| {
            let running = running.get_mut(&subject).context("it was not started")?;
            let status = subject.row.status();
            running.slice(self.kind, calls, status, observed).await
        };
        let base = slice(self.base, None).await?;
        let measured = slice(self.subject, Some(observed)).await?;
        observed.cpu.push(measured);
        if let Some(round) = observed.rounds.last_mut() {
            round.push(Pair { base, measured });
        }
        Ok(())
    }
}
