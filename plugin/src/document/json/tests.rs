//! The reader says of every text what `serde_json` with `serde_path_to_error` says, which are the measure here.

use serde::{Deserialize, de::IgnoredAny};

use super::*;
use crate::{config::Config, document::unique_map::UniqueMap};

/// Something of every shape that a configuration has.
const DOCUMENT: &str = r#"{
  "identity": {"property": ["metadata", "filter_metadata", "jwt\u00e9\n\ud83d\ude00"]},
  "day": {"time_zone": "America/Los_Angeles", "starts_at": "00:00"},
  "editions": {"Free": {"base": 5000, "concurrency": 5, "legacy_limit": {"per_agent": 1, "min": 2, "max": 7}, "paid": false}},
  "organizations": {"7": {"edition": "Free", "agents": 12, "additional": 0, "legacy_limit": 10, "data_center": null}, "8": {"edition": "Free"}},
  "strangers": {"share": {"edition": "Free"}},
  "anonymous": "allow",
  "transition": {"completed_on": "2025-10-30"},
  "response_headers": {"cost": null, "remaining": "X-Left"},
  "refunds": {"statuses": [502, 503], "no_response": true},
  "enforcement": "shadow",
  "warnings": {"at_percent": [50, 100]},
  "costs": {"default": 1, "body": {"too_large": {"charge": 500}}, "rules": [
    {"name": "list", "operations": ["GET /a"], "when": {"include": "*"}, "cost": {"tiers": {"query": "from", "steps": [{"up_to": 1, "credits": 3}], "beyond": 9}}},
    {"name": "bulk", "operations": [], "cost": {"per_record": {"arrays": ["/ids"], "credits": 6, "records": 2}}}
  ]}
}"#;

/// What the reader says of a text.
fn told<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, String> {
    read_raw(text).map_err(|error| {
        let words = error.to_string();
        format!("{}: {words}", plain(error))
    })
}

/// The path of an error as `serde_path_to_error` writes it, which quotes nothing.
fn plain(error: Error) -> String {
    let segments = error.into_details().path.into_iter().rev();
    let path = segments.fold(String::new(), |path, segment| match segment {
        path::Segment::Element(index) => format!("{path}[{index}]"),
        path::Segment::Member(key) if path.is_empty() => key,
        path::Segment::Member(key) => format!("{path}.{key}"),
    });
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

/// What `serde_json` says of it.
fn expected<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // `?` stands for a member whose key could not be read: the place is the object.
        let path = error.path().to_string();
        let path = path
            .strip_suffix('?')
            .map_or(path.as_str(), |object| object.trim_end_matches('.'));
        let path = if path.is_empty() { "." } else { path };
        format!("{path}: {}", error.inner())
    })?;
    json.end().map_err(|error| format!(".: {error}"))?;
    Ok(value)
}

/// The same without the number that is not whole: `serde_json` writes it anew.
fn fraction(told: &str) -> String {
    let Some((before, rest)) = told.split_once("floating point `") else {
        return told.to_owned();
    };
    let (_, after) = rest.split_once('`').unwrap();
    format!("{before}floating point{after}")
}

/// Compares the two by one text.
#[track_caller]
fn check<'de, T: Deserialize<'de> + std::fmt::Debug>(text: &'de [u8]) {
    if let Err(mistake) = read::<T>(text) {
        // What is before is the text's.
        let (_, expected) = mistake.what.rsplit_once(": ").unwrap_or_default();
        for word in [
            "struct", "variant", "sequence", "map,", "u8", "u16", "u32", "u64", "field", "EOF",
        ] {
            assert!(!expected.contains(word), "{mistake}");
        }
        let lines = text.split(|byte| *byte == b'\n').count();
        assert!(
            mistake.position.line <= lines && mistake.position.column <= text.len() + 1,
            "{mistake}"
        );
    }
    let (told, expected) = (told::<T>(text), expected::<T>(text));
    if matches!(&told, Err(told) if told.contains("invalid type: sequence, expected struct")) {
        return;
    }
    let text = String::from_utf8_lossy(text);
    match (told, expected) {
        (Err(told), Err(expected)) => assert_eq!(fraction(&told), fraction(&expected), "{text}"),
        (Ok(told), Ok(expected)) => {
            assert_eq!(format!("{told:?}"), format!("{expected:?}"), "{text}");
        }
        (told, expected) => panic!("{told:?}, expected {expected:?}: {text}"),
    }
}

