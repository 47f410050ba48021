//! What another configuration changes for an organization, on the page.

use std::collections::BTreeMap;

use host_sim::forecast::{Change, Forecast};

use super::super::advice::advice;
use super::super::number::grouped;
use super::super::table::turn;

/// A row of the table of changes.
pub(super) struct ChangeRow<'d> {
    pub(super) organization: &'d str,
    /// `worse` where calls are refused for the first time, `better` where none is any more.
    pub(super) level: &'static str,
    pub(super) refused: String,
    pub(super) cost: String,
    pub(super) limit: String,
    pub(super) protected: &'static str,
    pub(super) advice: String,
}

/// The rows of those that are refused more or fewer calls, and of those for whom only the price or the limit changes.
pub(super) fn rows<'d>(
    changes: &'d [Change],
    after: &Forecast,
) -> (Vec<ChangeRow<'d>>, Vec<ChangeRow<'d>>) {
    let of: BTreeMap<_, _> = after
        .organizations
        .iter()
        .map(|of| (of.organization.as_str(), of))
        .collect();
    let row = |change: &'d Change| {
        let of = of.get(change.organization.as_str());
        let advice = of.map_or_else(String::new, |of| advice(after, of));
        ChangeRow::new(change, advice)
    };
    let (refusals, others): (Vec<_>, Vec<_>) = changes
        .iter()
        .partition(|change| change.refused.0 != change.refused.1);
    (
        refusals.into_iter().map(row).collect(),
        others.into_iter().map(row).collect(),
    )
}

impl<'d> ChangeRow<'d> {
    fn new(change: &'d Change, advice: String) -> Self {
        let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
        Self {
            organization: &change.organization,
            level: match change.refused {
                (0, 1..) => "worse",
                (1.., 0) => "better",
                _ => "",
            },
            refused: turn(grouped(change.refused.0), grouped(change.refused.1)),
            cost: turn(grouped(change.cost.0), grouped(change.cost.1)),
            limit: turn(or_dash(change.limit.0), or_dash(change.limit.1)),
            protected: match change.protected {
                (false, false) => "",
                (true, true) => "protect it",
                (true, false) => "no longer needed",
                (false, true) => "protect it only then",
            },
            advice,
        }
    }
}
