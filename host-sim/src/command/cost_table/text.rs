//! A cost table as a person would write it: an operation on each line, and whatever else fits on one.

use std::fmt::Write as _;

use super::price::Price;
use super::rules::Rule;

/// The longest line of what need not be on a line of its own, in characters.
const WIDTH: usize = 100;

/// JSON that is to be written.
enum Json {
    /// As it is written.
    Word(String),
    Object(Vec<(&'static str, Json)>),
    List(Vec<Json>),
    /// An object or a list with each element on a line of its own.
    Lines(Box<Json>),
}

/// The rules as the value of `rules`, in a document where that stands so many blanks from the left.
pub(crate) fn rules(rules: &[Rule], indent: usize) -> String {
    let all = rules.iter().map(of_rule).collect();
    let mut written = String::new();
    Json::Lines(Box::new(Json::List(all))).write(indent, 0, &mut written);
    written
}

/// A configuration with these rules, and what else it needs to be one.
pub(crate) fn configuration(default: u64, with: &[Rule]) -> String {
    let rules = rules(with, 4);
    format!(
        r#"{{
  "identity": {{"header": "x-organization"}},
  "editions": {{
    "Standard": {{"base": 50000}}
  }},
  "organizations": {{
    "1": {{"edition": "Standard"}}
  }},
  "costs": {{
    "default": {default},
    "rules": {rules}
  }}
}}
"#
    )
}

fn word(text: &str) -> Json {
    Json::Word(serde_json::to_string(text).unwrap_or_default())
}

fn number(number: u64) -> Json {
    Json::Word(number.to_string())
}

fn of_rule(rule: &Rule) -> Json {
    let operations = rule.operations.iter();
    let operations = operations.map(|operation| word(&operation.to_string()));
    let mut members = vec![
        ("name", word(&rule.name)),
        (
            "operations",
            Json::Lines(Box::new(Json::List(operations.collect()))),
        ),
    ];
    if !rule.when.is_empty() {
        let conditions = rule.when.iter().map(|(name, value)| {
            let written = |text: &str| serde_json::to_string(text).unwrap_or_default();
            format!("{}: {}", written(name), written(value))
        });
        let conditions: Vec<_> = conditions.collect();
        members.push(("when", Json::Word(format!("{{{}}}", conditions.join(", ")))));
    }
    members.push(("cost", of_price(&rule.price)));
    Json::Lines(Box::new(Json::Object(members)))
}

fn of_price(price: &Price) -> Json {
    match price {
        Price::Fixed(credits) => number(*credits),
        Price::Tiers(tiers) => {
            let steps = tiers.steps.iter().map(|(up_to, credits)| {
                Json::Object(vec![
                    ("up_to", number(*up_to)),
                    ("credits", number(*credits)),
                ])
            });
            let members = vec![
                ("query", word(&tiers.query)),
                ("steps", Json::List(steps.collect())),
                ("beyond", number(tiers.beyond)),
            ];
            Json::Object(vec![("tiers", Json::Object(members))])
        }
        Price::PerRecord(price) => {
            let arrays = price.arrays.iter().map(|array| word(array));
            let mut members = vec![
                ("arrays", Json::List(arrays.collect())),
                ("credits", number(price.credits)),
            ];
            if price.records.get() > 1 {
                members.push(("records", number(price.records.get())));
            }
            if price.at_least > 0 {
                members.push(("at_least", number(price.at_least)));
            }
            Json::Object(vec![("per_record", Json::Object(members))])
        }
    }
}

impl Json {
    /// On one line.
    fn inline(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\": {}", value.inline()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::inline).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Lines(inner) => inner.inline(),
        }
    }

    /// Writes it so many blanks from the left, behind so many characters of its line.
    fn write(&self, indent: usize, behind: usize, to: &mut String) {
        let (inner, fits) = match self {
            Self::Lines(inner) => (inner.as_ref(), false),
            other => {
                let length = other.inline().chars().count();
                (
                    other,
                    indent.saturating_add(behind).saturating_add(length) < WIDTH,
                )
            }
        };
        let below = indent.saturating_add(2);
        match inner {
            Self::Object(members) if !fits && !members.is_empty() => {
                to.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    // Writing to a string cannot fail.
                    let _ = write!(to, "{comma}\n{:below$}\"{name}\": ", "");
                    value.write(below, name.len().saturating_add(4), to);
                }
                let _ = write!(to, "\n{:indent$}}}", "");
            }
            Self::List(items) if !fits && !items.is_empty() => {
                to.push('[');
                for (index, item) in items.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let _ = write!(to, "{comma}\n{:below$}", "");
                    item.write(below, 0, to);
                }
                let _ = write!(to, "\n{:indent$}]", "");
            }
            other => to.push_str(&other.inline()),
        }
    }
}
