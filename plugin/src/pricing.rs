//! What a call costs.

pub mod cost_table;
pub mod settling;
