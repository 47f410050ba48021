//! JSON as operators and services write it: read strictly, and every mistake told with its place.
//!
//! The shapes are serde's. What reads the text is not `serde_json`, although it accepts the same texts and says the same about the
//! others (a test compares the two over thousands of broken configurations): `serde_json` does not know in which member a mistake is.
//! `serde_path_to_error` around it does, but has every visitor compiled twice, generically over a deserializer that is generic itself.
//! That was a third of the module's code, and Envoy compiles all of it before it takes the first call. Here everything that depends on
//! the text is compiled once, in `Reader`, and what depends on a type is a few instructions.
//!
//! It is stricter in one point: a struct is an object, never an array of its members' values.

mod de;
mod error;
mod reader;

use serde::Deserialize;

pub use error::Error;
pub(crate) use reader::{Kind, Reader};

/// Reads a whole document.
///
/// # Errors
/// When the text is not JSON of this shape, to the end.
pub fn read<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads an object of which only `members` mean something: others are passed over, and so are members that are null.
///
/// # Errors
/// When the text is not JSON to the end, or these members are not of this shape; for these, without line and column.
pub fn read_members<'de, T: Deserialize<'de>>(
    text: &'de [u8],
    members: &'static [&'static str],
) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    reader.pass_over()?;
    reader.end()?;
    T::deserialize(&mut Reader::new(text).only(members)).map_err(Error::without_position)
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
