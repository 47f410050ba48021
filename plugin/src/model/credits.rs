//! Credits: the unit in which every call is charged and every allotment is given.
//!
//! The type has no `+` and no `-`: whoever adds or subtracts says what happens at the edge, so that an overflow or an overdraft is
//! a visible decision.

use serde::{Deserialize, Deserializer, de};

/// An amount of credits, at most [`Credits::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(u64);

impl Credits {
    /// No credits: what an exempt or a refused call costs.
    pub const ZERO: Self = Self(0);

    /// One credit: what every call costs under the old model.
    pub const ONE: Self = Self(1);

    /// The largest amount: fifteen nines, the largest integer that the `RateLimit` header fields can carry
    /// (RFC 9651, section 3.3.1), and exact in every JSON reader.
    pub const MAX: Self = Self(999_999_999_999_999);

    /// An amount of credits, or `None` above [`Credits::MAX`].
    #[must_use]
    pub const fn new(amount: u64) -> Option<Self> {
        if amount <= Self::MAX.0 {
            Some(Self(amount))
        } else {
            None
        }
    }

    /// An amount of credits, [`Credits::MAX`] where it would be more.
    #[must_use]
    pub const fn saturating(amount: u64) -> Self {
        if amount <= Self::MAX.0 {
            Self(amount)
        } else {
            Self::MAX
        }
    }

    /// The amount that an upstream states as a number, in any notation in which programs print one: `5`, `5.0`, `5.` and `5e0` are five,
    /// `1e+06` is a million. [`Credits::MAX`] where it would be more; `None` for what is no whole number, such as `5.5`, because which
    /// whole number was meant is not ours to guess.
    #[must_use]
    pub fn stated(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        if let Ok(amount) = text.parse() {
            return Some(Self::saturating(amount));
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let mantissa = mantissa.strip_prefix('+').unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self::ZERO);
        }
        // The number is the significant digits, read as a whole number, times this power of ten.
        let zeros = digits.len().saturating_sub(significant.len());
        let shift = i64::from(exponent)
            .saturating_add_unsigned(zeros as u64)
            .saturating_sub_unsigned(fraction.len() as u64);
        let shift = u32::try_from(shift).ok()?;
        let times_ten = |amount: u64, digit: u8| {
            let digit = u64::from(digit.wrapping_sub(b'0'));
            amount.saturating_mul(10).saturating_add(digit)
        };
        let amount = significant.bytes().fold(0, times_ten);
        Some(Self::saturating(
            amount.saturating_mul(10_u64.saturating_pow(shift)),
        ))
    }

    /// The amount as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is nothing at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` above [`Credits::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.saturating_add(other.0))
    }

    /// The difference, or `None` where `other` is more.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// The sum, [`Credits::MAX`] where it would be more.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self::saturating(self.0.saturating_add(other.0))
    }

    /// The difference, nothing where `other` is more.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self` times `count`, or `None` above [`Credits::MAX`].
    #[must_use]
    pub const fn checked_mul(self, count: u64) -> Option<Self> {
        Self::new(self.0.saturating_mul(count))
    }

    /// `self` times `count`, [`Credits::MAX`] where it would be more.
    #[must_use]
    pub const fn saturating_mul(self, count: u64) -> Self {
        Self::saturating(self.0.saturating_mul(count))
    }
}

impl std::fmt::Display for Credits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Credits;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a whole number of credits from 0 to {}", Credits::MAX)
            }

            fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Credits, E> {
                Credits::new(amount)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(amount), &self))
            }
        }

        deserializer.deserialize_u64(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Credits {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Credits".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 0, "maximum": Self::MAX.0})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    #[test]
    fn the_largest_amount_fits_a_structured_field() {
        assert_eq!(Credits::new(999_999_999_999_999), Some(Credits::MAX));
        assert_eq!(Credits::new(1_000_000_000_000_000), None);
        assert_eq!(Credits::saturating(u64::MAX), Credits::MAX);
    }

    #[test]
    fn sums_and_products_never_pass_the_largest_amount() {
        assert_eq!(credits(2).checked_add(credits(3)), Some(credits(5)));
        assert_eq!(Credits::MAX.checked_add(credits(1)), None);
        assert_eq!(credits(500).checked_mul(12), Some(credits(6000)));
        assert_eq!(Credits::MAX.checked_mul(u64::MAX), None);
        assert_eq!(Credits::MAX.saturating_mul(2), Credits::MAX);
    }

    #[test]
    fn differences_never_go_below_nothing() {
        assert_eq!(credits(5).checked_sub(credits(5)), Some(Credits::ZERO));
        assert_eq!(credits(5).checked_sub(credits(6)), None);
        assert_eq!(credits(5).saturating_sub(credits(6)), Credits::ZERO);
    }

    #[test]
    fn a_whole_number_is_read_however_it_is_written() {
        for (text, expected) in [
            ("0", 0),
            ("5", 5),
            (" 5 ", 5),
            ("+5", 5),
            ("005", 5),
            ("5.0", 5),
            ("5.", 5),
            ("+5.000", 5),
            ("5e0", 5),
            ("5E+0", 5),
            ("0.5e1", 5),
            (".5e1", 5),
            ("500e-2", 5),
            ("50.0e-1", 5),
            ("0.0", 0),
            ("0e9", 0),
            ("1e+06", 1_000_000),
            ("1.25e3", 1_250),
            ("18446744073709551616", Credits::MAX.get()),
            ("1e30", Credits::MAX.get()),
            ("1e2147483647", Credits::MAX.get()),
        ] {
            assert_eq!(Credits::stated(text), Some(credits(expected)), "{text}");
        }
        for text in [
            "",
            ".",
            "e5",
            "+",
            "-5",
            "-5.0",
            "5.5",
            "5e-1",
            "0.05e1",
            "1e-2147483648",
            "5e",
            "5e1.0",
            "1e99999999999",
            "5,0",
            "1,000",
            "3,9",
            "5 credits",
            "0x5",
            "NaN",
            "inf",
            "5..0",
            "+-5",
            "++5",
            "٥",
            "5.0\u{a0}",
        ] {
            assert_eq!(Credits::stated(text), None, "{text}");
        }
    }

    #[test]
    fn json_says_what_was_expected() {
        fn check(json: &str, expected: &str) {
            let error = serde_json::from_str::<Credits>(json).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        check(
            "-1",
            "invalid type: integer `-1`, expected a whole number of credits from 0 to 999999999999999 at line 1 column 2",
        );
        check(
            "1000000000000000",
            "invalid value: integer `1000000000000000`, expected a whole number of credits from 0 to 999999999999999 at line 1 column 16",
        );
        check(
            "0.5",
            "invalid type: floating point `0.5`, expected a whole number of credits from 0 to 999999999999999 at line 1 column 3",
        );
    }
}
