//! What organizations may use, worked out once more from the announcement alone: whole numbers, and local dates.
//!
//! Nothing of the filter is used but the module, on the simulator, whose clock stands wherever it matters: around the instants at
//! which data centres move to credits, at which the transition is complete, and at which clocks are put forward or back.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and the rules are to be read as they are announced"
)]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::example::USAGE;
use host_sim::target::{PluginSettings, Request};
use host_sim::{Module, Simulator};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Map, Value, json};

use crate::World;

/// Name, credits a day, credits a day for each agent, and whether it is paid for.
type Edition = (&'static str, u64, u64, bool);

const EDITIONS: [Edition; 6] = [
    ("Free", 5_000, 0, false),
    ("Express", 25_000, 100, true),
    ("Standard", 50_000, 250, true),
    ("Professional", 75_000, 500, true),
    ("Enterprise", 100_000, 1_000, true),
    ("Bundle", 100_000, 1_000, true),
];

const AGENTS: [u64; 7] = [0, 1, 3, 12, 49, 100, 2_500];
const ADDITIONAL: [u64; 5] = [0, 0, 1, 5_000, 1_000_000];

/// From this day on all data centres count credits, and who signs up never had a limit.
const COMPLETED: Date = date(2025, 10, 30);

/// Name, zone, and the first day of credits, if there is one before all are moved.
const DATA_CENTERS: [(&str, &str, Option<Date>); 9] = [
    ("US", "America/Los_Angeles", Some(date(2025, 10, 6))),
    ("EU", "Europe/Berlin", Some(date(2025, 10, 8))),
    ("IN", "Asia/Kolkata", Some(date(2025, 10, 7))),
    // Days of 23 hours, of 23 and a half, and of 25.
    ("AU", "Australia/Sydney", Some(date(2025, 10, 5))),
    ("LH", "Australia/Lord_Howe", Some(date(2025, 10, 5))),
    ("DE", "Europe/Berlin", Some(date(2025, 10, 26))),
    // The clocks go back from midnight to 23:00, so that the day before has 25 hours.
    ("LB", "Asia/Beirut", Some(date(2025, 10, 26))),
    // Moved with the rest before its own date, on a day of 25 hours.
    ("EG", "Africa/Cairo", Some(date(2025, 11, 15))),
    ("JP", "Asia/Tokyo", None),
];

/// The old model's limit of an organization, in calls a day.
#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    Fixed(u64),
    PerAgent { each: u64, min: u64, max: u64 },
}

const LIMITS: [Limit; 4] = [
    Limit::None,
    Limit::Fixed(20_000),
    Limit::Fixed(250_000),
    Limit::PerAgent {
        each: 1_000,
        min: 15_000,
        max: 100_000,
    },
];

const SIGN_UPS: [Option<Date>; 5] = [
    None,
    Some(date(2025, 9, 1)),
    Some(date(2025, 10, 29)),
    Some(date(2025, 10, 30)),
    Some(date(2026, 1, 5)),
];

/// An organization as it is configured.
#[derive(Clone, Debug)]
struct Organization {
    id: String,
    edition: Edition,
    agents: u64,
    additional: u64,
    limit: Limit,
    signed_up: Option<Date>,
}

/// A data centre: its zone, and its first day of credits.
struct DataCenter {
    name: &'static str,
    zone: TimeZone,
    zone_name: &'static str,
    credits_from: Option<Date>,
}

pub(crate) fn every_organization_is_shown_what_the_announcement_gives_it(
    world: &World,
) -> anyhow::Result<()> {
    let module = Module::from_file(&world.artifacts.module)?;
    let mut random = 2_389_290;
    let mut wrong = Vec::new();
    let mut compared = 0_usize;
    for (name, zone_name, credits_from) in DATA_CENTERS {
        let place = DataCenter {
            name,
            zone: TimeZone::get(zone_name)?,
            zone_name,
            credits_from,
        };
        let organizations = organizations(&mut random);
        let config = config(&place, &organizations).to_string();
        for instant in place.instants()? {
            // It runs on from the last second before, as an Envoy does.
            let mut simulator = Simulator::builder(&module)
                .settings(PluginSettings::default())
                .configuration(&config)
                .clock(instant.checked_sub(1.second())?)
                .start()?;
            for _ in 0..2 {
                for organization in &organizations {
                    let told = ask(&mut simulator, organization)?;
                    let due = organization.expected(&place, simulator.now())?;
                    let differing = due
                        .iter()
                        .filter(|(at, value)| told.pointer(at) != value.as_ref());
                    wrong.extend(differing.map(|(at, value)| {
                        let (now, found) = (simulator.now(), told.pointer(at));
                        format!("{name} at {now}, {organization:?}: {at} is {found:?}, expected {value:?}")
                    }));
                    compared += 1;
                }
                simulator.advance(Duration::from_secs(1))?;
            }
        }
    }
    wrong.truncate(20);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    // 120 organizations in each data centre, before and at every instant.
    assert_eq!(compared, 120 * 2 * 9 * 5);
    Ok(())
}

/// Every edition with every limit and every date of sign-up, of any size.
fn organizations(random: &mut u64) -> Vec<Organization> {
    let mut organizations = Vec::new();
    for edition in EDITIONS {
        for limit in LIMITS {
            for signed_up in SIGN_UPS {
                organizations.push(Organization {
                    id: (organizations.len() + 1_000).to_string(),
                    edition,
                    agents: any(random, &AGENTS),
                    additional: any(random, &ADDITIONAL),
                    limit,
                    signed_up,
                });
            }
        }
    }
    organizations
}