#[test]
fn a_document_that_breaks_off_anywhere_is_told_as_serde_json_does() {
    for end in 0..=DOCUMENT.len() {
        check::<Config>(&DOCUMENT.as_bytes()[..end]);
    }
}

#[test]
fn a_document_with_any_byte_changed_is_told_as_serde_json_does() {
    let mut text = DOCUMENT.as_bytes().to_vec();
    for index in 0..text.len() {
        let byte = text[index];
        for other in *b"{}[],:\"\\u0-9tn \n\x01\xff" {
            text[index] = other;
            check::<Config>(&text);
        }
        text[index] = byte;
    }
}

#[test]
fn texts_and_numbers_are_read_as_serde_json_does() {
    for text in [
        r#""""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0041\u00e9\u20ac\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ud83d\u0041""#,
        r#""\ude00""#,
        r#""\u12g4""#,
        r#""\u12"#,
        r#""\x""#,
        r#""\"#,
        "\"\t\"",
        "\"\u{7f}é\"",
    ] {
        check::<String>(text.as_bytes());
    }
    for text in [
        "0",
        "7",
        " 18446744073709551615 ",
        "-1",
        "-9223372036854775808",
        "01",
        "-",
        "-x",
        "1.",
        "1.x",
        "1e",
        "1ex",
        "1e+",
        "0.5",
        "1.25",
        "+1",
        "NaN",
        "\"1\"",
        "null",
        "true",
        "tru",
        "trux",
        "[1]",
        "{}",
    ] {
        check::<u64>(text.as_bytes());
    }
}

#[test]
fn a_number_that_is_not_whole_is_told_as_it_is_written() {
    for (text, written) in [
        ("18446744073709551616", "18446744073709551616"),
        ("-0", "-0"),
        ("1e3", "1e3"),
    ] {
        let error = told::<u64>(text.as_bytes()).unwrap_err();
        let column = text.len();
        assert_eq!(
            error,
            format!(
                ".: invalid type: floating point `{written}`, expected u64 at line 1 column {column}"
            )
        );
    }
}

