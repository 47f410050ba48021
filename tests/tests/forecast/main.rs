//! Forecasts of made-up traffic, recomputed from the log itself by other code.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics says so by failing"
)]

mod identity;
mod logs;
mod proof;
mod recomputed;
mod remedies;
mod servers;
mod threads;

use host_sim::forecast::Mapping;

/// What the deleting calls are to carry, and what that costs: 6 for each of 3 records.
const BODIES: &str = r#"
[[request.bodies]]
calls = "POST /api/v1/tickets/moveToTrash"
text = '{"ticketIds": ["1", "2", "3"]}'
[[request.bodies]]
calls = "POST /api/v1/closeTickets"
text = '{"ids": ["1", "2", "3"]}'
"#;

/// The mapping that is used without one, with these bodies.
fn mapping() -> String {
    Mapping::DEFAULT.replace("\n[properties]", &format!("{BODIES}\n[properties]"))
}
