//! What each part of a configuration allows by itself and all of them together do not mean.
//!
//! What can only be a mistake is refused. What has no effect, or never lets a call pass, but may be meant for later, is a doubt: the
//! configuration is used, and the log warns. That an edition has no organizations is neither: a list of editions is a price list, and
//! new organizations come every day.

use super::{Config, SourceConfig, StrangersConfig};
use crate::{
    decide::policy::{Outsiders, Policy},
    document::{
        config_error::{ConfigError, ConfigErrors},
        json::member,
    },
    model::credits::Credits,
    pricing::cost_table::{CostConfig, CostsConfig},
};

/// Adds what can only be a mistake.
#[inline(never)]
pub(super) fn mistakes(config: &Config, errors: &mut ConfigErrors) {
    limits_of_no_calls(config, errors);
    refunds(config, errors);
    data_centers(config, errors);
    fields(config, errors);
    usage(config, errors);
}

/// A limit of no calls at all admits none, ever, and refuses each with an answer that says to try again.
#[inline(never)]
fn limits_of_no_calls(config: &Config, errors: &mut ConfigErrors) {
    let mut check = |limit: Option<u32>, path: String| {
        if limit == Some(0) {
            let expected = "at least 1 call in progress (leave it out for no limit)";
            errors.add(ConfigError::invalid(path, "0", expected));
        }
    };
    for (name, edition) in config.editions.iter() {
        let path = || member("editions", name.as_str()) + ".concurrency";
        check(edition.concurrency, path());
    }
    for (id, organization) in config.organizations.iter() {
        if organization.concurrency == Some(0) {
            let path = member("organizations", id.as_str()) + ".concurrency";
            check(organization.concurrency, path);
        }
    }
    for (name, limit) in config.concurrency.groups.iter() {
        check(Some(*limit), member("concurrency.groups", name));
    }
}

/// Only failures are given back: who was answered has got what the call costs.
#[inline(never)]
fn refunds(config: &Config, errors: &mut ConfigErrors) {
    let statuses = &config.refunds.statuses;
    for (index, status) in statuses.iter().enumerate() {
        let expected = if !(400..=599).contains(status) {
            "a status that says that the call failed, from 400 to 599"
        } else if statuses.iter().take(index).any(|other| other == status) {
            "each status once"
        } else {
            continue;
        };
        errors.add(ConfigError::invalid(
            format!("refunds.statuses[{index}]"),
            status.to_string(),
            expected,
        ));
    }
}

#[inline(never)]
fn data_centers(config: &Config, errors: &mut ConfigErrors) {
    let stated = config.attributes.as_ref();
    let stated = stated.is_some_and(|attributes| attributes.data_center.is_some());
    if stated && config.data_centers.is_empty() {
        errors.add(ConfigError::new(
            "attributes.data_center",
            "there are no `data_centers` that it could name: expected some, or no such attribute",
        ));
    }
}

/// The fields of responses are removed from requests, so that nothing that authenticates a caller can be in them.
#[inline(never)]
fn fields(config: &Config, errors: &mut ConfigErrors) {
    let attributes = config.attributes.iter().flat_map(|attributes| {
        let optional = [
            ("attributes.agents", attributes.agents.as_ref()),
            ("attributes.additional", attributes.additional.as_ref()),
            ("attributes.data_center", attributes.data_center.as_ref()),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(path, source)| Some((path, source?)));
        std::iter::once(("attributes.edition", &attributes.edition)).chain(optional)
    });
    let operators = config.operators.as_ref();
    let operators = operators.map(|operators| ("operators.identity", &operators.identity));
    let clients = config.clients.iter().flat_map(|clients| {
        let identity = std::iter::once(("clients.identity", &clients.identity));
        identity.chain(clients.attributes.sources())
    });
    let sources = std::iter::once(("identity", &config.identity));
    let sources = sources.chain(operators).chain(attributes).chain(clients);
    for (path, source) in sources {
        let Some(header) = source.header() else {
            continue;
        };
        let shadow = config.response_headers.in_shadow();
        let mut told = config.response_headers.names().chain(shadow.names());
        if told.any(|name| name.as_str() == header) {
            errors.add(ConfigError::invalid(
                format!("{path}.header"),
                format!("{header:?}"),
                "another field than those of `response_headers`, which clients cannot set",
            ));
        }
    }
}

