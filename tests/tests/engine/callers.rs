//! Callers of one organization: each has a connection of its own to one of the Envoys, and calls again when it is answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::client::{Connection, Response};
use futures_util::future::try_join_all;
use host_sim::target::{HttpVersion, Request};
use tokio::time::Instant;

use api_credits_tests::engine::cluster::ORGANIZATION;

/// Callers of some Envoys.
#[derive(Clone, Debug)]
pub(crate) struct Callers {
    apis: Vec<SocketAddr>,
}

/// A call that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) path: &'static str,
    pub(crate) status: u16,
    /// What it cost.
    pub(crate) cost: u64,
    pub(crate) took: Duration,
}

/// What callers were answered, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Calls that were admitted.
    pub(crate) admitted: u64,
    /// What they cost.
    pub(crate) credits: u64,
    /// Calls that were refused for want of credits.
    pub(crate) refused: u64,
    /// Calls that could not be decided.
    pub(crate) unavailable: u64,
    /// How long the slowest took.
    pub(crate) slowest: Duration,
}

impl Callers {
    pub(crate) fn new(apis: Vec<SocketAddr>) -> Self {
        Self { apis }
    }

    /// So many callers at once, each of which calls what `next` says, given its number and the answer to its previous call, until
    /// that says nothing.
    pub(crate) async fn call(
        &self,
        callers: usize,
        next: impl Fn(usize, &[Answered]) -> Option<&'static str>,
    ) -> anyhow::Result<Vec<Answered>> {
        let next = &next;
        let each = (0..callers).map(async |caller| {
            let mut connection = self.connection(caller).await?;
            let mut answers = Vec::new();
            while let Some(path) = next(caller, &answers) {
                let begun = Instant::now();
                let response = connection.send(&request(path)).await?;
                answers.push(Answered::new(path, &response, begun.elapsed())?);
            }
            anyhow::Ok(answers)
        });
        Ok(try_join_all(each).await?.concat())
    }

    /// So many callers at once, each of which calls for one credit again and again until it is not answered any more. `admitted` counts the calls
    /// that were admitted meanwhile.
    pub(crate) async fn until_gone(
        &self,
        callers: usize,
        admitted: &AtomicU64,
    ) -> anyhow::Result<Sum> {
        let each = (0..callers).map(async |caller| {
            let mut connection = self.connection(caller).await?;
            let mut answers = Vec::new();
            loop {
                let begun = Instant::now();
                match connection.send(&request(CHEAP)).await {
                    Ok(response) if response.status > 0 && !response.aborted => {
                        let answered = Answered::new(CHEAP, &response, begun.elapsed())?;
                        admitted.fetch_add(answered.cost, Ordering::Relaxed);
                        answers.push(answered);
                    }
                    Ok(_) | Err(_) => return anyhow::Ok(answers),
                }
            }
        });
        Sum::of(&try_join_all(each).await?.concat())
    }

    async fn connection(&self, caller: usize) -> anyhow::Result<Connection> {
        let index = caller.checked_rem(self.apis.len()).context("no Envoy")?;
        let api = self.apis.get(index).context("no Envoy")?;
        Connection::open(*api, HttpVersion::One).await
    }

    /// As many calls in turns, one after another, over as many connections as there are Envoys.
    pub(crate) async fn times(
        &self,
        count: usize,
        path: &'static str,
    ) -> anyhow::Result<Vec<Answered>> {
        let mut answers = Vec::new();
        for (_, api) in (0..count).zip(self.apis.iter().cycle()) {
            let one = Self::new(vec![*api]);
            let once = |_, answers: &[Answered]| answers.is_empty().then_some(path);
            answers.extend(one.call(1, once).await?);
        }
        Ok(answers)
    }

    /// Calls for one, three and seven credits by so many callers, each of which ends when a call for one credit is refused for want of
    /// credits, or after [`PATIENCE`].
    pub(crate) async fn exhaust(&self, callers: usize) -> anyhow::Result<Sum> {
        let begun = Instant::now();
        let answers = self
            .call(callers, |caller, answers| match answers.last() {
                _ if begun.elapsed() > PATIENCE => None,
                Some(answer) if answer.status == 429 && answer.path == CHEAP => None,
                Some(answer) if answer.status == 429 => Some(CHEAP),
                _ => MIX
                    .iter()
                    .cycle()
                    .nth(caller.wrapping_add(answers.len()).checked_rem(MIX.len())?)
                    .copied(),
            })
            .await?;
        Sum::of(&answers)
    }
}

/// How long callers go on that are answered neither for want of credits nor otherwise to an end.
const PATIENCE: Duration = Duration::from_secs(60);

fn request(path: &str) -> Request {
    Request {
        path: path.to_owned(),
        headers: vec![("orgId".to_owned(), ORGANIZATION.to_owned())],
        ..Request::default()
    }
}

/// The call for one credit.
pub(crate) const CHEAP: &str = "/1";
/// Calls for one, three and seven credits.
const MIX: [&str; 3] = [CHEAP, "/3", "/7"];

impl Answered {
    fn new(path: &'static str, response: &Response, took: Duration) -> anyhow::Result<Self> {
        ensure!(
            [200, 429, 503].contains(&response.status) && !response.aborted,
            "an answer that nobody expects: {response:?}"
        );
        let cost = response.headers.get("x-rate-limit-request-weight-v3");
        let cost = cost.with_context(|| format!("no cost: {response:?}"))?;
        Ok(Self {
            path,
            status: response.status,
            cost: cost.to_str()?.parse()?,
            took,
        })
    }
}

impl Sum {
    pub(crate) fn of(answers: &[Answered]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for answer in answers {
            match answer.status {
                200 => sum.admitted = sum.admitted.saturating_add(1),
                429 => sum.refused = sum.refused.saturating_add(1),
                _ => sum.unavailable = sum.unavailable.saturating_add(1),
            }
            ensure!(
                (answer.cost > 0) == (answer.status == 200),
                "a call that was not admitted cost something, or one that was admitted nothing: {answer:?}"
            );
            sum.credits = sum.credits.saturating_add(answer.cost);
            sum.slowest = sum.slowest.max(answer.took);
        }
        Ok(sum)
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            admitted: self.admitted.saturating_add(other.admitted),
            credits: self.credits.saturating_add(other.credits),
            refused: self.refused.saturating_add(other.refused),
            unavailable: self.unavailable.saturating_add(other.unavailable),
            slowest: self.slowest.max(other.slowest),
        }
    }
}
