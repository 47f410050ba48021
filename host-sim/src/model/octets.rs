//! Bytes of headers that are no UTF-8, in texts.
//!
//! Values of headers are bytes to Envoy, and nearly always ASCII. Here they are texts, in which a byte that is no part of any UTF-8 is written
//! as a character of a private plane, so that it comes out as it went in: 0x80 as U+10FF80, 0xFF as U+10FFFF.

use std::borrow::Cow;

/// What is added to a byte.
const PLANE: u32 = 0x10_ff00;

/// The first byte of every such character in UTF-8.
const MARK: u8 = 0xf4;

/// Bytes as a text, from which [`bytes`] makes the same bytes again.
///
/// ```
/// use host_sim::target::octets;
///
/// assert_eq!(octets::text("café".as_bytes()), "café");
/// assert_eq!(octets::text(b"caf\xe9"), "caf\u{10ffe9}");
/// assert_eq!(*octets::bytes("caf\u{10ffe9}"), *b"caf\xe9");
/// ```
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !bytes.contains(&MARK)
    {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    let escaped = |byte: &u8| char::from_u32(PLANE.saturating_add(u32::from(*byte)));
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if octet(character).is_some() {
                let mut place = [0; 4];
                let bytes = character.encode_utf8(&mut place).bytes();
                text.extend(bytes.filter_map(|byte| escaped(&byte)));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().filter_map(escaped));
    }
    text
}

/// The bytes that a text stands for.
#[must_use]
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&MARK) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match octet(character) {
            Some(octet) => bytes.push(octet),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The byte that a character stands for.
fn octet(character: char) -> Option<u8> {
    let octet = u32::from(character).checked_sub(PLANE)?;
    u8::try_from(octet).ok().filter(|octet| !octet.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_out_as_they_went_in() {
        let every: Vec<_> = (0..=u8::MAX).collect();
        for case in [
            &every[..],
            b"",
            "\u{10ffe9} \u{10fffe} \u{1f600} é".as_bytes(),
        ] {
            assert_eq!(*bytes(&text(case)), *case);
        }
    }
}
