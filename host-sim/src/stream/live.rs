//! Streams whose upstream is outside of the simulation.

use super::HttpStream;
use crate::target::{UpstreamBehaviour, UpstreamRequest};

impl HttpStream {
    /// The request as far as it has passed the filter.
    pub(crate) fn forwarded(&self) -> Option<UpstreamRequest> {
        self.router.request.clone()
    }

    /// What the upstream has done now.
    pub(crate) fn answered_with(&mut self, behaviour: UpstreamBehaviour) {
        self.router.behaviour = behaviour;
        self.router.held = false;
    }
}