/// What the filter answers itself never has a price.
#[inline(never)]
fn usage(config: &Config, errors: &mut ConfigErrors) {
    let Some(usage) = &config.usage else {
        return;
    };
    let path = usage.path.as_str();
    for (rule, config) in config.costs.rules.iter().enumerate() {
        for (index, operation) in config.operations.iter().enumerate() {
            let below = operation
                .split_once(' ')
                .filter(|(method, _)| !matches!(*method, "OPTIONS" | "*"))
                .and_then(|(_, template)| template.strip_prefix(path));
            if below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
                errors.add(ConfigError::invalid(
                    format!("costs.rules[{rule}].operations[{index}]"),
                    format!("{operation:?}"),
                    format!(
                        "an operation that is not below `usage.path` ({path:?}), which the filter answers itself, free of charge"
                    ),
                ));
            }
        }
    }
}

/// What is probably not meant.
#[inline(never)]
pub(super) fn doubts(config: &Config) -> Vec<ConfigError> {
    let mut doubts = Vec::new();
    let used = |group: &str| {
        let mut groups = config
            .costs
            .rules
            .iter()
            .filter_map(|rule| rule.group.as_deref());
        groups.any(|other| other == group)
    };
    for (name, _) in config
        .concurrency
        .groups
        .iter()
        .filter(|(name, _)| !used(name))
    {
        let path = member("concurrency.groups", name);
        doubts.push(ConfigError::new(
            path,
            "no rule is in this group, so that it limits nothing",
        ));
    }
    let learned = config.directory.is_some() || config.attributes.is_some();
    let elsewhere = config.directory.is_some()
        || config
            .attributes
            .as_ref()
            .is_some_and(|attributes| attributes.data_center.is_some());
    if !elsewhere {
        let inhabited = |name: &str| {
            let mut centers = config
                .organizations
                .iter()
                .filter_map(|(_, organization)| organization.data_center.as_deref());
            centers.any(|center| center == name)
        };
        for (name, _) in config
            .data_centers
            .iter()
            .filter(|(name, _)| !inhabited(name))
        {
            let path = member("data_centers", name);
            doubts.push(ConfigError::new(
                path,
                "no organization is in this data centre, and no call can state that one is",
            ));
        }
    }
    if let Some(transition) = &config.transition {
        let completed = transition.completed_on.get();
        for (name, data_center) in config.data_centers.iter() {
            if data_center
                .credits_from
                .is_some_and(|from| from.get() > completed)
            {
                doubts.push(ConfigError::new(
                    member("data_centers", name) + ".credits_from",
                    format!("it has no effect, because `transition.completed_on` ({completed}) is before it"),
                ));
            }
        }
    }
    let refused = matches!(*config.strangers, StrangersConfig::Refuse(_));
    if config.organizations.is_empty() && !learned && refused {
        doubts.push(ConfigError::new(
            "organizations",
            "there are none, and neither `directory` nor `attributes` tells of others: every call that states one is refused",
        ));
    }
    let warnings = &config.warnings;
    if warnings.webhook.is_some() && warnings.at_percent.is_empty() {
        doubts.push(ConfigError::new(
            "warnings.webhook",
            "it is never called, because `warnings.at_percent` has no percentages",
        ));
    }
    let same = config.attributes.iter().any(|attributes| {
        matches!((&config.identity, &attributes.edition), (SourceConfig::Header(a), SourceConfig::Header(b)) if a == b)
    });
    if same {
        doubts.push(ConfigError::new(
            "attributes.edition",
            "it is read from where the organization is stated",
        ));
    }
    doubts
}

/// Rules whose least price is more than anybody has in a day.
#[inline(never)]
pub(super) fn unaffordable(costs: &CostsConfig, policy: &Policy) -> Vec<ConfigError> {
    if policy.directory.is_some() || policy.attributes.is_some() || policy.organizations.is_empty()
    {
        return Vec::new();
    }
    let shared = [&policy.strangers, &policy.anonymous]
        .into_iter()
        .filter_map(|outsiders| match outsiders {
            Outsiders::Share(holder) => Some(holder),
            _ => None,
        });
    let holders = policy.organizations.values().chain(shared);
    let most = holders.map(|holder| {
        holder
            .allotment
            .total()
            .max(holder.legacy_limit.unwrap_or(Credits::ZERO))
    });
    let most = most.max().unwrap_or(Credits::ZERO);
    let mut doubts = Vec::new();
    for (index, rule) in costs.rules.iter().enumerate() {
        let least = match &rule.cost {
            CostConfig::Fixed(cost) => *cost,
            CostConfig::Tiers(tiers) => {
                let steps = tiers.steps.iter().map(|step| step.credits);
                steps.min().unwrap_or(tiers.beyond).min(tiers.beyond)
            }
            CostConfig::PerRecord(price) => price.at_least,
        };
        if least > most {
            doubts.push(ConfigError::new(
                format!("costs.rules[{index}].cost"),
                format!("at least {least}, and no organization here has more than {most} credits a day: such calls are always refused"),
            ));
        }
    }
    doubts
}
