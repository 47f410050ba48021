//! What an organization subscribes to, as its usage details show it.

use super::credits::Credits;

/// What an organization subscribes to. What is not known, or does not apply, is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Its agents without light agents.
    pub agents: Option<u32>,
    /// Its light agents.
    pub light_agents: Option<u32>,
    /// What its edition gives a day for each agent.
    pub credits_per_agent: Option<Credits>,
    /// The most additional credits a day that its edition sells.
    pub additional_max: Option<Credits>,
}
