//! The operations of a GraphQL document (GraphQL, October 2021, sections 2.1 and 2.3). Only their kinds and names are read; what is in them
//! is skipped.

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// The most operations of a document that are looked at: one with more may run anything.
const MOST: usize = 64;

/// An operation of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation<'d> {
    pub(super) kind: Kind,
    pub(super) name: Option<&'d str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'d> {
    Name(&'d str),
    Open(u8),
    Close(u8),
    /// A string or a block string.
    Text,
    /// Anything else.
    Other,
}

struct Tokens<'d> {
    text: &'d str,
}

/// The operations of a document; `None` if it cannot be read, or has something in it that runs nothing.
pub(super) fn operations(text: &str) -> Option<Vec<Operation<'_>>> {
    let mut tokens = Tokens { text };
    let mut operations = Vec::new();
    while let Some(token) = tokens.next()? {
        let kind = match token {
            Token::Open(b'{') => {
                operations.push(Operation {
                    kind: Kind::Query,
                    name: None,
                });
                if operations.len() > MOST {
                    return None;
                }
                tokens.skip_to_close(b'}')?;
                continue;
            }
            // The description of what follows.
            Token::Text => continue,
            Token::Name("query") => Some(Kind::Query),
            Token::Name("mutation") => Some(Kind::Mutation),
            Token::Name("subscription") => Some(Kind::Subscription),
            Token::Name("fragment") => None,
            _ => return None,
        };
        let mut token = tokens.next()??;
        let mut name = None;
        if let Token::Name(text) = token {
            name = Some(text);
            token = tokens.next()??;
        }
        // Variables, directives and, of a fragment, its type, before what is selected.
        loop {
            match token {
                Token::Open(b'{') => break tokens.skip_to_close(b'}')?,
                Token::Open(b'(') => tokens.skip_to_close(b')')?,
                Token::Open(b'[') => tokens.skip_to_close(b']')?,
                Token::Close(_) | Token::Open(_) => return None,
                Token::Name(_) | Token::Text | Token::Other => {}
            }
            token = tokens.next()??;
        }
        operations.extend(kind.map(|kind| Operation { kind, name }));
        if operations.len() > MOST {
            return None;
        }
    }
    (!operations.is_empty()).then_some(operations)
}

impl<'d> Tokens<'d> {
    /// The next token, if there is one; `None` if there is none that could be.
    fn next(&mut self) -> Option<Option<Token<'d>>> {
        loop {
            let text = self.text;
            let Some(first) = text.bytes().next() else {
                return Some(None);
            };
            let (token, length) = match first {
                // Blanks, commas, a byte order mark, and a `+` that stands for a blank in a query string.
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b'+' => (None, 1),
                0xef if text.starts_with('\u{feff}') => (None, 3),
                b'#' => (None, text.find(['\n', '\r']).unwrap_or(text.len())),
                b'"' => (Some(Token::Text), string(text)?),
                b'{' | b'(' | b'[' => (Some(Token::Open(first)), 1),
                b'}' | b')' | b']' => (Some(Token::Close(first)), 1),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let length = text.find(|c| !is_name(c)).unwrap_or(text.len());
                    (Some(Token::Name(text.get(..length)?)), length)
                }
                b'!' | b'$' | b'&' | b'.' | b':' | b'=' | b'@' | b'|' | b'-' | b'0'..=b'9' => {
                    (Some(Token::Other), 1)
                }
                _ => return None,
            };
            self.text = text.get(length..)?;
            if token.is_some() {
                return Some(token);
            }
        }
    }

    /// Skips all until what is open is closed.
    fn skip_to_close(&mut self, close: u8) -> Option<()> {
        let mut open = vec![close];
        while let Some(close) = open.last() {
            match self.next()?? {
                Token::Open(b'{') => open.push(b'}'),
                Token::Open(b'(') => open.push(b')'),
                Token::Open(_) => open.push(b']'),
                Token::Close(closed) if closed == *close => {
                    open.pop();
                }
                Token::Close(_) => return None,
                Token::Name(_) | Token::Text | Token::Other => {}
            }
        }
        Some(())
    }
}

/// The length of the string that the text begins with, if it ends.
fn string(text: &str) -> Option<usize> {
    if let Some(inside) = text.strip_prefix(r#"""""#) {
        let mut from = 0;
        loop {
            let end = inside.get(from..)?.find(r#"""""#)?;
            let end = from.checked_add(end)?;
            if !inside.get(..end)?.ends_with('\\') {
                return end.checked_add(6);
            }
            from = end.checked_add(3)?;
        }
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.checked_add(1),
            b'\n' | b'\r' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read(text: &str) -> Option<Vec<(Kind, Option<&str>)>> {
        let operations = operations(text)?;
        let of = |operation: Operation<'_>| {
            let Operation { kind, name } = operation;
            (
                kind,
                name.map(|name| &*Box::leak(name.to_owned().into_boxed_str())),
            )
        };
        Some(operations.into_iter().map(of).collect())
    }

    #[test]
    fn operations_are_read_by_kind_and_name() {
        let check = |text: &str, expected: &[(Kind, Option<&str>)]| {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        };
        check("{ a }", &[(Kind::Query, None)]);
        check("query { a }", &[(Kind::Query, None)]);
        check("query Search { a }", &[(Kind::Query, Some("Search"))]);
        check(
            "\u{feff}# {\n\"about {\" mutation,Add{a}",
            &[(Kind::Mutation, Some("Add"))],
        );
        check(
            r#"query A($in: In = {list: [{x: "}"}]}, $b: [Int!]!) @live(if: {a: 1}) { a(b: """ } \""" { """) { ...F } }
               fragment F on T @d(x: "{") { mutation subscription }
               subscription query { a }"#,
            &[
                (Kind::Query, Some("A")),
                (Kind::Subscription, Some("query")),
            ],
        );
        check("query+Search+{a}", &[(Kind::Query, Some("Search"))]);
    }

    #[test]
    fn what_cannot_be_read_is_no_document() {
        for text in [
            "",
            "  ",
            "fragment F on T { a }",
            "query",
            "query A",
            "query A {",
            "query A { a ) }",
            "query A { a } }",
            "select * from a",
            "type A { a: Int }",
            "query A { a(b: \"x\n\") }",
            "query A { a(b: \"\"\"x) }",
            "query A { ' }",
            "query Ä { a }",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
