//! Who calls: organizations of all sizes, each with its office hours and its habits.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt as _};
use rand_distr::{Distribution as _, LogNormal};
use serde_json::{Map, Value, json};

use super::Call;
use super::operation::Operation;

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// The name of its edition.
    pub edition: &'static str,
    /// Its agents.
    pub agents: u32,
    /// Credits that it has bought on top.
    pub additional: u32,
    /// How much it calls, compared with others.
    weight: f64,
    zone: TimeZone,
    habit: Habit,
}

/// What an organization's programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// People at work.
    Office,
    /// A synchronization that runs on every full hour, for some minutes.
    Hourly,
    /// A bot that reads a list to its end every night, this many pages.
    Nightly(u32),
    /// Something that calls all day and night.
    Constant,
}

/// Editions with how common they are, in a hundred, and the most agents.
const EDITIONS: &[(u32, &str, u32)] = &[
    (30, "Free", 3),
    (18, "Express", 10),
    (22, "Standard", 40),
    (18, "Professional", 120),
    (9, "Enterprise", 400),
    (3, "Bundle", 600),
];

const ZONES: &[&str] = &[
    "America/Los_Angeles",
    "America/New_York",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Sydney",
];

/// The hour of the night in which bots read lists.
const NIGHT: i8 = 2;

/// Organizations: a few make most of the calls.
pub(super) fn draw(number: u32, rng: &mut impl Rng) -> Vec<Organization> {
    let sizes = LogNormal::new(0.0, 1.9).ok();
    (0..number)
        .map(|index| {
            let size = sizes.as_ref().map_or(1.0, |sizes| sizes.sample(rng));
            Organization::draw(
                2_000_000_u32.saturating_add(index.saturating_mul(37)),
                size,
                rng,
            )
        })
        .collect()
}

impl Organization {
    fn draw(id: u32, size: f64, rng: &mut impl Rng) -> Self {
        let mut left = rng.random_range(0..100);
        let edition = EDITIONS.iter().find(|(share, ..)| {
            let here = left < *share;
            left = left.saturating_sub(*share);
            here
        });
        let (_, edition, most) = edition.copied().unwrap_or((0, "Free", 3));
        let zone = ZONES.get(rng.random_range(0..ZONES.len())).copied();
        let zone = TimeZone::get(zone.unwrap_or("UTC")).unwrap_or(TimeZone::UTC);
        let agents = rng.random_range(1..=most);
        let habit = match rng.random_range(0..100) {
            0..60 => Habit::Office,
            60..82 => Habit::Hourly,
            82..92 => Habit::Nightly(rng.random_range(50..400)),
            _ => Habit::Constant,
        };
        let additional = if edition != "Free" && rng.random_bool(0.1) {
            10_000
        } else {
            0
        };
        Self {
            id: id.to_string(),
            edition,
            agents,
            additional,
            weight: size * (1.0 + f64::from(agents)).sqrt(),
            zone,
            habit,
        }
    }

    /// How busy it is at an instant.
    pub(super) fn activity(&self, at: Timestamp) -> f64 {
        let local = at.to_zoned(self.zone.clone());
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        let weekend = local.weekday().to_monday_zero_offset() >= 5;
        let office = (-((hour - 14.0) / 4.0).powi(2)).exp();
        let rhythm = if weekend { 0.15 * office } else { office };
        self.weight
            * match self.habit {
                Habit::Office | Habit::Nightly(_) => 0.02 + rhythm,
                Habit::Hourly if local.minute() < 4 => 3.0 + rhythm,
                Habit::Hourly => 0.1 + 0.5 * rhythm,
                Habit::Constant => 0.6,
            }
    }

    /// So many calls within a minute, what it tries again, and what its bot does.
    pub(super) fn calls(
        &self,
        index: usize,
        begin: Timestamp,
        number: u64,
        rng: &mut impl Rng,
    ) -> Vec<Call> {
        let mut calls = Vec::new();
        for _ in 0..number {
            let operation = Operation::draw(rng);
            self.call(index, within(begin, rng), operation, rng, &mut calls);
        }
        let local = begin.to_zoned(self.zone.clone());
        if let Habit::Nightly(pages) = self.habit
            && (local.hour(), local.minute()) == (NIGHT, 10)
        {
            self.read_to_the_end(index, begin, pages, rng, &mut calls);
        }
        calls
    }

    /// A bot that asks for one page after another, and throws some of what it read away.
    fn read_to_the_end(
        &self,
        index: usize,
        begin: Timestamp,
        pages: u32,
        rng: &mut impl Rng,
        calls: &mut Vec<Call>,
    ) {
        let mut at = begin;
        for page in 0..pages {
            self.call(index, at, Operation::page(page), rng, calls);
            if page % 20 == 19 {
                self.call(index, at, Operation::clean_up(rng), rng, calls);
            }
            at = after(at, rng.random_range(80..400));
        }
    }

    /// One call; a failed one is tried again after one, two and four seconds.
    fn call(
        &self,
        index: usize,
        mut at: Timestamp,
        operation: Operation,
        rng: &mut impl Rng,
        calls: &mut Vec<Call>,
    ) {
        for pause in [1_000, 2_000, 4_000, 0] {
            let status = match rng.random_range(0..1_000) {
                0..970 => 200,
                970..985 => 404,
                985..991 => 422,
                991..995 => 500,
                995..998 => 503,
                _ => 504,
            };
            let duration = match status {
                504 => 15_000,
                // Most take some ten milliseconds, and a few take seconds.
                _ => (20.0 + rng.random::<f64>().powi(8) * 4_000.0) as i64,
            };
            calls.push(Call {
                at,
                organization: index,
                operation: operation.clone(),
                status,
                duration: SignedDuration::from_millis(duration),
                response_bytes: rng.random_range(120..30_000),
            });
            if status < 500 || !rng.random_bool(0.8) {
                return;
            }
            at = after(at, duration.saturating_add(pause));
        }
    }

    /// The organization as the filter's configuration lists it.
    #[must_use]
    pub fn config(&self) -> Value {
        json!({ "edition": self.edition, "agents": self.agents, "additional": self.additional })
    }
}

/// All of them, as the member `organizations` of the filter's configuration.
#[must_use]
pub fn config(organizations: &[Organization]) -> Value {
    let members: Map<String, Value> = organizations
        .iter()
        .map(|organization| (organization.id.clone(), organization.config()))
        .collect();
    Value::Object(members)
}

fn within(minute: Timestamp, rng: &mut impl Rng) -> Timestamp {
    after(minute, rng.random_range(0..60_000))
}

fn after(at: Timestamp, milliseconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(milliseconds))
        .unwrap_or(at)
}
