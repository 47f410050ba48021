//! Streams whose upstream is outside of the simulation.

use super::HttpStream;
use crate::simulator::Ending;
use crate::target::{UpstreamBehaviour, UpstreamRequest};

impl HttpStream {
    /// What was seen of this stream that is over, with these keys of the filter state.
    pub(crate) fn ending(&mut self, keys: &[impl AsRef<[u8]>]) -> Ending {
        let property = |key: &[u8]| {
            let state = self.filter_state.borrow();
            let value = state.get(key)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        Ending {
            status: self
                .status
                .filter(|_| self.client.headers.is_some())
                .unwrap_or(0),
            properties: keys.iter().map(|key| property(key.as_ref())).collect(),
            body: std::mem::take(&mut self.client.body),
        }
    }

    /// The request as far as it has passed the filter.
    pub(crate) fn forwarded(&self) -> Option<UpstreamRequest> {
        Some(self.router.request.as_ref()?.request())
    }

    /// What the upstream has done now.
    pub(crate) fn answered_with(&mut self, behaviour: UpstreamBehaviour) {
        self.router.behaviour = behaviour;
        self.router.held = false;
    }
}
