//! What a VM has called out for and has not had an answer to, and the answer that it is being given.

use std::collections::BTreeMap;

use crate::host::callout::{Callout, Reply};
use crate::host::grpc_call::{GrpcCall, GrpcEvent};
use crate::model::dns::Lookup;

/// What is on its way. Tokens are counted as Envoy does.
pub(crate) struct Outbound {
    /// HTTP calls that have not come back yet, by token.
    pub(crate) callouts: BTreeMap<u32, Callout>,
    /// What came back of one of them, while its callback runs.
    pub(crate) reply: Option<Reply>,
    /// gRPC calls and streams that are open, by token.
    pub(crate) grpc_calls: BTreeMap<u32, GrpcCall>,
    /// What came back of one of them, while its callback runs.
    pub(crate) grpc_event: Option<GrpcEvent>,
    /// Names that are being looked up.
    pub(crate) lookups: Vec<Lookup>,
    last_callout: u32,
    last_grpc_call: u32,
    last_grpc_stream: u32,
    last_lookup: u32,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            callouts: BTreeMap::new(),
            reply: None,
            grpc_calls: BTreeMap::new(),
            grpc_event: None,
            lookups: Vec::new(),
            last_callout: 0,
            last_grpc_call: 1,
            last_grpc_stream: 2,
            last_lookup: 1,
        }
    }
}

impl Outbound {
    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.callouts.is_empty() && self.grpc_calls.is_empty() && self.lookups.is_empty()
    }

    /// A callout is on its way. Tokens of HTTP calls are multiples of four.
    pub(crate) fn add_callout(&mut self, callout: Callout) -> u32 {
        self.last_callout = self.last_callout.wrapping_add(4);
        self.callouts.insert(self.last_callout, callout);
        self.last_callout
    }

    /// A gRPC call or stream is on its way. Tokens of calls are 5, 9, …, those of streams 6, 10, ….
    pub(crate) fn add_grpc_call(&mut self, call: GrpcCall) -> u32 {
        let last = if call.streams {
            &mut self.last_grpc_stream
        } else {
            &mut self.last_grpc_call
        };
        *last = last.wrapping_add(4);
        let token = *last;
        self.grpc_calls.insert(token, call);
        token
    }

    /// A number for a name that is looked up. They begin with 2.
    pub(crate) fn take_lookup_token(&mut self) -> u32 {
        self.last_lookup = self.last_lookup.wrapping_add(1).max(1);
        self.last_lookup
    }
}
