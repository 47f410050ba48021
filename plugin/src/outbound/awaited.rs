//! What a call waits for: an answer to one of the filter's own calls.

use crate::{accounts::ledger::AccountKey, model::organization::OrganizationId};

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// What the directory says about this organization.
    Directory(OrganizationId),
    /// What the engine says about this account.
    Engine(AccountKey),
    /// What the engine says about all accounts.
    Survey,
}
