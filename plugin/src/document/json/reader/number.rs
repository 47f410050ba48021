//! Numbers: whole ones by their value, all others as they are written.

use serde::de::{Error as _, Expected, Unexpected};

use super::{Error, Reader};

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number<'de> {
    /// A whole number.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// Any other, as it is written.
    Other(&'de str),
}

impl<'de> Reader<'de> {
    pub(crate) fn number(&mut self) -> Result<Number<'de>, Error> {
        let start = self.read;
        let negative = self.byte() == Some(b'-');
        if negative {
            self.step();
        }
        let mut whole = Some(0_u64);
        match self.next() {
            None => return Err(self.wrong("EOF while parsing a value")),
            Some(b'0') if matches!(self.byte(), Some(b'0'..=b'9')) => {
                return Err(self.wrong_ahead("invalid number"));
            }
            Some(first @ b'0'..=b'9') => {
                let mut digit = first;
                loop {
                    let value = u64::from(digit.wrapping_sub(b'0'));
                    whole = whole
                        .and_then(|whole| whole.checked_mul(10))
                        .and_then(|whole| whole.checked_add(value));
                    match self.byte() {
                        Some(next @ b'0'..=b'9') => digit = next,
                        _ => break,
                    }
                    self.step();
                }
            }
            Some(_) => return Err(self.wrong("invalid number")),
        }
        if self.byte() == Some(b'.') {
            whole = None;
            self.step();
            if !self.digits() {
                return Err(self.wrong_ahead(match self.byte() {
                    Some(_) => "invalid number",
                    None => "EOF while parsing a value",
                }));
            }
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            whole = None;
            self.step();
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.step();
            }
            match self.next() {
                Some(b'0'..=b'9') => self.digits(),
                Some(_) => return Err(self.wrong("invalid number")),
                None => return Err(self.wrong("EOF while parsing a value")),
            };
        }
        let signed = whole.and_then(|whole| 0_i64.checked_sub_unsigned(whole));
        Ok(match (negative, whole, signed) {
            (false, Some(whole), _) => Number::Unsigned(whole),
            (true, _, Some(signed)) if signed < 0 => Number::Signed(signed),
            _ => {
                let written = self.text.get(start..self.read).unwrap_or_default();
                Number::Other(std::str::from_utf8(written).unwrap_or_default())
            }
        })
    }

    /// Any number of digits; whether there was one.
    fn digits(&mut self) -> bool {
        let mut any = false;
        while let Some(b'0'..=b'9') = self.byte() {
            self.step();
            any = true;
        }
        any
    }
}

impl Number<'_> {
    /// The error that it is not `expected`.
    pub(crate) fn unexpected(self, expected: &dyn Expected) -> Error {
        match self {
            Self::Unsigned(number) => Error::invalid_type(Unexpected::Unsigned(number), expected),
            Self::Signed(number) => Error::invalid_type(Unexpected::Signed(number), expected),
            Self::Other(written) => {
                let found = format!("floating point `{written}`");
                Error::invalid_type(Unexpected::Other(&found), expected)
            }
        }
    }
}
