//! What clients, operators and log readers are shown, all of it from one receipt.

pub mod access_log;
pub mod metrics;
pub mod overview;
pub mod receipt;
pub mod refusal;
pub mod response_headers;
pub mod usage;
