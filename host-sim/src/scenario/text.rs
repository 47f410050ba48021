//! Scenarios as text: what writes them, wherever they are made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A key and its value, as a line.
pub(crate) fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{name} = {value}");
}

/// A comment, which is one line whatever is in it.
pub(crate) fn comment(text: &mut String, words: &str) {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let words: String = words.chars().map(plain).collect();
    let _ = writeln!(text, "# {words}");
}

/// A table of these members, as a line; nothing without any.
pub(crate) fn inline(text: &mut String, name: &str, members: &[String]) {
    if !members.is_empty() {
        line(text, name, &format!("{{ {} }}", members.join(", ")));
    }
}

/// A text as a value.
pub(crate) fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// A name as a key.
pub(crate) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// The values of headers or trailers by their names.
pub(crate) fn fields(
    all: &[(String, String)],
    keep: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<&str>> {
    let mut fields: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in all.iter().filter(|(name, _)| keep(name)) {
        fields.entry(name.clone()).or_default().push(value);
    }
    fields
}

/// These as the members of a table.
pub(crate) fn members(fields: &BTreeMap<String, Vec<&str>>) -> Vec<String> {
    let member = |(name, values): (&String, &Vec<&str>)| match values.as_slice() {
        [value] => format!("{} = {}", key(name), quoted(value)),
        values => {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            format!("{} = [{}]", key(name), values.join(", "))
        }
    };
    fields.iter().map(member).collect()
}

/// The key and the value of a body that is sent in these pieces, if all of them are text.
pub(crate) fn pieces(pieces: &[Vec<u8>]) -> Option<(&'static str, String)> {
    let texts = pieces.iter().map(|piece| std::str::from_utf8(piece).ok());
    let texts: Vec<_> = texts.collect::<Option<_>>()?;
    Some(match texts.as_slice() {
        [only] => ("body", quoted(only)),
        texts => {
            let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            ("body_chunks", format!("[{}]", texts.join(", ")))
        }
    })
}

/// The key and the value of a whole body.
pub(crate) fn bytes(body: &[u8]) -> (&'static str, String) {
    match std::str::from_utf8(body) {
        Ok(text) => ("body", quoted(text)),
        Err(_) => {
            let mut hex = String::new();
            for byte in body {
                let _ = write!(hex, "{byte:02x}");
            }
            ("body_hex", quoted(&hex))
        }
    }
}
