//! What an observed text may be: a value, a set of values, a range or a regular expression, or that it is absent.
//!
//! In TOML: `"exact"`, `9` (the text `9`), `["a", "b"]` (these values in this order), `true` (present, whatever it is),
//! `false` (absent), `{ between = [85, 86] }`, `{ matches = "regex" }` (the whole value must match), `{ contains = "text" }` (somewhere in
//! the value), and `{ joined = "a, b" }` (this list, in however many header lines it comes and whatever blanks are around its commas).

use std::fmt;

use regex::Regex;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// What an observed value may be.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Exactly this one value.
    Exactly(String),
    /// Exactly these values in this order.
    AllOf(Vec<String>),
    /// At least one value, whatever it is.
    Present,
    /// No value.
    Absent,
    /// One decimal number within these bounds, both included.
    Between(f64, f64),
    /// One value that matches as a whole.
    Matches(Regex),
    /// One value with this text in it.
    Contains(String),
    /// Values that are this list together; a list may come in several header lines or in one, with commas (RFC 9110, section 5.3).
    Joined(Vec<String>),
}

impl Pattern {
    /// Whether these observed values (several for a header that was sent several times, none for an absent one) are allowed.
    #[must_use]
    pub fn allows(&self, values: &[&str]) -> bool {
        match (self, values) {
            (Self::Present, values) => !values.is_empty(),
            (Self::Absent, values) => values.is_empty(),
            (Self::AllOf(expected), values) => expected.iter().eq(values),
            (Self::Exactly(expected), [value]) => expected == value,
            (Self::Between(low, high), [value]) => value
                .parse::<f64>()
                .is_ok_and(|number| *low <= number && number <= *high),
            (Self::Matches(regex), [value]) => regex.is_match(value),
            (Self::Contains(text), [value]) => value.contains(text.as_str()),
            (Self::Joined(_), []) => false,
            (Self::Joined(expected), values) => {
                let members = values.iter().flat_map(|value| members(value));
                expected.iter().map(String::as_str).eq(members)
            }
            (Self::Exactly(_) | Self::Between(..) | Self::Matches(_) | Self::Contains(_), _) => {
                false
            }
        }
    }
}

/// The members of a list in a header line.
fn members(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{value:?}"),
            Self::AllOf(values) => write!(f, "{values:?}"),
            Self::Present => f.write_str("any value"),
            Self::Absent => f.write_str("absent"),
            Self::Between(low, high) => write!(f, "between {low} and {high}"),
            Self::Matches(regex) => write!(f, "matching {:?}", regex.as_str()),
            Self::Contains(text) => write!(f, "containing {text:?}"),
            Self::Joined(members) => write!(f, "joined {:?}", members.join(", ")),
        }
    }
}

/// The table form of a pattern.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    between: Option<[f64; 2]>,
    matches: Option<String>,
    contains: Option<String>,
    joined: Option<String>,
}

impl Table {
    fn into_pattern<E: de::Error>(self) -> Result<Pattern, E> {
        match (self.between, self.matches, self.contains, self.joined) {
            (Some([low, high]), None, None, None) if low <= high => Ok(Pattern::Between(low, high)),
            (Some([low, high]), None, None, None) => Err(E::custom(format_args!(
                "`between = [{low}, {high}]` allows nothing, expected the lower bound first"
            ))),
            (None, Some(source), None, None) => match Regex::new(&format!("^(?:{source})$")) {
                Ok(regex) => Ok(Pattern::Matches(regex)),
                Err(_) => Err(E::custom(format_args!(
                    "`{source}` is not a regular expression"
                ))),
            },
            (None, None, Some(text), None) if text.is_empty() => Err(E::custom(
                "`contains = \"\"` allows anything, expected some text, or `true`",
            )),
            (None, None, Some(text), None) => Ok(Pattern::Contains(text)),
            (None, None, None, Some(list)) => {
                Ok(Pattern::Joined(members(&list).map(str::to_owned).collect()))
            }
            _ => Err(E::custom(
                "expected exactly one of `between`, `matches`, `contains` and `joined`",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatternVisitor)
    }
}

struct PatternVisitor;

impl<'de> Visitor<'de> for PatternVisitor {
    type Value = Pattern;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, an integer, an array of strings, true, false, or a table with `between`, `matches`, `contains` or `joined`")
    }

    fn visit_bool<E: de::Error>(self, present: bool) -> Result<Pattern, E> {
        Ok(if present {
            Pattern::Present
        } else {
            Pattern::Absent
        })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Pattern, E> {
        Ok(Pattern::Exactly(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pattern, E> {
        Ok(Pattern::Exactly(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pattern, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Pattern::AllOf(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pattern, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map))?.into_pattern()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        p: Pattern,
    }

    fn pattern(toml: &str) -> Result<Pattern, String> {
        toml::from_str::<Holder>(&format!("p = {toml}"))
            .map(|holder| holder.p)
            .map_err(|e| e.message().to_owned())
    }

    #[test]
    fn allows_what_it_says() {
        for (toml, values, allowed) in [
            ("'a'", &["a"][..], true),
            ("'a'", &["a", "a"], false),
            ("'a'", &[], false),
            ("9", &["9"], true),
            ("['a', 'b']", &["a", "b"], true),
            ("['a', 'b']", &["b", "a"], false),
            ("true", &["x", "y"], true),
            ("true", &[], false),
            ("false", &[], true),
            ("false", &[""], false),
            ("{ between = [85, 86] }", &["86"], true),
            ("{ between = [85, 86] }", &["86.5"], false),
            ("{ between = [85, 86] }", &["many"], false),
            ("{ matches = 'a|b' }", &["b"], true),
            ("{ matches = 'a|b' }", &["bc"], false),
            ("{ contains = 'bc' }", &["abcd"], true),
            ("{ contains = 'bc' }", &["b", "c"], false),
            ("{ contains = 'bc' }", &[], false),
            ("{ joined = 'a, b' }", &["a", "b"], true),
            ("{ joined = 'a,b' }", &["a , b"], true),
            ("{ joined = 'a, b' }", &["b, a"], false),
            ("{ joined = 'a, b' }", &["a"], false),
            ("{ joined = '' }", &[], false),
        ] {
            assert_eq!(
                pattern(toml).unwrap().allows(values),
                allowed,
                "{toml} on {values:?}"
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_mean() {
        for (toml, message) in [
            (
                "{ between = [2, 1] }",
                "`between = [2, 1]` allows nothing, expected the lower bound first",
            ),
            ("{ matches = '(' }", "`(` is not a regular expression"),
            (
                "{ between = [1, 2], matches = 'a' }",
                "expected exactly one of `between`, `matches`, `contains` and `joined`",
            ),
            (
                "{ contains = '' }",
                "`contains = \"\"` allows anything, expected some text, or `true`",
            ),
            (
                "{ mathces = 'a' }",
                "unknown field `mathces`, expected one of `between`, `matches`, `contains`, `joined`",
            ),
            (
                "1.5",
                "invalid type: floating point `1.5`, expected a string, an integer, an array of strings, true, false, \
                 or a table with `between`, `matches`, `contains` or `joined`",
            ),
        ] {
            assert_eq!(pattern(toml).unwrap_err(), message, "{toml}");
        }
    }
}
