//! JSON as operators and services write it: read strictly, and every mistake told with its place.
//!
//! The shapes are serde's. What reads the text is not `serde_json`, although it accepts the same texts and finds the same wrong with the
//! others (a test compares the two over thousands of broken configurations): `serde_json` does not know in which member a mistake is.
//! `serde_path_to_error` around it does, but has every visitor compiled twice, generically over a deserializer that is generic itself.
//! That was a third of the module's code, and Envoy compiles all of it before it takes the first call. Here everything that depends on
//! the text is compiled once, in `Reader`, and what depends on a type is a few instructions.
//!
//! What is said about a mistake is not said in serde's words, which name types of Rust, but in those of JSON: see [`Mistake`].
//!
//! It is stricter in one point: a struct is an object, never an array of its members' values.

mod de;
mod error;
mod mistake;
mod path;
mod reader;

use std::borrow::Cow;

use serde::Deserialize;

pub use error::Error;
pub use mistake::Mistake;
pub use path::{Position, member};
pub(crate) use reader::{Kind, Reader};

/// The most of a value that is shown, in bytes.
const MOST_SHOWN: usize = 200;

/// As much of a text as is shown of a value.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST_SHOWN {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(MOST_SHOWN);
    let shown = text.get(..end).unwrap_or_default();
    Cow::Owned(format!("{shown}…"))
}

/// The text as one line: a key may hold line ends, which would let it write lines of its own into a log.
#[cold]
pub(crate) fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Reads a whole document.
///
/// # Errors
/// When the text is not JSON of this shape, to the end.
pub fn read<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Mistake> {
    read_raw(text).map_err(|error| Mistake::new(text, error))
}

fn read_raw<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    let start = reader.next_start();
    let value = T::deserialize(&mut reader).map_err(|error| error.starting(start))?;
    reader.end()?;
    Ok(value)
}

/// Reads an object of which only `members` mean something: others are passed over, and so are members that are null.
///
/// # Errors
/// When the text is not JSON to the end, or these members are not of this shape.
pub fn read_members<'de, T: Deserialize<'de>>(
    text: &'de [u8],
    members: &'static [&'static str],
) -> Result<T, Mistake> {
    let read = || {
        let mut reader = Reader::new(text);
        reader.pass_over()?;
        reader.end()?;
        let mut reader = Reader::new(text).only(members);
        let start = reader.next_start();
        T::deserialize(&mut reader).map_err(|error| error.starting(start))
    };
    read().map_err(|error| Mistake::new(text, error))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
