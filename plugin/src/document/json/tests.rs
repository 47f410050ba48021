//! A mistake is where `serde_path_to_error` finds it, which is the measure here.

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

/// Reads a text, and finds the place of the first mistake.
fn told<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let read = |text: &[u8]| serde_json::from_slice::<T>(text);
    read(text).map_err(|error| {
        let message = message::Message::new(text, &error);
        let again = |text: &[u8]| read(text).err();
        let (place, _) = variant::find(text, &message, &again)
            .unwrap_or_else(|| (place::Place::of(text, &message, &again), message));
        format!("{}: {error}", plain(&place.path))
    })
}

/// A path as `serde_path_to_error` writes it, which quotes nothing.
fn plain(path: &[path::Segment]) -> String {
    let path = path
        .iter()
        .fold(String::new(), |path, segment| match segment {
            path::Segment::Element(index) => format!("{path}[{index}]"),
            path::Segment::Member(key) if path.is_empty() => key.clone(),
            path::Segment::Member(key) => format!("{path}.{key}"),
        });
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

/// What `serde_json` and `serde_path_to_error` say of it.
fn expected<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // `?` stands for a member whose key could not be read: the place is the object. What a variant lacks is not inside it.
        let is_within = error
            .inner()
            .to_string()
            .starts_with("invalid type: unit variant");
        let path = match path.strip_suffix('?') {
            Some(object) => object.trim_end_matches('.'),
            None if is_within => path.rsplit_once('.').map_or("", |(around, _)| around),
            None => path.as_str(),
        };
        let path = if path.is_empty() { "." } else { path };
        format!("{path}: {}", error.inner())
    })?;
    json.end().map_err(|error| format!(".: {error}"))?;
    Ok(value)
}

/// Compares the two by one text.
#[track_caller]
fn check<T: DeserializeOwned + std::fmt::Debug>(text: &[u8]) {
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
    assert_eq!(
        told.map(|value| format!("{value:?}")),
        expected.map(|value| format!("{value:?}")),
        "{}",
        String::from_utf8_lossy(text)
    );
}

#[test]
fn a_document_that_breaks_off_anywhere_is_wrong_where_serde_path_to_error_says() {
    for end in 0..=DOCUMENT.len() {
        check::<Config>(&DOCUMENT.as_bytes()[..end]);
    }
}

#[test]
fn a_document_with_any_byte_changed_is_wrong_where_serde_path_to_error_says() {
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
fn texts_and_numbers_are_wrong_where_serde_path_to_error_says() {
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
    for number in ["18446744073709551616", "-0", "1e3", "1.0"] {
        let expected = format!(
            "at `.` (line 1 column 1): {number}: expected a whole number from 0 to 18446744073709551615"
        );
        said::<u64>(number, &expected);
    }
    said::<u64>(
        "-1e400",
        "at `.` (line 1 column 1): -1e400: expected a number that can be read",
    );
}

#[test]
fn what_is_nested_too_deeply_is_not_read() {
    for depth in [100, 127, 128, 60_000] {
        let error = read::<Anything>("[".repeat(depth).as_bytes()).unwrap_err();
        let expected = if depth < 128 {
            format!(
                "(line 1 column {}): the text ends within an array: a `]` is missing",
                depth + 1
            )
        } else {
            "(line 1 column 128): arrays and objects inside each other: expected at most 127"
                .to_owned()
        };
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
}

#[test]
fn what_does_not_matter_is_read_all_the_same() {
    check::<Anything>(br#" [1, {"a": [null, true, "x", -1, 0.5]}] "#);
    for text in [r#"["\ud83d"]"#, "[1e400]", "[01]", "[1,]"] {
        check::<Anything>(text.as_bytes());
        assert!(read::<Anything>(text.as_bytes()).is_err(), "{text}");
    }
}

/// The whole line about a text that is not JSON, or not of the shape.
#[track_caller]
fn said<T: std::fmt::Debug + DeserializeOwned>(text: impl AsRef<[u8]>, expected: &str) {
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
