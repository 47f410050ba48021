//! What is recommended to organizations, put into a configuration, so that it can be tried.

use serde_json::{Map, Value};

use super::mapping::Mapping;

/// What an organization is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Another plan.
    pub plan: Option<String>,
    /// Whether what was bought is given up, because that plan does not allow it.
    pub without_purchases: bool,
    /// How much more a day it buys.
    pub additional: u64,
    /// How many calls may be in progress at once.
    pub concurrency: Option<u64>,
}

/// The configuration with what these organizations wish. One that the configuration does not have keeps what it has.
#[must_use]
pub fn with_wishes(configuration: &Value, mapping: &Mapping, wishes: &[(&str, Wish)]) -> Vec<u8> {
    let mut changed = configuration.clone();
    for (name, wish) in wishes {
        for (place, value) in wish.edits(configuration, mapping, name) {
            set(&mut changed, &place, value);
        }
    }
    changed.to_string().into_bytes()
}

impl Wish {
    /// Whether the configuration is where this is said of an organization: a directory knows others.
    #[must_use]
    pub fn changes(&self, configuration: &Value, mapping: &Mapping, name: &str) -> bool {
        let edits = self.edits(configuration, mapping, name);
        edits.iter().any(|(place, value)| {
            let parent = place.rsplit_once('/');
            let parent = parent.and_then(|(parent, _)| configuration.pointer(parent));
            parent.is_some_and(Value::is_object) && configuration.pointer(place) != Some(value)
        })
    }

    /// The places of the configuration that say this of an organization, and what is to stand there.
    fn edits(&self, configuration: &Value, mapping: &Mapping, name: &str) -> Vec<(String, Value)> {
        let of = &mapping.configuration;
        let pointer = |template: &Option<String>| {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            Some(template.as_deref()?.replace("{organization}", &escaped))
        };
        let mut edits = Vec::new();
        if let (Some(place), Some(plan)) = (pointer(&of.plan_of), &self.plan) {
            edits.push((place, Value::from(plan.as_str())));
        }
        if let Some(place) = pointer(&of.purchased_by)
            && (self.without_purchases || self.additional > 0)
        {
            let bought = configuration.pointer(&place).and_then(Value::as_u64);
            let bought = bought.filter(|_| !self.without_purchases).unwrap_or(0);
            let bought = bought.saturating_add(self.additional);
            edits.push((place, Value::from(bought)));
        }
        if let (Some(place), Some(concurrency)) = (pointer(&of.concurrency_of), self.concurrency) {
            edits.push((place, Value::from(concurrency)));
        }
        edits
    }
}

/// Sets a member of an object that is there.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let Some((parent, member)) = pointer.rsplit_once('/') else {
        return;
    };
    let parent = document.pointer_mut(parent);
    let members: Option<&mut Map<String, Value>> = parent.and_then(Value::as_object_mut);
    if let Some(members) = members {
        members.insert(member.replace("~1", "/").replace("~0", "~"), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wished_is_put_where_the_mapping_says() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
        let configuration = json!({ "organizations": {
            "a/b": { "edition": "Small", "additional": 3 },
            "c": { "edition": "Small" },
        } });
        let more = Wish {
            additional: 4,
            concurrency: Some(7),
            ..Wish::default()
        };
        let other = Wish {
            plan: Some("Large".to_owned()),
            without_purchases: true,
            ..Wish::default()
        };
        let check = |wishes: &[(&str, Wish)], expected: Value| {
            let changed = with_wishes(&configuration, &mapping, wishes);
            let changed: Value = serde_json::from_slice(&changed).unwrap();
            assert_eq!(changed["organizations"], expected);
        };
        check(
            &[
                ("a/b", more.clone()),
                ("c", more),
                ("nobody", other.clone()),
            ],
            json!({
                "a/b": { "edition": "Small", "additional": 7, "concurrency": 7 },
                "c": { "edition": "Small", "additional": 4, "concurrency": 7 },
            }),
        );
        check(
            &[("a/b", other)],
            json!({ "a/b": { "edition": "Large", "additional": 0 }, "c": { "edition": "Small" } }),
        );
    }
}
