//! Starts the filter with what is recommended.

use std::sync::Arc;

use host_sim::{Builder, Module, Simulator, StartError};
use jiff::Timestamp;
use serde_json::Value;

use super::candidate::Candidate;
use super::watchdog::{Watchdog, Work};

/// Starts it, and refuses what a directory would say if the filter refused it in its configuration: no answer of a directory keeps a filter
/// from starting.
pub(super) struct Starter<'s> {
    candidate: &'s Candidate,
    module: &'s Module,
    watchdog: &'s Watchdog,
    /// Whether only what wishes set is listed of what the directory says; `None` if nothing is.
    only_wished: Option<bool>,
}

impl<'s> Starter<'s> {
    /// For changes of this document. The filter may not take all that its directory says in a configuration; what it does not take without any
    /// wish says nothing of wishes.
    pub(super) fn new(
        candidate: &'s Candidate,
        module: &'s Module,
        watchdog: &'s Watchdog,
        document: &Value,
        at: Timestamp,
    ) -> Self {
        let mut starter = Self {
            candidate,
            module,
            watchdog,
            only_wished: None,
        };
        let document = document.to_string();
        let is_taken = |only_wished: &bool| {
            let listing = candidate.listing(document.as_bytes(), *only_wished);
            listing.is_some_and(|listing| starter.run(starter.listed(&listing), at).is_ok())
        };
        starter.only_wished = [false, true].into_iter().find(is_taken);
        starter
    }

    /// Starts it with such a document, changed.
    pub(super) fn start(
        &self,
        configuration: &[u8],
        at: Timestamp,
    ) -> Result<Simulator, StartError> {
        let listing = self
            .only_wished
            .and_then(|only_wished| self.candidate.listing(configuration, only_wished));
        if let Some(listing) = listing {
            self.run(self.listed(&listing), at)?;
        }
        let builder = self.candidate.builder(self.module, &configuration.into());
        self.run(builder, at)
    }

    fn listed(&self, listing: &Arc<[u8]>) -> Builder {
        self.candidate.builder_as_it_is(self.module, listing)
    }

    fn run(&self, builder: Builder, at: Timestamp) -> Result<Simulator, StartError> {
        let start = || builder.clock(at).start_workers();
        self.watchdog.watch(Work::Remedy, start)
    }
}
