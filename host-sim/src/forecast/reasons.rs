//! Why calls were refused, and how many for each reason.

use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Refused calls by reason, in the order of the reasons. There may be very many organizations, and each has few reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(Vec<(Arc<str>, u64)>);

impl Reasons {
    /// One more for this reason; `name` finds the text of one that is not known yet.
    pub(super) fn add(&mut self, reason: &str, name: impl FnOnce(&str) -> Arc<str>) {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(reason));
        let place = place.unwrap_or_else(|place| {
            self.0.reserve_exact(usize::from(self.0.is_empty()));
            self.0.insert(place, (name(reason), 0));
            place
        });
        if let Some((_, calls)) = self.0.get_mut(place) {
            *calls = calls.saturating_add(1);
        }
    }

    /// The reasons.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(reason, _)| reason)
    }

    /// The calls that were refused for this reason.
    #[must_use]
    pub fn of(&self, reason: &str) -> u64 {
        let found = self.iter().find(|(known, _)| *known == reason);
        found.map_or(0, |(_, calls)| calls)
    }

    /// The reasons, each with its calls.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(reason, calls)| (&**reason, *calls))
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(feature = "command")]
impl schemars::JsonSchema for Reasons {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reasons".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, u64>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_told_in_their_order() {
        let mut reasons = Reasons::default();
        for reason in ["b", "a", "b", "c", "b"] {
            reasons.add(reason, |reason| Arc::from(reason));
        }
        assert_eq!(
            reasons.iter().collect::<Vec<_>>(),
            [("a", 1), ("b", 3), ("c", 1)]
        );
        let told = serde_json::to_string(&reasons).unwrap();
        assert_eq!(told, r#"{"a":1,"b":3,"c":1}"#);
    }
}
