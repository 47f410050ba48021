//! JSON as operators and services write it: read strictly by `serde_json`, and every mistake told with its place.
//!
//! `serde_json` says at which line and column a mistake is, not in which member. `serde_path_to_error` does, at the price of a second
//! copy of all code that reads: only once something is wrong, a `Scanner` walks the text as far as `serde_json` came, and
//! keeps the keys and indexes around the place. A test compares the two over thousands of broken configurations.
//!
//! What is said about a mistake is not said in serde's words, which name types of Rust, but in those of JSON: see [`Mistake`].
//!
//! It is stricter than serde in one point: a struct is an object, never an array of its members' values (see `objects!`).

mod anything;
mod message;
mod mistake;
mod object;
mod path;
mod place;
mod scanner;
mod variant;

use std::borrow::Cow;

use serde::de::DeserializeOwned;

pub(crate) use anything::Anything;
pub use mistake::Mistake;
pub(crate) use object::{Object, objects};
pub use path::{Position, member};

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
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Mistake> {
    let read = |text: &[u8]| serde_json::from_slice::<T>(text);
    read(text).map_err(|error| Mistake::new(text, &error, &|text| read(text).err()))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
