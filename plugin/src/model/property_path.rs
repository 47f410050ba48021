//! Properties: where the host finds what an authentication filter has stated about a call.

mod metadata;

use std::borrow::Cow;

use crate::model::header_map;

/// The path of a Proxy-Wasm property.
///
/// A header is read as the property `request.headers.<name>`, because Envoy joins the values of a header that is given twice there,
/// while the header hostcall returns the first alone: a client that states two organizations must not choose which of them pays.
///
/// Invariant: at least one segment, none empty and none with a NUL, which separates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyPath {
    path: String,
    encoding: Encoding,
}

/// What the bytes of a property are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Text.
    Text,
    /// A whole number in eight bytes, little endian.
    Integer,
    /// Text, or a number as the eight bytes of a double: a value of a `google.protobuf.Struct`, as metadata and the claims of a token
    /// are.
    Json,
}

/// Envoy's attributes that are whole numbers (Envoy, "Attributes"; `source/extensions/filters/common/expr/context.cc`). Times and
/// durations are such numbers too, of nanoseconds.
const INTEGERS: [&str; 16] = [
    "connection\0id",
    "connection_id",
    "destination\0port",
    "listener_direction",
    "request\0duration",
    "request\0size",
    "request\0time",
    "request\0total_size",
    "response\0backend_latency",
    "response\0code",
    "response\0flags",
    "response\0grpc_status",
    "response\0size",
    "response\0total_size",
    "source\0port",
    "upstream\0port",
];

impl PropertyPath {
    /// The property at `path`, `None` if the path is empty or one of its segments is or holds a NUL.
    #[must_use]
    pub fn new(path: &[String]) -> Option<Self> {
        let usable = |segment: &String| !segment.is_empty() && !segment.contains('\0');
        if path.is_empty() || !path.iter().all(usable) {
            return None;
        }
        // `metadata`, and what `xds` has of clusters, routes, listeners and hosts.
        let is_struct = path.iter().any(|segment| segment == "filter_metadata");
        let path = path.join("\0");
        let encoding = if INTEGERS.contains(&path.as_str()) {
            Encoding::Integer
        } else if is_struct && !path.starts_with("request\0") {
            Encoding::Json
        } else {
            Encoding::Text
        };
        Some(Self { path, encoding })
    }

    /// The header field whose values the property holds, if it is one of the request's, in the lower case of header maps.
    #[must_use]
    #[inline]
    pub fn header(&self) -> Option<&str> {
        let name = self.path.strip_prefix("request\0headers\0")?;
        let plain = |b: u8| b != 0 && !b.is_ascii_uppercase();
        name.bytes().all(plain).then_some(name)
    }

    /// The path as hosts read it, with NUL between the segments.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// A value of the property as text. `ask` is the host's answer about another property.
    ///
    /// Eight bytes of metadata may be a text or a whole number. If they may be both, the host is asked which; where it does not tell,
    /// what is printable is a text: no number of up to 15 digits is. 2^53 is no number: a double of this value may have been 2^53 + 1,
    /// and so another organization's id.
    #[must_use]
    pub fn text<'a>(
        &self,
        value: &'a [u8],
        ask: impl FnOnce(&str) -> Option<Vec<u8>>,
    ) -> Cow<'a, str> {
        match (self.encoding, <[u8; 8]>::try_from(value)) {
            (Encoding::Integer, Ok(bytes)) => i64::from_le_bytes(bytes).to_string().into(),
            (Encoding::Json, Ok(bytes)) => match whole(bytes) {
                Some(number) if self.is_number(&bytes, ask) => number.to_string().into(),
                _ => header_map::short_text(value),
            },
            _ => header_map::short_text(value),
        }
    }

    /// The values of the property as texts: of a list in metadata, its elements; what is true or false as `true` or `false`. `ask` is the
    /// host's answer about another property.
    ///
    /// A list comes as a header map whose names are its elements (Envoy, `serializeValue`), and so with a NUL in its first bytes, as no
    /// text has.
    #[must_use]
    pub fn texts(&self, value: &[u8], ask: impl FnOnce(&str) -> Option<Vec<u8>>) -> Vec<String> {
        match (self.encoding, value) {
            (Encoding::Json, [0]) => vec!["false".to_owned()],
            (Encoding::Json, [1]) => vec!["true".to_owned()],
            (Encoding::Json, [_, _, _, 0, ..]) if value.len() > 8 => {
                header_map::HeaderMap::new(value.to_vec()).names()
            }
            _ => vec![self.text(value, ask).into_owned()],
        }
    }

    /// Whether the bytes of a whole number are one in metadata.
    fn is_number(&self, bytes: &[u8], ask: impl FnOnce(&str) -> Option<Vec<u8>>) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return true;
        };
        let split = self.path.split_once("\0filter_metadata\0");
        let told =
            split.and_then(|(message, keys)| metadata::is_number(&ask(message)?, keys.split('\0')));
        told.unwrap_or_else(|| text.contains(char::is_control))
    }
}

