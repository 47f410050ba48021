//! What is decided about a call.

pub mod attributes;
pub mod clients;
pub mod meter;
pub mod overview;
pub mod policy;
