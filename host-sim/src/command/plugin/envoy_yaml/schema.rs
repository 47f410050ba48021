//! Which keys messages of an Envoy configuration have, of Envoy 1.40: those that are simulated, with their types; those that a filter could
//! notice and that are not; and those that no filter notices.

mod manager;
mod plugin;
mod route;

pub(super) use manager::{HTTP_CONNECTION_MANAGER, LISTENER};
pub(super) use plugin::WASM;

/// What a key holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Anything; it is read elsewhere.
    Any,
    Flag,
    Number,
    Text,
    Duration,
    /// One of these, each of which also has its index as a number.
    Words(&'static [&'static str]),
    Message(&'static Message),
    List(&'static Kind),
}

/// A message of Protocol Buffers.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    /// Those that are simulated.
    pub(super) fields: &'static [(&'static str, Kind)],
    /// Those that a filter could notice, and that are not simulated.
    pub(super) unsimulated: &'static [&'static str],
    /// Those that no filter notices.
    pub(super) unnoticed: &'static [&'static str],
}

impl Message {
    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields.iter().map(|(name, _)| *name);
        let others = self.unsimulated.iter().chain(self.unnoticed);
        fields.chain(others.copied())
    }
}
