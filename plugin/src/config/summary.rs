//! What was understood of a configuration, in one line for the log.

use super::{AnonymousConfig, Config, SourceConfig, StrangersConfig};
use crate::model::enforcement::Enforcement;

impl Config {
    /// What is configured: who pays, what for, and what is told to whom.
    #[must_use]
    pub fn summary(&self) -> String {
        let rules = &self.costs.rules;
        let operations = rules.iter().map(|rule| rule.operations.len()).sum();
        let source = match &self.identity {
            SourceConfig::Header(name) => format!("the header {name:?}", name = name.as_str()),
            SourceConfig::Property(path) => format!("the property {:?}", path.join(".")),
        };
        let mut parts = vec![
            format!(
                "{} of {}",
                count(self.organizations.len(), "organization"),
                count(self.editions.len(), "edition")
            ),
            format!("identified by {source}"),
            format!(
                "{} for {}, otherwise {}",
                count(rules.len(), "price"),
                count(operations, "operation"),
                self.costs.default
            ),
            format!("days in {} from {}", self.day.time_zone, self.day.starts_at),
        ];
        let mut also = |is_so: bool, text: &str| {
            if is_so {
                parts.push(text.to_owned());
            }
        };
        also(
            !self.data_centers.is_empty(),
            &count(self.data_centers.len(), "data centre"),
        );
        also(self.attributes.is_some(), "others described by their calls");
        also(self.directory.is_some(), "others known to a directory");
        also(
            matches!(*self.strangers, StrangersConfig::Share(_)),
            "strangers share an account",
        );
        match *self.anonymous {
            AnonymousConfig::Refuse(_) => {}
            AnonymousConfig::Share(_) => also(true, "anonymous callers share an account"),
            AnonymousConfig::Allow => also(true, "anonymous calls are free"),
        }
        also(
            !self.concurrency.groups.is_empty(),
            &count(self.concurrency.groups.len(), "concurrency group"),
        );
        also(
            !self.periods.is_empty(),
            &count(self.periods.len(), "period"),
        );
        also(self.engine.is_some(), "counted with other proxies");
        also(
            self.enforcement == Enforcement::Shadow,
            "nothing is refused (shadow)",
        );
        if let Some(usage) = &self.usage {
            also(true, &format!("usage details at {}", usage.path.as_str()));
        }
        if let Some(operators) = &self.operators {
            also(
                true,
                &format!("all organizations at {}", operators.path.as_str()),
            );
        }
        also(self.warnings.webhook.is_some(), "warnings go to a webhook");
        also(self.usage_events.is_some(), "usage events go to a webhook");
        parts.join("; ")
    }
}

fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}
