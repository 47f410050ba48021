//! What a call would have cost that was refused for too many others in progress. The module does not say: it refuses such calls before
//! it charges them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::details::number_in;
use super::mapping::Mapping;
use crate::http::stream::Ending;
use crate::model::Request;
use crate::proxy::simulator::{Builder, Simulator};

/// Gives a configuration that lists of all organizations only these, and is otherwise the one that is replayed.
pub type ConfigurationOf = dyn Fn(&BTreeSet<String>) -> Vec<u8>;

/// The same plugin over again, in which each call ends before the next one comes. What a call costs is what it is charged there, or what
/// its refusal says that it would have cost. It lists only those organizations that have to be asked for, as long as they are few: to know very
/// many takes much memory.
pub(super) struct Pricer {
    builder: Builder,
    configuration: Box<ConfigurationOf>,
    simulator: Option<Simulator>,
    /// The organizations that it knows; all of them if `None`.
    known: Option<BTreeSet<String>>,
}

/// The most organizations that it is started anew for.
const MOST_KNOWN: usize = 16;

impl Pricer {
    pub(super) fn new(builder: Builder, configuration: Box<ConfigurationOf>) -> Self {
        Self {
            builder,
            configuration,
            simulator: None,
            known: Some(BTreeSet::new()),
        }
    }

    /// Starts it where it does not know an organization.
    fn know(&mut self, organization: &str, at: Timestamp) {
        let Some(known) = self.known.as_mut() else {
            return;
        };
        if known.contains(organization) {
            return;
        }
        let builder = self.builder.clone().clock(at);
        let builder = if known.len() < MOST_KNOWN {
            known.insert(organization.to_owned());
            builder.configuration((self.configuration)(known))
        } else {
            self.known = None;
            builder
        };
        self.simulator = builder.start_workers().ok();
    }

    /// The price of a call of this organization; `None` if the module does not tell it. `keys` begin with the verdict's and the cost's.
    pub(super) fn price(
        &mut self,
        organization: &str,
        request: &Request,
        metadata: &[(String, Value)],
        at: Timestamp,
        keys: &[Vec<u8>],
        mapping: &Mapping,
    ) -> Option<u64> {
        self.know(organization, at);
        let simulator = self.simulator.as_mut()?;
        simulator.advance_to(at);
        for (namespace, value) in metadata {
            simulator.set_metadata(namespace, value.clone());
        }
        let pending = simulator.pass(request).ok()?;
        let mut ending = Ending::default();
        let ended = simulator.end(&pending, Some(200), keys, &mut ending);
        ended.ok()?;
        let _ = simulator.take_log();
        let text = |at: usize| ending.properties.get(at).and_then(Option::as_deref);
        let refused =
            text(0).is_some_and(|verdict| mapping.verdicts.by_cost.iter().any(|by| by == verdict));
        if refused {
            return number_in(&ending.body, mapping.refusal.cost.as_deref());
        }
        text(1)?.parse().ok()
    }
}
