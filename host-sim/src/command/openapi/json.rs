//! JSON as a tree with lines. `serde_json` says whether a text is JSON; here it is only taken apart.

use super::tree::{Member, Tree, Value};

/// The tree of a JSON text.
///
/// # Errors
///
/// The text is not JSON, or nested more than 127 levels deep.
pub(super) fn parse(text: &str) -> Result<Tree, serde_json::Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)?;
    // `IgnoredAny` is read without recursion and so to any depth; this is not.
    serde_json::from_str::<serde_json::Value>(text)?;
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        tree: Tree::default(),
    };
    reader.value();
    Ok(reader.tree)
}

/// Goes through a text that is known to be JSON.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    tree: Tree,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            match byte {
                b'\n' => self.line = self.line.saturating_add(1),
                b' ' | b'\t' | b'\r' => {}
                _ => return Some(byte),
            }
            self.skip();
        }
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn value(&mut self) -> usize {
        let first = self.peek();
        let (line, start) = (self.line, self.at);
        let number = self.tree.add(line, Value::Null);
        let value = match first {
            Some(b'{') => {
                self.object(number);
                None
            }
            Some(b'[') => Some(self.list()),
            Some(b'"') => Some(Value::Text(self.string())),
            _ => Some(self.word()),
        };
        let end = self.at;
        if let Some(node) = self.tree.node_mut(number) {
            node.bytes = start..end;
            if let Some(value) = value {
                node.value = value;
            }
        }
        number
    }

    fn object(&mut self, number: usize) {
        if let Some(node) = self.tree.node_mut(number) {
            node.value = Value::Object(Vec::new());
        }
        self.skip();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let line = self.line;
                    let name = self.string();
                    // The colon.
                    self.peek();
                    self.skip();
                    let node = self.value();
                    self.tree.add_member(number, Member { name, line, node });
                }
                b'}' => return self.skip(),
                _ => self.skip(),
            }
        }
    }

    fn list(&mut self) -> Value {
        self.skip();
        let mut items = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b']' => {
                    self.skip();
                    break;
                }
                b',' => self.skip(),
                _ => items.push(self.value()),
            }
        }
        Value::List(items)
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.skip();
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.skip(),
                _ => {}
            }
            self.skip();
        }
        self.skip();
        let written = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(written).unwrap_or_default()
    }

    fn word(&mut self) -> Value {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}');
        let word = rest.split(is_end).next().unwrap_or_default();
        // Never zero, so that the reader always goes on.
        self.at = self.at.saturating_add(word.len().max(1));
        match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            number => Value::Number(number.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines_and_where_they_are() {
        let text = "{\n\t\"a\": [1, -2.5e3,\n true],\n \"b\\u00e4\\ud83d\\ude00\": {\"c\": \"x\\\"}\", \"d\": null}, \"a\": []}";
        let tree = parse(text).unwrap();
        let root = tree.node(Tree::ROOT).unwrap();
        assert_eq!(root.bytes, 0..text.len());
        let b = tree.member(Tree::ROOT, "bä😀").unwrap();
        assert_eq!(b.line, 4);
        let c = tree.member(b.node, "c").unwrap();
        let c = tree.node(c.node).unwrap();
        assert_eq!(text.get(c.bytes.clone()), Some("\"x\\\"}\""));
        assert!(matches!(&c.value, Value::Text(text) if text == "x\"}"));
        assert_eq!(tree.repeated, [("a".to_owned(), 4)]);
        let numbers = tree.nodes().iter();
        let numbers = numbers.filter_map(|node| match &node.value {
            Value::Number(number) => Some((number.as_str(), node.line)),
            _ => None,
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [("1", 2), ("-2.5e3", 2)]);
    }

    #[test]
    fn what_is_no_json_is_an_error_with_its_place() {
        let error = parse("{\n \"a\" 1}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 6));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
