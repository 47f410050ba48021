//! What would have spared an organization its refusals: the module itself is asked what it would get under every other plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::details::ask;
use super::error::ForecastError;
use super::mapping::Mapping;
use super::organization::Organization;
use super::wish::{Wish, with_wishes};
use crate::proxy::simulator::{Simulator, StartError};

/// What would have been enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Remedy {
    /// How much more a day, at most: a refused call counts in full although what it costs may be given back when it fails.
    pub additional: u64,
    /// What that is counted in, if the mapping says.
    pub unit: Option<String>,
    /// Whether that much can be bought under the present plan; `None` if the module does not tell.
    pub can_be_bought: Option<bool>,
    /// Whether that much suffices, and as many calls at once as are told below: whether no call was refused when all were replayed with it;
    /// `None` if that has not been tried.
    pub suffices: Option<bool>,
    /// How many calls must be allowed in progress at once, if calls were refused for that, or would be were they not refused before.
    pub concurrency: Option<u64>,
    /// The other plans, those with the lowest limits first.
    pub plans: Vec<Plan>,
}

/// Another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What the organization might use in a day under it.
    pub limit: Option<u64>,
    /// How many of its calls might be in progress.
    pub concurrency: Option<u64>,
    /// Whether no call would have been refused.
    pub suffices: bool,
    /// Whether that was seen when all calls were replayed under it, and not only computed.
    pub replayed: bool,
    /// Whether what was bought had to be given up, because the plan does not allow it.
    pub without_purchases: bool,
}

impl Remedy {
    /// The first plan that suffices.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.suffices)
    }

    /// Whether there is anything that would do.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.suffices != Some(false) || self.plan().is_some()
    }

    /// The plan that is recommended and has not been replayed.
    #[must_use]
    pub fn unproven_plan(&self) -> Option<Wish> {
        let plan = self.plan().filter(|plan| !plan.replayed)?;
        Some(Wish {
            plan: Some(plan.name.clone()),
            without_purchases: plan.without_purchases,
            ..Wish::default()
        })
    }

    /// The purchase that is recommended and has not been replayed.
    #[must_use]
    pub fn unproven_purchase(&self) -> Option<Wish> {
        let is_offered = self.suffices.is_none() && self.can_be_bought != Some(false);
        let wish = Wish {
            additional: self.additional,
            concurrency: self.concurrency,
            ..Wish::default()
        };
        (is_offered && wish != Wish::default()).then_some(wish)
    }

    /// Whether anything is recommended that has not been replayed.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        self.unproven_plan().is_some() || self.unproven_purchase().is_some()
    }

    /// The recommended plan has been replayed, and suffices.
    pub fn prove_plan(&mut self) {
        if let Some(plan) = self.plans.iter_mut().find(|plan| plan.suffices) {
            plan.replayed = true;
        }
    }

    /// The recommended plan does not suffice.
    pub fn refute_plan(&mut self) {
        if let Some(plan) = self.plans.iter_mut().find(|plan| plan.suffices) {
            (plan.suffices, plan.replayed) = (false, true);
        }
    }

    /// The purchase has been replayed, and suffices.
    pub fn prove_purchase(&mut self) {
        self.suffices = Some(true);
    }

    /// The purchase does not suffice.
    pub fn refute_purchase(&mut self) {
        self.suffices = Some(false);
    }

    /// The purchase does not suffice: by as much as is still missing, it is raised.
    pub fn raise_purchase(&mut self, after: &Organization) {
        let missing = after.missing();
        let peak = after.peak_concurrency;
        if missing > 0 {
            self.additional = self.additional.saturating_add(missing);
        } else if self
            .concurrency
            .is_none_or(|concurrency| concurrency < peak)
        {
            self.concurrency = Some(peak);
        } else {
            self.refute_purchase();
        }
    }

    /// Nothing is recommended that has not been replayed.
    pub fn drop_unproven(&mut self) {
        for plan in &mut self.plans {
            plan.suffices &= plan.replayed;
        }
        if self.unproven_purchase().is_some() {
            self.refute_purchase();
        }
    }

    fn of(organization: &Organization, mapping: &Mapping) -> Self {
        let additional = organization.missing();
        let worst = organization.worst_day();
        let sold = worst.and_then(|day| day.terms.purchasable);
        let bought = worst.and_then(|day| day.terms.purchased).unwrap_or(0);
        // Calls that are refused for want of credits take no place beside others, but would if they passed.
        let crowded = worst
            .and_then(|day| day.terms.concurrency)
            .is_some_and(|allowed| organization.peak_concurrency > allowed);
        Self {
            additional,
            unit: mapping.details.unit.clone(),
            can_be_bought: sold.map(|sold| bought.saturating_add(additional) <= sold),
            suffices: None,
            concurrency: (organization.refused_by_concurrency() > 0 || crowded)
                .then_some(organization.peak_concurrency),
            plans: Vec::new(),
        }
    }
}

