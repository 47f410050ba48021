//! The receipt: what was decided about one call, with every number that is shown anywhere.
//!
//! Response headers, refusal bodies, access-log properties and metrics are all rendered from one receipt, so that they cannot
//! disagree.

use std::{borrow::Cow, rc::Rc};

use crate::{
    accounts::holder::AccountHolder,
    model::{balance::Balance, credits::Credits, enforcement::Enforcement, reason::Reason},
    pricing::cost_table::RuleId,
};

/// What one call was charged, to whom, and what is left.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Whose account was charged or looked at; `None` for a call without one, such as a health check.
    pub holder: Option<Rc<AccountHolder>>,
    /// The rule of the cost table that priced the call; `None` where it was refused before it was priced.
    pub rule: Option<RuleId>,
    /// What the call cost: nothing if it was refused or refunded.
    pub cost: Credits,
    /// What is left of the holder's credits; `None` where no account was looked at.
    pub balance: Option<Balance>,
    /// What was decided.
    pub outcome: Outcome,
    /// Whether refusals are meant.
    pub enforcement: Enforcement,
}

/// Whether a call went to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Admitted,
    /// It did, and its credits were given back because it failed.
    Refunded,
    /// It did, although the policy refuses it, because the policy is not enforced.
    NotRefused(Reason),
    /// It did not.
    Refused(Reason),
    /// It did not: the filter answered it with usage details.
    Answered,
}

impl Outcome {
    /// The name of the outcome in access logs: `admitted`, `refunded`, `answered`, the reason of a refusal, or that reason after `shadow:`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Admitted => "admitted".into(),
            Self::Refunded => "refunded".into(),
            Self::Answered => "answered".into(),
            Self::Refused(reason) => reason.name().into(),
            Self::NotRefused(reason) => format!("shadow:{}", reason.name()).into(),
        }
    }

    /// Whether the call went to the upstream.
    #[must_use]
    pub fn is_forwarded(self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Answered)
    }
}
