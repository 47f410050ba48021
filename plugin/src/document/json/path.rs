//! Places in a JSON text: the path of keys and indexes, and line and column.

use std::fmt;

use super::reader::{Kind, Reader};

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Member(String),
    Element(usize),
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The place so many bytes from the beginning of `text`.
    #[must_use]
    pub fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let line = before.rsplit(|byte| *byte == b'\n').next();
        // All bytes but the later ones of a character in UTF-8.
        let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
        let column = line.unwrap_or_default().iter().filter(begins).count();
        Self {
            line: lines.saturating_add(1),
            column: column.saturating_add(1),
        }
    }

    /// The place of what `path` names; of what is around it, as far as that is there.
    #[must_use]
    pub fn of_path(text: &[u8], path: &str) -> Option<Self> {
        locate(text, path).map(|offset| Self::of(text, offset))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// The path of the member called `key` of the object at `path`: `costs.rules`, or `organizations["a.b"]` where the key could be
/// mistaken.
#[must_use]
pub fn member(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    push_member(&mut path, key);
    path
}

/// The path from the outermost value to the innermost; `.` for the outermost itself.
pub(super) fn join<'a>(segments: impl Iterator<Item = &'a Segment>) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Element(index) => path.push_str(&format!("[{index}]")),
            Segment::Member(key) => push_member(&mut path, key),
        }
    }
    if path.is_empty() {
        path.push('.');
    }
    path
}

fn push_member(path: &mut String, key: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-$".contains(&b);
    if !key.is_empty() && key.bytes().all(plain) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else {
        let quoted = serde_json::to_string(super::cut(key).as_ref()).unwrap_or_default();
        path.push_str(&format!("[{quoted}]"));
    }
}

/// The first segment of a path and the rest of it; `None` at its end, and for what is no path.
fn split(path: &str) -> Option<(Segment, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        if rest.starts_with('"') {
            let mut reader = Reader::new(rest.as_bytes());
            let key = reader.text().ok()?.into_owned();
            let rest = rest.get(reader.next_start()..)?.strip_prefix(']')?;
            return Some((Segment::Member(key), rest));
        }
        let (index, rest) = rest.split_once(']')?;
        return Some((Segment::Element(index.parse().ok()?), rest));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    let (key, rest) = path.split_at_checked(path.find(['.', '[']).unwrap_or(path.len()))?;
    (!key.is_empty()).then(|| (Segment::Member(key.to_owned()), rest))
}

/// Where the value begins that `path` names, or the innermost around it that is there.
fn locate(text: &[u8], path: &str) -> Option<usize> {
    let mut reader = Reader::new(text);
    let mut rest = path;
    let mut place = reader.next_start();
    while let Some((segment, after)) = split(rest) {
        if !step(&mut reader, &segment)? {
            break;
        }
        place = reader.next_start();
        rest = after;
    }
    Some(place)
}

/// Reads as far as the value that the segment leads to; whether there is one.
fn step(reader: &mut Reader<'_>, segment: &Segment) -> Option<bool> {
    let mut first = true;
    match (segment, reader.kind().ok()?) {
        (Segment::Member(wanted), Kind::Object) => {
            reader.enter().ok()?;
            while reader.next_member(&mut first).ok()? {
                let found = reader.text().ok()? == wanted.as_str();
                reader.colon().ok()?;
                if found {
                    return Some(true);
                }
                reader.pass_over().ok()?;
            }
        }
        (Segment::Element(wanted), Kind::Array) => {
            reader.enter().ok()?;
            let mut index = 0_usize;
            while reader.next_element(&mut first).ok()? {
                if index == *wanted {
                    return Some(true);
                }
                reader.pass_over().ok()?;
                index = index.saturating_add(1);
            }
        }
        _ => {}
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const TEXT: &str =
        "{\n  \"größe\": {\"a.b\": [1, {\"c\": 2}], \"\": 3},\n  \"q\\\"]\": 4,\n  \"e\": []\n}\n";

    #[test]
    fn a_path_leads_to_its_place() {
        for (path, expected) in [
            (".", (1, 1)),
            ("e", (4, 8)),
            (r#"["größe"]"#, (2, 12)),
            (r#"["größe"]["a.b"]"#, (2, 20)),
            (r#"["größe"]["a.b"][1].c"#, (2, 30)),
            (r#"["größe"][""]"#, (2, 39)),
            (r#"["q\"]"]"#, (3, 11)),
            // What is not there is looked for where it should be.
            ("e[7]", (4, 8)),
            ("e.x.y", (4, 8)),
            ("missing", (1, 1)),
            ("[oops", (1, 1)),
        ] {
            let found = Position::of_path(TEXT.as_bytes(), path).unwrap();
            assert_eq!((found.line, found.column), expected, "{path}");
        }
    }

    #[test]
    fn a_key_that_could_be_mistaken_is_quoted() {
        assert_eq!(member("", "costs"), "costs");
        assert_eq!(member("a", "b-c_d$1"), "a.b-c_d$1");
        assert_eq!(member("a", "b.c"), r#"a["b.c"]"#);
        assert_eq!(member("a", "\"]`\n"), r#"a["\"]`\n"]"#);
        assert_eq!(member("a", ""), r#"a[""]"#);
    }
}
