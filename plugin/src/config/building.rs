//! From the configuration as it is written to the policy that it describes. Whatever is wrong with its parts is gathered, so that it is
//! told at once.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use super::{
    AnonymousConfig, Bodies, Config, ShareConfig, StrangersConfig, checks,
    contradiction::{calendar, contradiction, expected},
};
use crate::{
    accounts::{roster::Roster, subscription::Subscriptions},
    decide::{
        attributes::Described,
        policy::{Outsiders, Policy},
    },
    document::{
        choice::expected_one_of,
        config_error::{ConfigError, ConfigErrors},
        json::member,
    },
    model::{
        data_center::{DEFAULT_NAME, DataCenter},
        day::{Calendar, Seconds},
    },
    pricing::cost_table::{CostTable, Fallback},
    show::{
        response_headers::ResponseHeaders,
        usage::{answer::Usage, warnings::Warning},
    },
};

impl Config {
    /// The policy that the configuration describes, and what in it is suspicious.
    ///
    /// # Errors
    /// When parts contradict each other, or cannot be.
    pub(super) fn into_policy(
        self,
        bodies: Bodies,
    ) -> Result<(Policy, Vec<ConfigError>), ConfigErrors> {
        let mut errors = ConfigErrors::default();
        checks::mistakes(&self, &mut errors);
        let mut doubts = checks::doubts(&self);
        let unread = match bodies {
            Bodies::Read | Bodies::ReadBoth => None,
            Bodies::Unread => errors.take(self.costs.unread()),
        };
        if bodies != Bodies::ReadBoth {
            errors.take(self.costs.settled_by_heads());
        }
        let costs = errors.take(CostTable::compile(&self.costs));
        let completed_on = self.transition.map(|transition| transition.completed_on);
        let default = calendar("day", &self.day.time_zone, &self.day.starts_at);
        // Where a zone is wrong, who is in it is not wrong for that.
        let default = errors
            .take(default)
            .or_else(|| Calendar::new("UTC", "00:00").ok());
        let mut data_centers = BTreeMap::new();
        let mut broken = Vec::new();
        for (name, config) in self.data_centers.into_inner() {
            let path = member("data_centers", &name);
            match errors.take(calendar(&path, &config.time_zone, &config.starts_at)) {
                Some(calendar) => {
                    let from = config.credits_from;
                    let built = DataCenter::new(name.clone(), calendar, from, completed_on);
                    data_centers.insert(name, Rc::new(built));
                }
                None => broken.push(name),
            }
        }
        let Some(default) = default else {
            return Err(errors);
        };
        let default = DataCenter::new(DEFAULT_NAME.to_owned(), default, None, completed_on);
        let default = Rc::new(default);
        for name in broken {
            data_centers.insert(name, Rc::clone(&default));
        }
        let periods = self.periods.into_inner();
        let policy_name = &self.response_headers.policy_name;
        let is_shared = self.engine.is_some();
        let periods = errors.take(super::periods::periods(periods, policy_name, is_shared));
        let subscriptions = Subscriptions {
            periods: periods.unwrap_or_default(),
            is_shared,
            namespace: self.namespace,
            editions: self.editions.into_inner(),
            data_centers,
            default_data_center: default,
            enforcement: self.enforcement,
        };
        for (name, edition) in &subscriptions.editions {
            if let Some(unknown) = subscriptions.unknown_period(&edition.period_limits) {
                let path = member("editions", name.as_str()) + ".period_limits";
                errors.add(ConfigError::new(path, unknown.to_string()));
            }
        }
        let mut organizations = HashMap::default();
        for (id, organization) in self.organizations.into_inner() {
            let holder = subscriptions
                .subscribe(&id, &organization)
                .map_err(|error| {
                    contradiction(&member("organizations", id.as_str()), &organization, &error)
                });
            if let Some(holder) = errors.take(holder) {
                organizations.insert(id, Rc::new(holder));
            }
        }
        let share = |callers: &str, share: &ShareConfig| {
            let holder = subscriptions.share(callers, &share.edition);
            match holder {
                Ok(holder) => Ok(Outsiders::Share(Rc::new(holder))),
                Err(error) => Err(ConfigError::new(
                    format!("{callers}.share.edition"),
                    expected(&error),
                )),
            }
        };
        let strangers = errors.take(match &*self.strangers {
            StrangersConfig::Refuse(answer) => Ok(Outsiders::Refuse(answer.clone())),
            StrangersConfig::Share(shared) => share("strangers", shared),
        });
        let anonymous = errors.take(match &*self.anonymous {
            AnonymousConfig::Refuse(answer) => Ok(Outsiders::Refuse(answer.clone())),
            AnonymousConfig::Share(shared) => share("anonymous", shared),
            AnonymousConfig::Allow => Ok(Outsiders::Allow),
        });
        let concurrency = errors.take(self.concurrency.into_concurrency());
        if let Some(concurrency) = &concurrency {
            for (index, rule) in self.costs.rules.iter().enumerate() {
                if let Some(group) = &rule.group
                    && concurrency.group(group).is_none()
                {
                    let known = concurrency.groups.iter().map(|group| group.name.as_str());
                    let expected = expected_one_of(group, "`concurrency.groups`", known);
                    errors.add(ConfigError::new(
                        format!("costs.rules[{index}].group"),
                        format!("{group:?}: {expected}"),
                    ));
                }
            }
        }
        let response_headers = errors.take(distinct(*self.response_headers));
        let directory = self
            .directory
            .map(|directory| directory.into_directory(&subscriptions));
        let directory = errors.take(directory.transpose());
        let lease = concurrency.as_ref().map(|concurrency| concurrency.lease);
        let engine = self.engine.map(|engine| {
            engine.into_engine(&subscriptions.namespace, lease.unwrap_or(Seconds::new(0)))
        });
        let engine = errors.take(engine.transpose());
        let usage_events = self.usage_events.map(|usage_events| {
            let rules = costs.iter().flat_map(CostTable::rule_names);
            usage_events.into_usage_events(&subscriptions.namespace, rules)
        });
        let usage_events = errors.take(usage_events.transpose());
        let usage_path = self.usage.as_ref().map(|usage| &usage.path);
        let operators = self
            .operators
            .map(|operators| operators.into_operators(usage_path));
        let operators = errors.take(operators.transpose());
        let identity_header = self.identity.header().map(str::to_owned);
        let identity = errors.take(self.identity.into_path("identity"));
        let attributes = self.attributes.map(|attributes| attributes.into_sources());
        let attributes = errors.take(attributes.transpose());
        let clients = self.clients.map(|clients| clients.into_rules()).transpose();
        let clients = errors.take(clients);
        let (
            Some(identity),
            Some(attributes),
            Some(clients),
            Some(directory),
            Some(strangers),
            Some(anonymous),
            Some(mut costs),
            Some(response_headers),
            Some(concurrency),
            Some(engine),
            Some(usage_events),
            Some(operators),
        ) = (
            identity,
            attributes,
            clients,
            directory,
            strangers,
            anonymous,
            costs,
            response_headers,
            concurrency,
            engine,
            usage_events,
            operators,
        )
        else {
            return Err(errors);
        };
        errors.into_result()?;
        if bodies == Bodies::Unread {
            costs.leave_bodies_unread(unread.unwrap_or(Fallback::Refuse));
        }
        let namespace = subscriptions.namespace.clone();
        let policy = Policy {
            identity,
            attributes,
            clients,
            described: Described::default(),
            directory,
            subscriptions,
            organizations,
            strangers,
            anonymous,
            costs,
            shadow_headers: response_headers.in_shadow(),
            response_headers,
            access_log: self.access_log,
            refusals: *self.refusals,
            refunds: *self.refunds,
            concurrency,
            engine,
            enforcement: self.enforcement,
            warnings: self.warnings.at_percent,
            webhook: (self.warnings.webhook)
                .map(|webhook| webhook.into_outbox(Warning::CONTENT_TYPE, Warning::RETRIES)),
            usage_events,
            roster: (operators.is_some()).then(|| Roster::new(namespace)),
            operators,
            usage: self
                .usage
                .map(|usage| Usage::new(*usage, identity_header.as_deref())),
        };
        doubts.extend(checks::unaffordable(&self.costs, &policy));
        Ok((policy, doubts))
    }
}

/// The fields, if no two have the same name.
fn distinct(headers: ResponseHeaders) -> Result<ResponseHeaders, ConfigError> {
    let mut seen = Vec::new();
    for name in headers.names() {
        if seen.contains(&name) {
            let expected = "a name of its own for each field";
            let value = format!("{:?} twice", name.as_str());
            return Err(ConfigError::invalid("response_headers", value, expected));
        }
        seen.push(name);
    }
    Ok(headers)
}