#[test]
fn what_is_nested_too_deeply_is_not_read() {
    for depth in [100, 127, 128, 60_000] {
        let text = "[".repeat(depth);
        let error = Reader::new(text.as_bytes()).pass_over().unwrap_err();
        let expected = if depth < 128 {
            format!("EOF while parsing a list at line 1 column {depth}")
        } else {
            "recursion limit exceeded at line 1 column 128".to_owned()
        };
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_struct_is_no_array() {
    assert_eq!(
        told::<Config>(b"[]").unwrap_err(),
        ".: invalid type: sequence, expected struct Config at line 1 column 0"
    );
}

#[test]
fn members_that_mean_nothing_are_passed_over() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Meant {
        a: u64,
        #[serde(default)]
        b: Option<Inner>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        c: Option<u64>,
    }
    let read = |text: &'static str| {
        read_members::<Meant>(text.as_bytes(), &["a", "b"])
            .map(|meant| (meant.a, meant.b.map(|inner| inner.c)))
            .map_err(|mistake| mistake.to_string())
    };
    assert_eq!(
        read(r#"{"x": [{"a": 2}], "a": 1, "b": {"c": null}, "y": null}"#),
        Ok((1, Some(None)))
    );
    assert_eq!(read(r#"{"a": 1, "b": null}"#), Ok((1, None)));
    assert_eq!(
        read(r#"{"a": null}"#),
        Err("at `.` (line 1 column 1): the key `a` is missing".to_owned())
    );
    assert_eq!(
        read(r#"{"a": 1, "b": {"d": null}}"#),
        Err("at `b.d` (line 1 column 16): unknown key `d`: expected `c`".to_owned())
    );
    assert_eq!(
        read(r#"{"a": 1} x"#),
        Err(
            "at `.` (line 1 column 10): `x` after the end of the document: expected nothing more"
                .to_owned()
        )
    );
}

#[test]
fn what_does_not_matter_is_read_all_the_same() {
    check::<IgnoredAny>(br#" [1, {"a": [null, true, "x"]}] "#);
}

/// The whole line about a text that is not JSON, or not of the shape.
#[track_caller]
fn said<T: std::fmt::Debug + for<'de> Deserialize<'de>>(text: impl AsRef<[u8]>, expected: &str) {
    let text = text.as_ref();
    let mistake = read::<T>(text).unwrap_err();
    assert_eq!(
        mistake.to_string(),
        expected,
        "{}",
        String::from_utf8_lossy(text)
    );
}

#[test]
fn what_json_does_not_have_is_named() {
    let comment = "a comment, and JSON has no comments: remove it";
    for (text, place) in [
        ("{\n  // days\n  \"day\": {}\n}", "at `.` (line 2 column 3)"),
        ("{\"day\": /* UTC */ {}}", "at `day` (line 1 column 9)"),
        ("# mine\n{}", "at `.` (line 1 column 1)"),
        ("{\"day\": {}, // UTC\n}", "at `.` (line 1 column 13)"),
        ("{\"day\": {} # UTC\n}", "at `.` (line 1 column 12)"),
    ] {
        said::<Config>(text, &format!("{place}: {comment}"));
    }
    said::<UniqueMap<String, u64>>(
        "{}\n// end",
        &format!("at `.` (line 2 column 1): {comment}"),
    );
    let comma = "a comma with nothing behind it, and JSON has no trailing commas: remove it";
    said::<Vec<u64>>("[1,\n 2,\n]", &format!("at `.` (line 2 column 3): {comma}"));
    said::<Config>(
        "{\"day\": {},\n}",
        &format!("at `.` (line 1 column 11): {comma}"),
    );
    for (text, expected) in [
        (
            &b"\xef\xbb\xbf{}"[..],
            "at `.` (line 1 column 1): a byte order mark: save the file as UTF-8 without one",
        ),
        (
            b"",
            "at `.` (line 1 column 1): the text is empty: expected an object",
        ),
        (
            b"{'day': 1}",
            "at `.` (line 1 column 2): `'`: expected a key in double quotes",
        ),
        (
            b"{day: 1}",
            "at `.` (line 1 column 2): `day`: expected a key in double quotes",
        ),
        (
            b"{\"day\" 1}",
            "at `.` (line 1 column 8): `1`: expected `:`",
        ),
        (
            b"{\"day\": {} \"usage\": 1}",
            "at `.` (line 1 column 12): `\"`: expected `,` or `}`",
        ),
        (
            b"{\"usage\": None}",
            "at `usage` (line 1 column 11): `None`: expected a value (text is in double quotes)",
        ),
        (
            b"{\"usage\": 'x'}",
            "at `usage` (line 1 column 11): `'`: expected a value (JSON strings are in double quotes)",
        ),
        (
            b"{\"namespace\": \"a",
            "at `namespace` (line 1 column 17): the text ends within a string: a `\"` is missing",
        ),
        (
            b"{\"namespace\": \"a\n\"",
            "at `namespace` (line 1 column 17): a line break or another control character in a string: write it as an escape such as `\\n`",
        ),
        (
            b"{\"namespace\": \"\\d\"}",
            "at `namespace` (line 1 column 17): an escape that JSON does not have: a backslash itself is `\\\\`",
        ),
        (
            b"{\"namespace\": \"\xff\"}",
            "at `namespace` (line 1 column 16): not UTF-8",
        ),
    ] {
        said::<Config>(text, expected);
    }
}

#[test]
fn a_value_of_another_shape_is_named_as_json_does() {
    for (text, expected) in [
        (
            "[]",
            "at `.` (line 1 column 1): []: expected an object such as {\"namespace\": …}",
        ),
        (
            "{\"day\": \"UTC\"}",
            "at `day` (line 1 column 9): \"UTC\": expected an object such as {\"time_zone\": …}",
        ),
        (
            "{\"identity\": \"header\"}",
            "at `identity` (line 1 column 14): \"header\": expected an object such as {\"header\": …}",
        ),
        (
            "{\"identity\": \"orgId\"}",
            "at `identity` (line 1 column 14): \"orgId\": expected `header` or `property`",
        ),
        (
            "{\"identity\": 7}",
            "at `identity` (line 1 column 14): 7: expected `header` or `property`",
        ),
        (
            "{\"identity\": {}}",
            "at `identity` (line 1 column 14): {}: expected `header` or `property`",
        ),
        (
            "{\"identity\": {\"heeder\": \"a\"}}",
            "at `identity` (line 1 column 15): \"heeder\": did you mean `header`? expected `header` or `property`",
        ),
        (
            "{\"identity\": {\"header\": \"a\", \"property\": []}}",
            "at `identity` (line 1 column 14): more than one key: expected exactly one",
        ),
        (
            "{\"identity\": {\"property\": \"a\"}}",
            "at `identity.property` (line 1 column 27): \"a\": expected an array",
        ),
        (
            "{\"identity\": {\"property\": [1]}}",
            "at `identity.property[0]` (line 1 column 28): 1: expected a string",
        ),
        (
            "{\"anonymous\": {\"allow\": {}}}",
            "at `anonymous.allow` (line 1 column 25): {}: expected nothing but the name itself, as a string",
        ),
        (
            "{\"data_centers\": []}",
            "at `data_centers` (line 1 column 18): []: expected an object",
        ),
        (
            "{\"refunds\": {\"statuses\": [503, 70000]}}",
            "at `refunds.statuses[1]` (line 1 column 32): 70000: expected a whole number from 0 to 65535",
        ),
        (
            "{\"refunds\": {\"no_response\": \"no\"}}",
            "at `refunds.no_response` (line 1 column 29): \"no\": expected `true` or `false`",
        ),
        (
            "{\"day\": {}, \"day\": {}}",
            "at `.` (line 1 column 13): key `day` given twice: expected once",
        ),
        (
            "{\"engine\": {\"transport\": {\"resp\": {\"cluster\": \"e\", \"password\": 12345}}}}",
            "at `engine.transport.resp.password` (line 1 column 64): (not shown): expected a string",
        ),
    ] {
        said::<Config>(text, expected);
    }
}

#[test]
fn of_a_value_two_hundred_bytes_are_shown() {
    let long = "é".repeat(1_000);
    let mistake = read::<u64>(format!("{long:?}").as_bytes()).unwrap_err();
    let shown = mistake
        .what
        .strip_suffix("…: expected a whole number from 0 to 18446744073709551615")
        .unwrap();
    assert_eq!(shown, format!("\"{}", "é".repeat(99)));
    let key = format!("{{\"{long}\": 1}}");
    let mistake = read::<Config>(key.as_bytes()).unwrap_err();
    assert!(
        mistake.path.len() < 220 && mistake.what.len() < 700,
        "{mistake}"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>) {
        check::<Config>(&text);
    }

    #[test]
    fn anything_like_json_is_read_or_refused(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "{", "}", "[", "]", ":", ",", "\"", "\\", "u00e9", "//", "#", "null", "true", "-1", "0.5e9", "\"day\"", "\"costs\"",
        "\"rules\"", "\"identity\"", "\"header\"", " ", "\n", "é",
    ]), 0..40)) {
        check::<Config>(pieces.concat().as_bytes());
    }
}
