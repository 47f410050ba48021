//! Places in a JSON text: the path of keys and indexes, and line and column.

use std::fmt;

use super::scanner::{Scanner, Token, string, string_length};

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
            let (key, rest) = rest.split_at_checked(string_length(rest.as_bytes()))?;
            return Some((
                Segment::Member(string(key.as_bytes())),
                rest.strip_prefix(']')?,
            ));
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
    let mut wanted = Vec::new();
    let mut rest = path;
    while let Some((segment, after)) = split(rest) {
        wanted.push(segment);
        rest = after;
    }
    let mut scanner = Scanner::new(text);
    let mut found = None;
    let mut next = 0;
    while let Some(token) = scanner.step() {
        if let Token::Value { depth, start } = token
            && depth == next
            && scanner.segments().take(depth).eq(wanted.iter().take(depth))
        {
            found = Some(start);
            next = depth.saturating_add(1);
        }
        if next > wanted.len() {
            break;
        }
    }
    found
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
