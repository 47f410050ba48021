//! A text with fields of a log in it.

use std::fmt;

use serde::Deserialize;

/// A text in which `%name` is a field of a line, and `%%` a percent sign.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Field(String),
}

impl Template {
    /// Nothing but a field.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self(vec![Piece::Field(name.to_owned())])
    }

    /// The fields in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Writes the text with the fields' values behind what is there; whether all of them have one.
    pub(super) fn write<'v>(
        &self,
        to: &mut String,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> bool {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => to.push_str(text),
                Piece::Field(name) => match value(name) {
                    Some(value) => to.push_str(value),
                    None => return false,
                },
            }
        }
        true
    }
}

impl From<String> for Template {
    fn from(text: String) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        let mut before = String::new();
        while let Some((text, behind)) = rest.split_once('%') {
            before.push_str(text);
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.@-:".contains(c);
            let end = behind.find(|c| !is_name(c)).unwrap_or(behind.len());
            let (name, behind_name) = behind.split_at_checked(end).unwrap_or((behind, ""));
            if name.is_empty() {
                before.push('%');
                rest = behind.strip_prefix('%').unwrap_or(behind);
                continue;
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut before)));
            }
            pieces.push(Piece::Field(name.to_owned()));
            rest = behind_name;
        }
        before.push_str(rest);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        Self(pieces)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('%', "%%")),
            Piece::Field(name) => write!(f, "%{name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_replaced_and_one_that_is_missing_is_told() {
        let check = |text: &str, expected: Option<&str>| {
            let template = Template::from(text.to_owned());
            let value = |name: &str| (name == "org.id").then_some("7");
            let mut written = String::new();
            let complete = template.write(&mut written, value);
            assert_eq!(complete.then_some(written.as_str()), expected, "{text}");
            assert_eq!(template.to_string(), text);
        };
        check("%org.id", Some("7"));
        check("Bearer %org.id/100%%", Some("Bearer 7/100%"));
        check("plain", Some("plain"));
        check("%user", None);
    }
}