/// The number that a double is, if it is a whole one that no other number can have become.
fn whole(bytes: [u8; 8]) -> Option<u64> {
    const MOST: f64 = 9_007_199_254_740_991.0;
    let number = f64::from_le_bytes(bytes);
    let is_whole = number == 0.0 || (number.fract() == 0.0 && (1.0..=MOST).contains(&number));
    // A whole number needs no code that prints fractions (15 KB of it).
    is_whole.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn property(path: &[&str]) -> PropertyPath {
        let segments: Vec<_> = path.iter().map(|&segment| segment.to_owned()).collect();
        PropertyPath::new(&segments).unwrap()
    }

    fn claim() -> PropertyPath {
        property(&[
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            "payload",
            "org",
        ])
    }

    fn header() -> PropertyPath {
        property(&["request", "headers", "orgid"])
    }

    /// What no double is that is a whole number: an id of eight characters is text wherever it is stated.
    const PLAIN: [&str; 7] = [
        "12345678", "acme-org", "00000000", "zzzzzzzz", "7", "Standard", "99999999",
    ];

    #[test]
    fn a_number_in_a_token_is_read_as_one() {
        for number in [0.0, 1.0, 7.0, 12.0, 2_389_290.0, 9_007_199_254_740_991.0] {
            let bytes = f64::to_le_bytes(number);
            assert_eq!(claim().text(&bytes, |_| None), format!("{number}"));
            // Not where there are no numbers.
            assert_eq!(
                header().text(&bytes, |_| None),
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    #[test]
    fn eight_characters_are_a_text() {
        for plain in PLAIN {
            for path in [claim(), header()] {
                assert_eq!(path.text(plain.as_bytes(), |_| None), plain);
            }
        }
    }

    /// Wherever somebody may be named, by a text or by a text or number.
    fn places() -> [PropertyPath; 7] {
        [
            claim(),
            header(),
            property(&["filter_state", "org"]),
            property(&["xds", "route_metadata", "filter_metadata", "auth", "org"]),
            property(&["request", "headers", "filter_metadata"]),
            property(&["connection", "subject_peer_certificate"]),
            property(&["wasm", "org"]),
        ]
    }

    /// Whether eight bytes are a whole number up to 2^53, for which a double has all digits.
    fn is_whole(bytes: [u8; 8]) -> bool {
        let number = f64::from_le_bytes(bytes);
        number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number)
    }

    #[track_caller]
    fn is_text_everywhere(bytes: [u8; 8]) {
        let text = std::str::from_utf8(&bytes).unwrap();
        for path in places() {
            assert_eq!(
                path.text(&bytes, |_| None),
                text,
                "{bytes:x?} in {}",
                path.as_str()
            );
        }
    }

    /// The last two characters are the exponent, and the first one has the lowest bits: with all values of these three, and of each other
    /// one with each of them, every form is there that eight visible characters have as a double. Those that are whole numbers end in
    /// 0x21 to 0x3f and `C`.
    #[test]
    fn eight_visible_characters_are_no_number_anywhere() {
        let visible = || b'!'..=b'~';
        let mut endings = std::collections::BTreeSet::new();
        for last in visible() {
            for seventh in visible() {
                for lowest in visible() {
                    for others in [*b"!!!!!", *b"aaaaa", *b"00000", *b"~~~~~", *b"EADBE"] {
                        let [a, b, c, d, e] = others;
                        let bytes = [lowest, a, b, c, d, e, seventh, last];
                        if is_whole(bytes) {
                            endings.insert((last, seventh));
                            is_text_everywhere(bytes);
                        } else {
                            assert_eq!(claim().text(&bytes, |_| None).as_bytes(), bytes);
                        }
                    }
                }
            }
        }
        let whole: Vec<_> = (b'!'..=b'?').map(|seventh| (b'C', seventh)).collect();
        assert!(endings.into_iter().eq(whole));
        for seventh in *b"!0?" {
            for place in 0..6 {
                for other in place..6 {
                    for (one, two) in visible().flat_map(|one| visible().map(move |two| (one, two)))
                    {
                        let mut bytes = [b'a', b'c', b'm', b'e', b'c', b'o', seventh, b'C'];
                        bytes[place] = one;
                        bytes[other] = two;
                        assert_eq!(claim().text(&bytes, |_| None).as_bytes(), bytes);
                    }
                }
            }
        }
        for id in ["DEADBE0C", "acmeco1C"] {
            assert!(is_whole(id.as_bytes().try_into().unwrap()));
            is_text_everywhere(id.as_bytes().try_into().unwrap());
        }
    }

    /// Blanks and letters of other scripts are no ids, and no numbers either: who is called `Zoë 12C` is nobody, and not another one.
    #[test]
    fn eight_bytes_of_any_printable_text_are_no_number() {
        let letters = [
            "\u{a0}",
            "é",
            "\u{7ff}",
            "\u{800}",
            "水",
            "\u{ffff}",
            "\u{10000}",
            "🦀",
            "\u{10ffff}",
            " ",
            "a",
        ];
        let mut whole = 0_u32;
        for first in letters {
            for second in letters {
                for third in letters {
                    for seventh in ' '..='?' {
                        let mut text = format!("{first}{second}{third}");
                        if text.len() > 6 {
                            continue;
                        }
                        text.push_str(&"x".repeat(6 - text.len()));
                        let text = format!("{text}{seventh}C");
                        let bytes: [u8; 8] = text.as_bytes().try_into().unwrap();
                        whole += u32::from(is_whole(bytes));
                        is_text_everywhere(bytes);
                    }
                }
            }
        }
        assert!(whole > 5_000, "{whole}");
    }

    /// Numbers of up to 15 digits have bytes that are not printable, whichever they are: those of their lowest bits are NULs, or else the
    /// seventh is a control character or none of UTF-8.
    #[test]
    fn every_number_below_2_to_the_51_is_read() {
        let check = |number: u64| {
            let bytes = (number as f64).to_le_bytes();
            assert_eq!(claim().text(&bytes, |_| None), number.to_string());
        };
        (0..200_000).for_each(check);
        for exponent in 0..51_u32 {
            let lowest = 1_u64 << exponent;
            // The bits below the highest one: each pair of bytes, with all bits and none in the others.
            for (high, low) in (0..=255_u64)
                .flat_map(|high| [0, 1, 0x20, 0x41, 0x7e, 0x80, 0xc3, 0xff].map(|low| (high, low)))
            {
                for shift in 0..6 {
                    for others in [0, u64::MAX] {
                        let bits = ((high << 8) | low) << (8 * shift);
                        let mask = 0xffff_u64 << (8 * shift);
                        check(lowest | ((bits | (others & !mask)) & (lowest - 1)));
                    }
                }
            }
        }
    }

    /// Two ids that a double cannot tell apart are none.
    #[test]
    fn a_number_that_stands_for_several_is_not_read() {
        let read = |number: f64| claim().text(&number.to_le_bytes(), |_| None).into_owned();
        assert_eq!(read(9_007_199_254_740_991.0), "9007199254740991");
        for odd in [
            9_007_199_254_740_992.0,
            9_007_199_254_740_994.0,
            1e300,
            -1.0,
            1.5,
            0.1,
            f64::NAN,
            f64::INFINITY,
        ] {
            assert!(
                !crate::model::organization::OrganizationId::is_valid(&read(odd)),
                "{odd}"
            );
        }
        assert_eq!(read(-0.0), "0");
    }

    #[test]
    fn an_attribute_that_is_a_number_is_read_as_one() {
        for path in [
            ["source", "port"],
            ["connection", "id"],
            ["request", "size"],
        ] {
            let text = property(&path)
                .text(&443_i64.to_le_bytes(), |_| None)
                .into_owned();
            assert_eq!(text, "443");
        }
        let port = property(&["source", "port"]);
        assert_eq!(
            port.text(b"DEADBE0C", |_| None),
            i64::from_le_bytes(*b"DEADBE0C").to_string()
        );
    }

    #[test]
    fn a_path_has_segments() {
        let path = |segments: &[&str]| {
            let segments: Vec<_> = segments.iter().map(|&segment| segment.to_owned()).collect();
            PropertyPath::new(&segments).map(|path| path.as_str().to_owned())
        };
        assert_eq!(
            path(&["request", "headers", "orgid"]).as_deref(),
            Some("request\0headers\0orgid")
        );
        let header = |segments: &[&str]| {
            let segments: Vec<_> = segments.iter().map(|&segment| segment.to_owned()).collect();
            PropertyPath::new(&segments)?.header().map(str::to_owned)
        };
        assert_eq!(
            header(&["request", "headers", "orgid"]).as_deref(),
            Some("orgid")
        );
        assert_eq!(header(&["request", "headers", "orgId"]), None);
        assert_eq!(header(&["request", "headers"]), None);
        assert_eq!(header(&["request", "headers", "a", "b"]), None);
        assert_eq!(header(&["metadata", "headers", "a"]), None);
        assert_eq!(path(&[]), None);
        assert_eq!(path(&["a", ""]), None);
        assert_eq!(path(&["a\0b"]), None);
    }
}
