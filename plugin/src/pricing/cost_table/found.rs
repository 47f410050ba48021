//! In how many readings of a call something holds.

/// Ascending: what holds in more readings is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// In none.
    No,
    /// In some: backends differ.
    Maybe,
    /// In all.
    Surely,
}
