//! Usage details: what an organization sees of its own day, where it sees it, and what it is warned of.
//!
//! - what happened today beyond what was used: [`statistics`](crate::accounts::statistics), gathered by each worker in a
//!   [`tally`](crate::accounts::tally);
//! - what is shown: [`details`], as [`json`] for programs and as a [`page`] for people, with [`local_time`];
//! - how it is asked for: [`config`], [`answer`] (HTTP), [`accept`] (which of the two), [`preview`] (the price of a call);
//! - who is told without asking: [`warnings`].
//!
//! Nothing here reads a clock, calls the host or changes an account: looking is free.

pub mod accept;
pub mod answer;
pub mod config;
pub mod details;
pub mod json;
pub mod local_time;
pub mod page;
pub mod preview;
pub mod table;
pub mod warnings;
