//! Traffic: days of calls of a helpdesk API, made up from a seed, in the shape that such an API sees.
//!
//! A few organizations make most of the calls; each follows its office hours and its week; integrations come in bursts, on the hour;
//! calls that fail are tried again a few times; and some organizations let a bot page through deep lists every night. What is made
//! up is stable: the same seed gives the same calls, whatever the machine.
//!
//! - [`organization`] is who calls: edition, agents, office hours and habits.
//! - [`operation`] is what is called, with its parameters.
//! - [`format`](mod@format) is how a proxy logs it.

pub mod format;
pub mod operation;
pub mod organization;

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Poisson};

use operation::Operation;
use organization::Organization;

/// What is to be made up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything follows from.
    pub seed: u64,
    /// How many organizations call.
    pub organizations: u32,
    /// The first instant.
    pub start: Timestamp,
    /// How many days of 24 hours.
    pub days: u32,
    /// About how many calls in all, without what bots and retries add.
    pub calls: u64,
}

/// A call, as the proxy saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it came.
    pub at: Timestamp,
    /// Who called: an index into [`Traffic::organizations`].
    pub organization: usize,
    /// What was called.
    pub operation: Operation,
    /// What the API answered.
    pub status: u16,
    /// How long that took.
    pub duration: SignedDuration,
    /// The length of the answer's body, in bytes.
    pub response_bytes: u32,
}

impl Call {
    /// When it was answered.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.at.checked_add(self.duration).unwrap_or(self.at)
    }
}

/// The calls in the order in which they end, which is when a proxy logs them.
#[derive(Debug)]
pub struct Traffic {
    organizations: Vec<Organization>,
    rng: ChaCha8Rng,
    start: Timestamp,
    minute: u64,
    minutes: u64,
    /// Calls a minute for a weight of 1 in the middle of a working day.
    rate: f64,
    /// Calls of the current minute and retries of later ones, the last to end first.
    pending: Vec<Call>,
}

const MINUTES_OF_A_DAY: u64 = 1_440;

impl Traffic {
    /// The traffic of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let organizations = organization::draw(plan.organizations, &mut rng);
        let minutes = u64::from(plan.days).saturating_mul(MINUTES_OF_A_DAY);
        let mut traffic = Self {
            organizations,
            rng,
            start: plan.start,
            minute: 0,
            minutes,
            rate: 1.0,
            pending: Vec::new(),
        };
        let expected: f64 = (0..minutes)
            .map(|minute| traffic.expected(minute).iter().sum::<f64>())
            .sum();
        if expected > 0.0 {
            traffic.rate = plan.calls as f64 / expected;
        }
        traffic
    }

    /// Who calls.
    #[must_use]
    pub fn organizations(&self) -> &[Organization] {
        &self.organizations
    }

    /// How many calls each organization is expected to make in a minute.
    fn expected(&self, minute: u64) -> Vec<f64> {
        let at = self.instant(minute);
        let organizations = self.organizations.iter();
        organizations
            .map(|organization| organization.activity(at) * self.rate)
            .collect()
    }

    fn instant(&self, minute: u64) -> Timestamp {
        let minutes = i64::try_from(minute).unwrap_or(i64::MAX);
        self.start
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap_or(Timestamp::MAX)
    }

    /// Makes up the calls of the next minute.
    fn next_minute(&mut self) {
        let begin = self.instant(self.minute);
        let expected = self.expected(self.minute);
        self.minute = self.minute.saturating_add(1);
        for (index, mean) in expected.into_iter().enumerate() {
            let Some(organization) = self.organizations.get(index) else {
                continue;
            };
            let calls = match Poisson::new(mean) {
                Ok(poisson) => poisson.sample(&mut self.rng),
                // A mean of 0: nobody calls.
                Err(_) => 0.0,
            };
            let made = organization.calls(index, begin, calls as u64, &mut self.rng);
            self.pending.extend(made);
        }
        self.pending.sort_by_key(|call| Reverse(call.end()));
    }
}

impl Iterator for Traffic {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        loop {
            let complete = self.instant(self.minute);
            let over = self.minute >= self.minutes;
            match self.pending.last() {
                // Later minutes may still bring calls that end before this one.
                Some(call) if call.end() < complete || over => return self.pending.pop(),
                None if over => return None,
                _ => self.next_minute(),
            }
        }
    }
}
