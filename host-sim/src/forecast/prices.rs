//! What another configuration changes of the prices of operations, without any call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mapping::Mapping;

/// An operation whose price changes.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceChange {
    /// The operation, with its condition if it has one.
    pub operation: String,
    /// Its price before; `None` if no entry of its own named it.
    pub before: Option<Value>,
    /// Its price after.
    pub after: Option<Value>,
}

impl Mapping {
    /// The operations whose price differs between two configurations, by their own entries, in the order of their names; the price of
    /// whatever has none goes first.
    #[must_use]
    pub fn price_changes(&self, before: &Value, after: &Value) -> Vec<PriceChange> {
        let (before, after) = (self.prices(before), self.prices(after));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        let changes = names.into_iter().filter_map(|name| {
            let (before, after) = (before.get(name), after.get(name));
            (before != after).then(|| PriceChange {
                operation: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            })
        });
        changes.collect()
    }

    /// The price of each operation.
    fn prices(&self, configuration: &Value) -> BTreeMap<String, Value> {
        let of = &self.configuration;
        let at =
            |value: &Value, pointer: &Option<String>| value.pointer(pointer.as_deref()?).cloned();
        let mut prices = BTreeMap::new();
        if let Some(price) = at(configuration, &of.default_price) {
            prices.insert("(all others)".to_owned(), price);
        }
        let Some(Value::Array(rules)) = at(configuration, &of.operations) else {
            return prices;
        };
        for rule in &rules {
            let Some(price) = at(rule, &of.price) else {
                continue;
            };
            let condition = at(rule, &of.condition);
            let condition =
                condition.map_or_else(String::new, |condition| format!(" when {condition}"));
            let Some(Value::Array(operations)) = at(rule, &of.templates) else {
                continue;
            };
            for operation in operations.iter().filter_map(Value::as_str) {
                prices.insert(format!("{operation}{condition}"), price.clone());
            }
        }
        prices
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_are_compared_one_by_one() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
        let before = json!({ "costs": { "default": 1, "rules": [
            { "name": "list", "operations": ["GET /a", "GET /b"], "cost": 3 },
            { "name": "lean", "operations": ["GET /a"], "when": { "fields": "id" }, "cost": 1 },
            { "name": "gone", "operations": ["GET /c"], "cost": 7 },
        ] } });
        let after = json!({ "costs": { "default": 2, "rules": [
            { "name": "lists", "operations": ["GET /b"], "cost": 3 },
            { "name": "a", "operations": ["GET /a"], "cost": { "tiers": { "query": "from", "steps": [] } } },
            { "name": "lean", "operations": ["GET /a"], "when": { "fields": "id" }, "cost": 1 },
        ] } });
        let changes = mapping.price_changes(&before, &after);
        let told: Vec<_> = changes
            .iter()
            .map(|change| {
                let price =
                    |price: &Option<Value>| price.as_ref().map_or("-".to_owned(), Value::to_string);
                format!(
                    "{}: {} {}",
                    change.operation,
                    price(&change.before),
                    price(&change.after)
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "(all others): 1 2",
                "GET /a: 3 {\"tiers\":{\"query\":\"from\",\"steps\":[]}}",
                "GET /c: 7 -",
            ]
        );
        assert_eq!(mapping.price_changes(&before, &before), []);
    }
}
