//! Whom the filter calls itself, and who waits for the answer.

pub mod awaited;
pub mod callout;
pub mod directory;
pub mod engine;
pub mod outbox;
pub mod usage_events;
pub mod webhook;
