//! What a body holds, as scenarios write it: text, JSON or bytes.

use std::fmt;

use serde::Deserialize;

use super::json::Json;

/// Bytes in hexadecimal, as in `00ff`; blanks between them do not count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hex(pub Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
            .collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
        let digits = digits.ok_or_else(|| {
            format!("`{text}` is not bytes in hexadecimal, expected two digits for each")
        })?;
        let (pairs, _) = digits.as_chunks();
        let bytes = pairs.iter().map(|[high, low]| high << 4 | low);
        Ok(Self(bytes.collect()))
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no bytes");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A body, of which one form may be given.
pub(super) fn body(
    text: Option<String>,
    json: Option<Json>,
    hex: Option<Hex>,
) -> Result<Option<Vec<u8>>, &'static str> {
    match (text, json, hex) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) => Ok(Some(text.into_bytes())),
        (None, Some(Json(value)), None) => Ok(Some(value.to_string().into_bytes())),
        (None, None, Some(Hex(bytes))) => Ok(Some(bytes)),
        _ => Err("expected at most one of `body`, `body_json` and `body_hex`"),
    }
}

/// A body that may also be given in pieces; `None` if none is.
pub(super) fn pieces(
    text: Option<String>,
    json: Option<Json>,
    hex: Option<Hex>,
    chunks: Option<Vec<String>>,
) -> Result<Option<Vec<Vec<u8>>>, &'static str> {
    match (body(text, json, hex)?, chunks) {
        (None, None) => Ok(None),
        (Some(whole), None) => Ok(Some(vec![whole])),
        (None, Some(chunks)) => Ok(Some(chunks.into_iter().map(String::into_bytes).collect())),
        (Some(_), Some(_)) => {
            Err("expected no other body beside `body_chunks`, which is all of it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_pairs_of_digits() {
        let bytes = |text: &str| Hex::try_from(text.to_owned()).map(|hex| hex.0);
        assert_eq!(bytes(""), Ok(Vec::new()));
        assert_eq!(bytes("00 fF\n7a"), Ok(vec![0, 255, 0x7a]));
        for wrong in ["0", "0g", "é0", "000", "+1"] {
            assert_eq!(
                bytes(wrong),
                Err(format!(
                    "`{wrong}` is not bytes in hexadecimal, expected two digits for each"
                ))
            );
        }
        assert_eq!(Hex(vec![0, 255]).to_string(), "00ff");
    }
}
