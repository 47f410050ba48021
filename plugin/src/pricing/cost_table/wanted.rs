//! What a condition wants a member of a body to be.

use super::found::Found;
use super::members::{Given, Member, Read};
use super::value::Value;

/// Something that a member of a body has to be.
#[derive(Debug)]
pub(super) struct MemberCondition {
    /// The number of the member.
    pub(super) member: usize,
    pub(super) wanted: Wanted,
}

#[derive(Debug)]
pub(super) enum Wanted {
    Anything,
    Text(Value),
    Number(i64),
    Flag(bool),
}

impl MemberCondition {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = match (&self.wanted, &other.wanted) {
            (Wanted::Anything, Wanted::Anything) => true,
            (Wanted::Text(one), Wanted::Text(other)) => one.folded == other.folded,
            (Wanted::Number(one), Wanted::Number(other)) => one == other,
            (Wanted::Flag(one), Wanted::Flag(other)) => one == other,
            _ => false,
        };
        same && self.member == other.member
    }

    pub(super) fn holds(&self, body: &Read) -> Found {
        let Some(member) = body.member(self.member) else {
            return Found::No;
        };
        let Member { values, surely } = member;
        let found = |given| self.wanted.is(given);
        let most = values.iter().map(found).max().unwrap_or(Found::No);
        let all = *surely && values.iter().map(found).min() == Some(Found::Surely);
        if all { most } else { most.min(Found::Maybe) }
    }
}

impl Wanted {
    /// Whether this is what is wanted. What is so only to a backend that takes a text for a number, a number for a text, or anything for true
    /// may be.
    fn is(&self, given: &Given) -> Found {
        let may_be = match (self, given) {
            (Self::Anything, Given::Null) => true,
            (Self::Anything, _) => return Found::Surely,
            (_, Given::Odd) => true,
            (Self::Text(wanted), Given::Text(text)) if wanted.text == *text => {
                return Found::Surely;
            }
            (Self::Number(wanted), Given::Number(number, true))
                if is(*wanted, *number) && wanted.unsigned_abs() < EXACT =>
            {
                return Found::Surely;
            }
            (Self::Flag(wanted), Given::Flag(flag)) if wanted == flag => return Found::Surely,
            (Self::Text(wanted), Given::Text(text)) => wanted.may_be(text),
            // Which numbers they are is not worth the code that reads doubles (20 KB of it).
            (Self::Text(wanted), Given::Number(..)) => looks_like_number(&wanted.text),
            (Self::Text(wanted), Given::Flag(true)) => is_any(&wanted.folded, &["true", "1"]),
            (Self::Text(wanted), Given::Flag(false)) => is_any(&wanted.folded, &["false", "0", ""]),
            (Self::Text(wanted), Given::Null) => is_any(&wanted.folded, &["null", ""]),
            // Some cut off a fraction, others round it.
            (Self::Number(_), Given::Number(_, false)) => true,
            (Self::Number(wanted), Given::Number(number, true)) => is(*wanted, *number),
            (Self::Number(_), Given::Text(text)) => looks_like_number(text),
            (Self::Number(wanted), Given::Flag(flag)) => *wanted == i64::from(*flag),
            (Self::Number(wanted), Given::Null) => *wanted == 0,
            (Self::Flag(_), Given::Flag(_)) => false,
            (Self::Flag(wanted), Given::Null) => !wanted,
            (Self::Flag(_), _) => true,
        };
        if may_be { Found::Maybe } else { Found::No }
    }
}

/// From here on, several whole numbers are the same double.
const EXACT: u64 = 1 << 53;

/// Whether the numbers are the same as doubles.
fn is(wanted: i64, number: f64) -> bool {
    (wanted as f64).total_cmp(&number).is_eq()
        || (wanted == 0 && number.abs().total_cmp(&0.0).is_eq())
}

/// Whether some backend may take the text for a number.
fn looks_like_number(text: &str) -> bool {
    let first = text.trim_start().bytes().next();
    first.is_none_or(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte))
}

