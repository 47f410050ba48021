//! What was used, by whom: the accounts and what one worker knows of them.

pub mod account;
pub mod complaints;
pub mod history;
pub mod holder;
pub mod lasting_terms;
pub mod ledger;
pub mod roster;
pub mod shared_data;
pub mod slots;
pub mod statistics;
pub mod subscription;
pub mod tally;
pub mod worker;