/// Starts the plugin with another configuration, at a time.
pub type Start<'s> = dyn Fn(&[u8], Timestamp) -> Result<Simulator, StartError> + 's;

/// The remedies of all organizations that were refused for want of credits or for too many calls at once, by their place. `start`
/// starts the plugin with another configuration, at a time.
///
/// # Errors
///
/// When a module that has started cannot be asked.
pub fn remedies(
    organizations: &[Box<Organization>],
    mapping: &Mapping,
    configuration: &Value,
    details_path: Option<&str>,
    start: &Start<'_>,
) -> Result<BTreeMap<usize, Remedy>, ForecastError> {
    let refused = organizations
        .iter()
        .enumerate()
        .filter(|(_, organization)| {
            organization.is_named
                && (organization.refused_by_cost() > 0 || organization.refused_by_concurrency() > 0)
        });
    let mut remedies: BTreeMap<_, _> = refused
        .map(|(number, organization)| (number, Remedy::of(organization, mapping)))
        .collect();
    let Some(path) = details_path.filter(|_| configuration.is_object()) else {
        return Ok(remedies);
    };
    // The module's clock goes forward only.
    let mut order: Vec<_> = remedies.keys().copied().collect();
    let day_of = |number: &usize| {
        organizations
            .get(*number)
            .and_then(|of| of.worst_day()?.from)
    };
    order.sort_by_key(day_of);
    let Some(first) = order.iter().find_map(day_of) else {
        return Ok(remedies);
    };
    for name in plan_names(configuration, mapping) {
        let members = order.iter().filter_map(|number| organizations.get(*number));
        let names: Vec<_> = members
            .map(|organization| organization.name.as_str())
            .collect();
        let under = |without_purchases: bool| {
            let wish = Wish {
                plan: Some(name.clone()),
                without_purchases,
                ..Wish::default()
            };
            let wishes: Vec<_> = names.iter().map(|name| (*name, wish.clone())).collect();
            with_wishes(configuration, mapping, &wishes)
        };
        let mut started = start(&under(false), first);
        let mut without_purchases = false;
        if started.is_err() {
            without_purchases = true;
            started = start(&under(true), first);
        }
        // Not every plan is for everybody.
        let Ok(mut simulator) = started else {
            continue;
        };
        for number in &order {
            let Some(organization) = organizations.get(*number) else {
                continue;
            };
            let Some(day) = organization.worst_day() else {
                continue;
            };
            simulator.advance_to(day.from.unwrap_or(first));
            let sent = organization.sent.as_deref().cloned().unwrap_or_default();
            for (namespace, value) in sent.metadata {
                simulator.set_metadata(&namespace, value);
            }
            let answer = ask(&mut simulator, mapping, path, sent.headers);
            let details = answer.map_err(|source| ForecastError::Simulation {
                call: format!("GET {path} under {name}"),
                source: Box::new(source),
            })?;
            // Whoever is not in the configuration keeps what it has.
            if details.plan.as_ref() != Some(&name) || day.terms.plan.as_ref() == Some(&name) {
                continue;
            }
            let enough = details.limit.is_none_or(|limit| day.need() <= limit);
            let wide = details
                .concurrency
                .is_none_or(|limit| organization.peak_concurrency <= limit);
            if let Some(remedy) = remedies.get_mut(number) {
                remedy.plans.push(Plan {
                    name: name.clone(),
                    limit: details.limit,
                    concurrency: details.concurrency,
                    suffices: enough && wide,
                    replayed: false,
                    without_purchases: without_purchases
                        && day.terms.purchased.is_some_and(|bought| bought > 0),
                });
            }
        }
    }
    for remedy in remedies.values_mut() {
        remedy
            .plans
            .sort_by_key(|plan| (plan.limit.unwrap_or(u64::MAX), plan.concurrency));
    }
    Ok(remedies)
}

fn plan_names(configuration: &Value, mapping: &Mapping) -> Vec<String> {
    let plans = mapping.configuration.plans.as_deref();
    let plans = plans.and_then(|plans| configuration.pointer(plans)?.as_object());
    plans.map_or_else(Vec::new, |plans| plans.keys().cloned().collect())
}