fn is_any(text: &str, of: &[&str]) -> bool {
    of.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn found(wanted: Wanted, body: &str) -> Found {
        let mut members = Members::default();
        let member = members.insert("/a").unwrap();
        let read = members.read(body.as_bytes()).unwrap();
        MemberCondition { member, wanted }.holds(&read)
    }

    #[test]
    fn a_fraction_may_be_cut_off_or_rounded_and_a_large_number_may_be_its_neighbour() {
        for body in ["{\"a\":2.9}", "{\"a\":-0.5}", "{\"a\":2.0e-1}"] {
            assert_eq!(found(Wanted::Number(2), body), Found::Maybe, "{body}");
        }
        let large = 9_007_199_254_740_993;
        let body = "{\"a\":9007199254740993}";
        assert_eq!(found(Wanted::Number(large), body), Found::Maybe);
        assert_eq!(found(Wanted::Number(2), "{\"a\":3}"), Found::No);
    }

    #[test]
    fn a_value_is_what_is_wanted_or_what_some_take_for_it() {
        let text = |text: &str| Wanted::Text(Value::new(text));
        let surely = |wanted: Wanted, value: &str| {
            assert_eq!(
                found(wanted, &format!("{{\"a\":{value}}}")),
                Found::Surely,
                "{value}"
            );
        };
        let maybe = |wanted: Wanted, value: &str| {
            assert_eq!(
                found(wanted, &format!("{{\"a\":{value}}}")),
                Found::Maybe,
                "{value}"
            );
        };
        let no = |wanted: Wanted, value: &str| {
            assert_eq!(
                found(wanted, &format!("{{\"a\":{value}}}")),
                Found::No,
                "{value}"
            );
        };
        surely(text("search"), "\"search\"");
        surely(text("search"), "\"se\\u0061rch\"");
        for value in [
            "\"Search\"",
            "\" search\"",
            "\"search\\u0000x\"",
            "[\"search\"]",
            "{}",
        ] {
            maybe(text("search"), value);
        }
        for value in ["\"searches\"", "\"\"", "1", "true", "null"] {
            no(text("search"), value);
        }
        maybe(text("5"), "5");
        maybe(text("5"), "5.0");
        no(text("five"), "5");
        maybe(text("true"), "true");
        maybe(text("0"), "false");
        maybe(text("null"), "null");
        surely(Wanted::Number(100), "100");
        for value in ["100.0", "1e2", "\"100\"", "\" 0x64\"", "\"\"", "[100]"] {
            maybe(Wanted::Number(100), value);
        }
        for value in ["101", "\"many\"", "true", "null"] {
            no(Wanted::Number(100), value);
        }
        maybe(Wanted::Number(1), "true");
        maybe(Wanted::Number(0), "null");
        maybe(Wanted::Number(0), "-0.0");
        surely(Wanted::Flag(true), "true");
        surely(Wanted::Flag(false), "false");
        no(Wanted::Flag(true), "false");
        no(Wanted::Flag(true), "null");
        for value in ["1", "0", "\"false\"", "\"\"", "{}", "[]"] {
            maybe(Wanted::Flag(true), value);
        }
        maybe(Wanted::Flag(false), "null");
        for value in ["1", "\"\"", "[]", "{}", "false"] {
            surely(Wanted::Anything, value);
        }
        maybe(Wanted::Anything, "null");
    }

    #[test]
    fn a_member_that_is_not_surely_the_only_one_only_may_be() {
        let text = || Wanted::Text(Value::new("x"));
        assert_eq!(found(text(), "{}"), Found::No);
        assert_eq!(found(text(), r#"{"a":"x","a":"y"}"#), Found::Maybe);
        assert_eq!(found(text(), r#"{"a":"x","a":"x"}"#), Found::Maybe);
        assert_eq!(found(text(), r#"{"A":"x"}"#), Found::Maybe);
        assert_eq!(found(text(), r#"{"a":"y","a":"z"}"#), Found::No);
        assert_eq!(found(Wanted::Anything, r#"{"A":"x"}"#), Found::Maybe);
    }
}
