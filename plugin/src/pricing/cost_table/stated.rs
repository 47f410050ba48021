//! Conditions on what is stated about a call: its headers, and properties such as the claims of a token.
//!
//! A header comes from the client, and backends differ in what they make of it: which of two they take, whether they mind case, split at
//! commas or cut off parameters, and whether `x_mode` is `x-mode`. So a condition on a header surely holds only where all of them see
//! that value. A property is set by the proxy or one of its filters, and is what it is.

use super::folding;
use super::found::Found;
use super::value::Value;
use crate::model::property_path::PropertyPath;

/// The longest header that is looked at for a value, in bytes. Of a longer one everything may be read.
const LONGEST: usize = 1_024;

/// What is stated about a call in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// The values: of a header one, all that it is given joined with commas; of a list its elements.
    pub values: Vec<String>,
    /// The values of headers that some backends take for the same.
    pub similar: Vec<String>,
}

/// What is known of a call beside its method and target.
#[derive(Clone, Copy, Default)]
pub enum Facts<'a> {
    /// Nothing is stated about it.
    #[default]
    None,
    /// It is not known what is.
    Unknown,
    /// It can be asked for.
    Ask(&'a dyn Fn(&PropertyPath) -> Stated),
}

/// Something that has to be stated about a call.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) path: PropertyPath,
    /// The value, or none if any value will do.
    value: Option<Value>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Unknown => "Unknown",
            Self::Ask(_) => "Ask",
        })
    }
}

impl Statement {
    /// A condition on what is stated at `path`: that it has a value, or any.
    pub(super) fn new(path: PropertyPath, value: Option<&str>) -> Self {
        let value = value.map(Value::new);
        Self { path, value }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let value = |statement: &Self| {
            let value = statement.value.as_ref()?;
            Some(match statement.path.header() {
                Some(_) => value.folded.clone(),
                None => value.text.clone(),
            })
        };
        self.path == other.path && value(self) == value(other)
    }

    pub(super) fn holds(&self, facts: Facts<'_>) -> Found {
        let stated = match facts {
            Facts::None => return Found::No,
            Facts::Unknown => return Found::Maybe,
            Facts::Ask(ask) => ask(&self.path),
        };
        if self.path.header().is_none() {
            let is = |text: &String| match &self.value {
                Some(wanted) => wanted.text == *text,
                None => !text.is_empty(),
            };
            return match stated.values.iter().any(is) {
                true => Found::Surely,
                false => Found::No,
            };
        }
        let Some(wanted) = &self.value else {
            return match (stated.values.first(), stated.similar.is_empty()) {
                (Some(text), _) if !text.trim().is_empty() => Found::Surely,
                (None, true) => Found::No,
                _ => Found::Maybe,
            };
        };
        let is = |text: &String| text.trim_matches([' ', '\t']) == wanted.text;
        let mut all = stated.values.iter().chain(&stated.similar);
        if stated.similar.is_empty() && stated.values.first().is_some_and(is) {
            Found::Surely
        } else if all.any(|text| may_be(text, wanted)) {
            Found::Maybe
        } else {
            Found::No
        }
    }
}

/// Whether some backend takes a header for the value: one of a list, or without its parameters or quotes.
fn may_be(text: &str, wanted: &Value) -> bool {
    let is = |part: &str| {
        let part = part.trim().trim_matches('"').trim();
        folding::is(part, &wanted.folded)
    };
    let of_list = |part: &str| is(part) || part.split(';').any(is);
    text.len() > LONGEST || is(text) || text.split(',').any(of_list)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn path(segments: &[&str]) -> PropertyPath {
        let segments: Vec<String> = segments.iter().map(|text| (*text).to_owned()).collect();
        PropertyPath::new(&segments).unwrap()
    }

    /// Whether the value holds of a header with these values, and of others that some take for the same.
    fn header(value: Option<&str>, values: &[&str], similar: &[&str]) -> Found {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let stated = Stated {
            values: owned(values),
            similar: owned(similar),
        };
        let ask = |_: &PropertyPath| stated.clone();
        Statement::new(path(&["request", "headers", "x-mode"]), value).holds(Facts::Ask(&ask))
    }

    #[test]
    fn a_header_surely_has_a_value_only_where_all_backends_see_it() {
        let deep = |text: &str| header(Some("deep"), &[text], &[]);
        assert_eq!(deep("deep"), Found::Surely);
        assert_eq!(deep(" deep\t"), Found::Surely);
        for text in [
            "DEEP",
            "deep,shallow",
            "shallow, deep",
            "\"deep\"",
            "deep;q=1",
            "a;deep",
            "deep,deep",
        ] {
            assert_eq!(deep(text), Found::Maybe, "{text}");
        }
        for text in ["", "deeper", "shallow", "dee p"] {
            assert_eq!(deep(text), Found::No, "{text}");
        }
        assert_eq!(deep(&"a".repeat(1_025)), Found::Maybe);
        assert_eq!(header(Some("deep"), &[], &[]), Found::No);
        assert_eq!(header(Some("deep"), &["deep"], &["shallow"]), Found::Maybe);
        assert_eq!(header(Some("deep"), &[], &["deep"]), Found::Maybe);
        assert_eq!(header(Some("a, b"), &["a, b"], &[]), Found::Surely);
    }

    #[test]
    fn any_value_is_one_that_is_not_empty() {
        assert_eq!(header(None, &["x"], &[]), Found::Surely);
        assert_eq!(header(None, &[""], &[]), Found::Maybe);
        assert_eq!(header(None, &[], &["x"]), Found::Maybe);
        assert_eq!(header(None, &[], &[]), Found::No);
    }

    #[test]
    fn a_property_is_what_it_is() {
        let holds = |value: Option<&str>, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|text| (*text).to_owned()).collect();
            let ask = |_: &PropertyPath| Stated {
                values: values.clone(),
                similar: Vec::new(),
            };
            let path = path(&["metadata", "filter_metadata", "jwt", "plan"]);
            Statement::new(path, value).holds(Facts::Ask(&ask))
        };
        assert_eq!(holds(Some("gold"), &["gold"]), Found::Surely);
        assert_eq!(holds(Some("gold"), &["silver", "gold"]), Found::Surely);
        assert_eq!(holds(Some("gold"), &["GOLD"]), Found::No);
        assert_eq!(holds(Some("gold"), &["gold,silver"]), Found::No);
        assert_eq!(holds(Some("gold"), &[]), Found::No);
        assert_eq!(holds(None, &["x"]), Found::Surely);
        assert_eq!(holds(None, &[""]), Found::No);
    }

    #[test]
    fn what_is_not_known_may_be() {
        let statement = Statement::new(path(&["a"]), None);
        assert_eq!(statement.holds(Facts::Unknown), Found::Maybe);
        assert_eq!(statement.holds(Facts::None), Found::No);
    }
}
