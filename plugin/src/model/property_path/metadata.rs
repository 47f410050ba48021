//! Metadata as Envoy keeps it (`envoy.config.core.v3.Metadata`), read for one thing: whether a value is a number.
//!
//! A property of metadata is the bytes of a text or those of a double, and does not tell which. The message around it does. Nothing is
//! read but fields of `google.protobuf.Struct` and `Value` by their numbers; the wire format is that of
//! <https://protobuf.dev/programming-guides/encoding>.

/// Whether the value that these keys lead to, from the namespace on, is a number; `None` if there is none.
pub(super) fn is_number<'k>(
    metadata: &[u8],
    keys: impl IntoIterator<Item = &'k str>,
) -> Option<bool> {
    // `Metadata.filter_metadata` and `Struct.fields` are maps with the same number.
    const MAP: u64 = 1;
    const NUMBER: u64 = 2;
    const STRUCT: u64 = 5;
    let mut keys = keys.into_iter();
    let mut fields = entry(metadata, MAP, keys.next()?)?;
    let mut value = entry(fields, MAP, keys.next()?)?;
    for key in keys {
        fields = field(value, STRUCT)?;
        value = entry(fields, MAP, key)?;
    }
    Some(field(value, NUMBER).is_some())
}

/// The value of a map's entry. The last one counts.
fn entry<'m>(message: &'m [u8], map: u64, key: &str) -> Option<&'m [u8]> {
    let entries = Fields(message).filter(|(number, _)| *number == map);
    let named = entries.filter(|(_, entry)| field(entry, 1).unwrap_or_default() == key.as_bytes());
    named.last().and_then(|(_, entry)| field(entry, 2))
}

/// The content of the field with this number. The last one counts.
fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    Fields(message)
        .filter(|(found, _)| *found == number)
        .last()
        .map(|(_, content)| content)
}

/// The numbers and contents of the fields of a message, as far as it is one.
struct Fields<'m>(&'m [u8]);

impl<'m> Iterator for Fields<'m> {
    type Item = (u64, &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let start = self.0;
        let length = match tag & 7 {
            0 => {
                self.varint()?;
                start.len().checked_sub(self.0.len())?
            }
            1 => 8,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (content, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                return Some((tag >> 3, content));
            }
            5 => 4,
            _ => return None,
        };
        let (content, rest) = start.split_at_checked(length)?;
        self.0 = rest;
        Some((tag >> 3, content))
    }
}

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0_u32..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::PropertyPath;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// A field with a length.
    fn put(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80);
        [&[number << 3 | 2, length], content].concat()
    }

    fn put_entry(key: &str, value: &[u8]) -> Vec<u8> {
        put(1, &[put(1, key.as_bytes()), put(2, value)].concat())
    }

    fn number(number: f64) -> Vec<u8> {
        [&[2 << 3 | 1], number.to_le_bytes().as_slice()].concat()
    }

    /// Two namespaces; in one of them a number, a text, a flag and an object with both.
    fn metadata() -> Vec<u8> {
        let inner = [
            put_entry("n", &number(7.0)),
            put_entry("t", &put(3, b"acmeco1C")),
        ]
        .concat();
        let claims = [
            put_entry("n", &number(4_907_547_298_194_273.0)),
            put_entry("t", &put(3, b"acmeco1C")),
            put_entry("flag", &[4 << 3, 1]),
            put_entry("in", &put(5, &inner)),
        ];
        [
            put_entry("other", &put_entry("t", &number(1.0))),
            put_entry("auth", &claims.concat()),
        ]
        .concat()
    }

    #[test]
    fn a_number_is_told_from_a_text() {
        let metadata = metadata();
        let check = |keys: &[&str], expected| {
            assert_eq!(
                is_number(&metadata, keys.iter().copied()),
                expected,
                "{keys:?}"
            )
        };
        check(&["auth", "n"], Some(true));
        check(&["auth", "t"], Some(false));
        check(&["auth", "flag"], Some(false));
        check(&["auth", "in"], Some(false));
        check(&["auth", "in", "n"], Some(true));
        check(&["auth", "in", "t"], Some(false));
        check(&["other", "t"], Some(true));
        check(&["other", "n"], None);
        check(&["nobody", "n"], None);
        check(&["auth", "t", "n"], None);
        check(&["auth"], None);
        check(&[], None);
    }

    #[test]
    fn what_breaks_off_is_no_number() {
        let metadata = metadata();
        for length in 0..metadata.len() {
            let told = is_number(&metadata[..length], ["auth", "in", "n"]);
            assert_eq!(told.filter(|_| length < metadata.len()), None, "{length}");
        }
        assert_eq!(is_number(&[0xff; 32], ["auth", "n"]), None);
        assert_eq!(
            is_number(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], ["auth", "n"]),
            None
        );
    }

    /// The text `\u0000\u0000\u0000\u0000\u0000\u0000\u001c@` is the double of 7.
    #[test]
    fn what_may_be_both_is_asked_about() {
        let texts = [b"acmeco1C", b"\0\0\0\0\0\0\x1c@"];
        let numbers = ["4907547298194273", "7"];
        for (text, number) in texts.into_iter().zip(numbers) {
            for (key, expected) in [("n", number.as_bytes()), ("t", text)] {
                let path = ["metadata", "filter_metadata", "auth", key].map(str::to_owned);
                let read = PropertyPath::new(&path).unwrap();
                let read = read.text(text, |asked| (asked == "metadata").then(metadata));
                assert_eq!(read.as_bytes(), expected);
            }
        }
        // Its bytes are no text.
        let path = ["metadata", "filter_metadata", "auth", "t"].map(str::to_owned);
        let bytes = 255_f64.to_le_bytes();
        let read = PropertyPath::new(&path).unwrap();
        assert_eq!(read.text(&bytes, |_| panic!("asked")), "255");
    }
}