/// One of these, the same ones in every run (Knuth's linear congruential generator).
fn any(random: &mut u64, choices: &[u64]) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let at = (*random >> 33).checked_rem(choices.len() as u64);
    let at = at
        .and_then(|at| usize::try_from(at).ok())
        .unwrap_or_default();
    choices.get(at).copied().unwrap_or_default()
}

fn config(place: &DataCenter, organizations: &[Organization]) -> Value {
    let editions: Map<_, _> = EDITIONS
        .iter()
        .map(|(name, base, per_agent, paid)| {
            let edition = json!({ "base": base, "per_agent": per_agent, "paid": paid });
            ((*name).to_owned(), edition)
        })
        .collect();
    let organizations: Map<_, _> = organizations
        .iter()
        .map(|organization| (organization.id.clone(), organization.configured(place)))
        .collect();
    let mut data_center = json!({ "time_zone": place.zone_name });
    if let (Some(from), Some(data_center)) = (place.credits_from, data_center.as_object_mut()) {
        data_center.insert("credits_from".to_owned(), json!(from.to_string()));
    }
    json!({
        "identity": { "header": "orgId" },
        "editions": editions,
        "organizations": organizations,
        "data_centers": { place.name: data_center },
        "transition": { "completed_on": COMPLETED.to_string() },
        "usage": {},
        "costs": { "default": 1 },
    })
}

fn ask(simulator: &mut Simulator, organization: &Organization) -> anyhow::Result<Value> {
    let request = Request {
        path: USAGE.to_owned(),
        headers: vec![("orgId".to_owned(), organization.id.clone())],
        ..Request::default()
    };
    let answer = simulator.exchange(&request)?;
    ensure!(answer.status == 200, "{organization:?}: {answer:?}");
    Ok(serde_json::from_slice(&answer.body)?)
}

impl Organization {
    fn configured(&self, place: &DataCenter) -> Value {
        let (edition, ..) = self.edition;
        let mut configured = json!({
            "edition": edition, "agents": self.agents, "light_agents": 7, "additional": self.additional,
            "data_center": place.name,
        });
        let limit = match self.limit {
            Limit::None => None,
            Limit::Fixed(calls) => Some(json!(calls)),
            Limit::PerAgent { each, min, max } => {
                Some(json!({ "per_agent": each, "min": min, "max": max }))
            }
        };
        let signed_up = self.signed_up.map(|date| json!(date.to_string()));
        if let Some(configured) = configured.as_object_mut() {
            configured.extend(limit.map(|limit| ("legacy_limit".to_owned(), limit)));
            configured.extend(signed_up.map(|date| ("signed_up".to_owned(), date)));
        }
        configured
    }

    /// What it is to be shown at `now`, by its place in the usage details; `None` for what is not to be there.
    fn expected(
        &self,
        place: &DataCenter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<(&'static str, Option<Value>)>> {
        let (_, base, per_agent, paid) = self.edition;
        let variable = per_agent * self.agents;
        let credits = base + variable + self.additional;
        let limit = match self.limit {
            Limit::None => None,
            Limit::Fixed(calls) => Some(calls),
            Limit::PerAgent { each, min, max } => {
                let calls = each * self.agents;
                Some(if calls < min {
                    min
                } else if calls > max {
                    max
                } else {
                    calls
                })
            }
        };
        let today = now.to_zoned(place.zone.clone()).date();
        let newcomer = self.signed_up.is_some_and(|date| date >= COMPLETED);
        let moved = today >= COMPLETED || place.credits_from.is_some_and(|from| today >= from);
        let (model, total) = match limit {
            Some(limit) if !newcomer && !moved => ("legacy", limit),
            Some(limit) if !newcomer && paid && limit > credits => ("grandfathered", limit),
            Some(_) if !newcomer && paid => ("grandfathered", credits),
            _ => ("credits", credits),
        };
        let in_credits = |amount: u64| (model != "legacy").then(|| json!(amount));
        let more = total
            .checked_sub(credits)
            .filter(|more| *more > 0 && model == "grandfathered");
        let midnight = place.midnight(today.tomorrow()?)?;
        Ok(vec![
            ("/model", Some(json!(model))),
            ("/limit", Some(json!(total))),
            ("/remaining", Some(json!(total))),
            ("/allotment/base/allotted", in_credits(base)),
            ("/allotment/variable/allotted", in_credits(variable)),
            (
                "/allotment/additional/allotted",
                in_credits(self.additional),
            ),
            (
                "/allotment/grandfathered/allotted",
                more.map(|more| json!(more)),
            ),
            (
                "/allotment/limit/allotted",
                (model == "legacy").then(|| json!(total)),
            ),
            ("/plan/agents", Some(json!(self.agents))),
            (
                "/resetsInSeconds",
                Some(json!(midnight.as_second() - now.as_second())),
            ),
        ])
    }
}

impl DataCenter {
    /// The first instant of a day there.
    fn midnight(&self, day: Date) -> anyhow::Result<Timestamp> {
        Ok(day.to_zoned(self.zone.clone())?.timestamp())
    }

    /// The instants around which anything may change.
    fn instants(&self) -> anyhow::Result<[Timestamp; 5]> {
        let started = self.credits_from.unwrap_or(COMPLETED);
        let autumn = date(2025, 10, 1).to_zoned(self.zone.clone())?.timestamp();
        let clocks = self.zone.following(autumn).next();
        Ok([
            self.midnight(started)?,
            self.midnight(COMPLETED)?,
            self.midnight(COMPLETED.tomorrow()?)?,
            // Where clocks are never changed, any instant will do.
            clocks.map_or(autumn, |change| change.timestamp()),
            self.midnight(date(2026, 3, 29)).context("spring")?,
        ])
    }
}
