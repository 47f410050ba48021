//! Protocol Buffers' text format, as far as files of tests use it: a tree of fields, each of which knows where it stands.
//!
//! Crates that read it want compiled message types and forget where a field stood; here whoever reads the tree says what is wrong with a
//! field, and where. The rules are those of the language's specification: `#` comments, `{…}` and `<…>`, lists in brackets, `,` and `;`
//! between fields, neighbouring texts as one, and C's escapes.

use std::fmt;

/// Where something stands, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A field and its value; of a list, each of its values is a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Message(Vec<Field>),
    /// What was in quotation marks.
    Text(Vec<u8>),
    /// A number or a name.
    Word(String),
}

/// What breaks the rules, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) place: Place,
    pub(super) message: String,
}

/// More messages inside one another than this are no test.
const DEEPEST: usize = 100;

/// The fields of a whole text.
pub(super) fn parse(text: &str) -> Result<Vec<Field>, Malformed> {
    let mut reader = Reader {
        characters: text.chars().collect(),
        next: 0,
        place: Place { line: 1, column: 1 },
    };
    reader.fields(None, 0)
}

struct Reader {
    characters: Vec<char>,
    next: usize,
    place: Place,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.next).copied()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.next = self.next.saturating_add(1);
        if character == '\n' {
            self.place.line = self.place.line.saturating_add(1);
            self.place.column = 1;
        } else {
            self.place.column = self.place.column.saturating_add(1);
        }
        Some(character)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.take();
        }
        there
    }

    fn malformed<T>(&self, message: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed {
            place: self.place,
            message: message.into(),
        })
    }

    /// What stands here in place of what was expected.
    fn instead<T>(&self, expected: &str) -> Result<T, Malformed> {
        match self.peek() {
            Some(character) => {
                self.malformed(format!("expected {expected}, there is `{character}`"))
            }
            None => self.malformed(format!("expected {expected}, the file ends")),
        }
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        while let Some(character) = self.peek() {
            if character == '#' {
                while self.peek().is_some_and(|character| character != '\n') {
                    self.take();
                }
            } else if character.is_ascii_whitespace() {
                self.take();
            } else {
                return;
            }
        }
    }

    /// Fields up to this bracket, or to the end of the file.
    fn fields(&mut self, close: Option<char>, depth: usize) -> Result<Vec<Field>, Malformed> {
        if depth > DEEPEST {
            return self.malformed(format!(
                "expected at most {DEEPEST} messages inside one another"
            ));
        }
        let mut fields = Vec::new();
        loop {
            self.skip();
            match (self.peek(), close) {
                (None, None) => return Ok(fields),
                (Some(character), Some(close)) if character == close => {
                    self.take();
                    return Ok(fields);
                }
                (None, Some(close)) => return self.instead(&format!("`{close}`")),
                _ => self.field(&mut fields, depth)?,
            }
            self.skip();
            if !self.takes(',') {
                self.takes(';');
            }
        }
    }

    fn field(&mut self, fields: &mut Vec<Field>, depth: usize) -> Result<(), Malformed> {
        let place = self.place;
        if self.peek() == Some('[') {
            return self.malformed(
                "extensions and `Any` in brackets are not understood, expected the name of a field",
            );
        }
        let name = self.word();
        if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            let there = name.chars().next().or(self.peek());
            let there = there.map_or("the file ends".to_owned(), |there| {
                format!("there is `{there}`")
            });
            let message = format!("expected the name of a field, {there}");
            return Err(Malformed { place, message });
        }
        self.skip();
        let colon = self.takes(':');
        self.skip();
        if self.takes('[') {
            loop {
                self.skip();
                if self.takes(']') {
                    return Ok(());
                }
                let place = self.place;
                let value = self.value(true, depth)?;
                let name = name.clone();
                fields.push(Field { name, place, value });
                self.skip();
                if !self.takes(',') && self.peek() != Some(']') {
                    return self.instead("`,` or `]`");
                }
            }
        }
        let value = self.value(colon, depth)?;
        fields.push(Field { name, place, value });
        Ok(())
    }

    fn value(&mut self, colon: bool, depth: usize) -> Result<Value, Malformed> {
        let inside = depth.saturating_add(1);
        match self.peek() {
            Some('{') => {
                self.take();
                Ok(Value::Message(self.fields(Some('}'), inside)?))
            }
            Some('<') => {
                self.take();
                Ok(Value::Message(self.fields(Some('>'), inside)?))
            }
            _ if !colon => self.instead("`:` or `{`"),
            Some('"' | '\'') => self.texts().map(Value::Text),
            Some(first) if first == '-' || is_of_word(first) => {
                let minus = self.takes('-');
                self.skip();
                let word = self.word();
                Ok(Value::Word(if minus { format!("-{word}") } else { word }))
            }
            _ => self.instead("a value"),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(character) = self.peek().filter(|character| is_of_word(*character)) {
            word.push(character);
            self.take();
        }
        word
    }

    /// Texts beside one another, which are one.
    fn texts(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut bytes = Vec::new();
        while let Some(quote @ ('"' | '\'')) = self.peek() {
            self.take();
            self.text(quote, &mut bytes)?;
            self.skip();
        }
        Ok(bytes)
    }

    fn text(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
        loop {
            match self.peek() {
                None | Some('\n') => {
                    return self.malformed(format!("expected `{quote}` before the line ends"));
                }
                Some('\\') => {
                    let place = self.place;
                    self.take();
                    self.escape(bytes)
                        .map_err(|message| Malformed { place, message })?;
                }
                Some(character) => {
                    self.take();
                    if character == quote {
                        return Ok(());
                    }
                    push(bytes, character);
                }
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let Some(kind) = self.peek() else {
            return Err("expected an escape behind `\\`, the file ends".to_owned());
        };
        if kind.is_digit(8) {
            let number = self.digits(8, 3);
            let byte = u8::try_from(number)
                .map_err(|_| format!("`\\{number:o}` is no byte, expected at most `\\377`"))?;
            bytes.push(byte);
            return Ok(());
        }
        self.take();
        let simple = match kind {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'v' => 11,
            '\\' | '\'' | '"' | '?' => u8::try_from(kind).unwrap_or(b'?'),
            'x' | 'X' if self.peek().is_some_and(|digit| digit.is_ascii_hexdigit()) => {
                u8::try_from(self.digits(16, 2)).unwrap_or(0)
            }
            'u' | 'U' => {
                let most = if kind == 'u' { 4 } else { 8 };
                let number = self.digits(16, most);
                let character = char::from_u32(number)
                    .ok_or_else(|| format!("`\\{kind}{number:x}` is no character"))?;
                push(bytes, character);
                return Ok(());
            }
            other => {
                return Err(format!(
                    "unknown escape `\\{other}`, expected one such as `\\n`, `\\\"`, `\\\\` or `\\x7f`"
                ));
            }
        };
        bytes.push(simple);
        Ok(())
    }

    /// A number of at most so many digits.
    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut number = 0_u32;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|digit| digit.to_digit(radix)) else {
                break;
            };
            self.take();
            number = number.saturating_mul(radix).saturating_add(digit);
        }
        number
    }
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '+')
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[Field]) -> String {
        let show = |field: &Field| {
            let value = match &field.value {
                Value::Message(fields) => format!("{{{}}}", shown(fields)),
                Value::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
                Value::Word(word) => word.clone(),
            };
            format!("{}@{}={value}", field.name, field.place)
        };
        fields.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn fields_are_read_in_every_form_that_the_language_has() {
        for (text, tree) in [
            ("", ""),
            ("# nothing\n", ""),
            ("a: 1", "a@1:1=1"),
            (
                "a:-1.5e+3,b : x;c:'y'",
                "a@1:1=-1.5e+3 b@1:11=x c@1:17=\"y\"",
            ),
            (
                "a { b: 1 } c: < d: 2 >",
                "a@1:1={b@1:5=1} c@1:12={d@1:17=2}",
            ),
            (
                "a: [1, 2]\nb [{c: 3}, {}]",
                "a@1:5=1 a@1:8=2 b@2:4={c@2:5=3} b@2:12={}",
            ),
            ("a: 'x' # and\n  \"y\"", "a@1:1=\"xy\""),
            (r#"a: "\n\101\x42\u00e9\"\\""#, "a@1:1=\"\\nABé\\\"\\\\\""),
            ("a: []", ""),
        ] {
            assert_eq!(
                parse(text).map(|fields| shown(&fields)).as_deref(),
                Ok(tree),
                "{text}"
            );
        }
    }

    #[test]
    fn what_breaks_the_rules_is_told_with_its_place() {
        for (text, said) in [
            ("a", "1:2: expected `:` or `{`, the file ends"),
            ("a 1", "1:3: expected `:` or `{`, there is `1`"),
            ("a {\n b: 1", "2:6: expected `}`, the file ends"),
            ("}", "1:1: expected the name of a field, there is `}`"),
            ("a: 'x", "1:6: expected `'` before the line ends"),
            ("a: 'x\n'", "1:6: expected `'` before the line ends"),
            (
                r"a: '\q'",
                r#"1:5: unknown escape `\q`, expected one such as `\n`, `\"`, `\\` or `\x7f`"#,
            ),
            (
                r"a: '\777'",
                r"1:5: `\777` is no byte, expected at most `\377`",
            ),
            (r"a: '\ud800'", r"1:5: `\ud800` is no character"),
            ("a: [1 2]", "1:7: expected `,` or `]`, there is `2`"),
            ("a: }", "1:4: expected a value, there is `}`"),
            (
                "[a.b] { }",
                "1:1: extensions and `Any` in brackets are not understood, expected the name of a field",
            ),
        ] {
            let Malformed { place, message } = parse(text).unwrap_err();
            assert_eq!(format!("{place}: {message}"), said, "{text}");
        }
        let deep = "a {".repeat(1000);
        assert_eq!(
            parse(&deep).unwrap_err().message,
            "expected at most 100 messages inside one another"
        );
    }
}
