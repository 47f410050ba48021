//! What a call would have cost that was refused for too many others in progress. The module does not say: it refuses such calls before
//! it charges them.

use jiff::Timestamp;
use serde_json::Value;

use super::details::number_in;
use super::mapping::Mapping;
use crate::simulator::{Builder, Ending, Simulator};
use crate::target::Request;

/// The same plugin over again, in which each call ends before the next one comes. What a call costs is what it is charged there, or what
/// its refusal says that it would have cost.
pub(super) struct Pricer {
    /// What it is started with when it is first asked.
    builder: Option<Box<Builder>>,
    simulator: Option<Simulator>,
}

impl Pricer {
    pub(super) fn new(builder: Builder) -> Self {
        Self {
            builder: Some(Box::new(builder)),
            simulator: None,
        }
    }

    /// The price of a call; `None` if the module does not tell it. `keys` begin with the verdict's and the cost's.
    pub(super) fn price(
        &mut self,
        request: &Request,
        metadata: &[(String, Value)],
        at: Timestamp,
        keys: &[Vec<u8>],
        mapping: &Mapping,
    ) -> Option<u64> {
        if let Some(builder) = self.builder.take() {
            self.simulator = builder.clock(at).start_worker().ok();
        }
        let simulator = self.simulator.as_mut()?;
        simulator.advance_to(at);
        for (namespace, value) in metadata {
            simulator.set_metadata(namespace, value.clone());
        }
        let passing = simulator.pass(request).ok()?;
        let mut ending = Ending::default();
        let ended = simulator.end(&passing, Some(200), keys, &mut ending);
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
