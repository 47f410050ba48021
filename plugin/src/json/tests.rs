//! The reader says of every text what `serde_json` with `serde_path_to_error` says, which are the measure here.

use serde::{Deserialize, de::IgnoredAny};

use super::*;
use crate::config::Config;

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
    read(text).map_err(|error| format!("{}: {error}", error.path()))
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
            .map_err(|error| format!("{}: {error}", error.path()))
    };
    assert_eq!(
        read(r#"{"x": [{"a": 2}], "a": 1, "b": {"c": null}, "y": null}"#),
        Ok((1, Some(None)))
    );
    assert_eq!(read(r#"{"a": 1, "b": null}"#), Ok((1, None)));
    assert_eq!(
        read(r#"{"a": null}"#),
        Err(".: missing field `a`".to_owned())
    );
    assert_eq!(
        read(r#"{"a": 1, "b": {"d": null}}"#),
        Err("b.d: unknown field `d`, expected `c`".to_owned())
    );
    assert_eq!(
        read(r#"{"a": 1} x"#),
        Err(".: trailing characters at line 1 column 10".to_owned())
    );
}

#[test]
fn what_does_not_matter_is_read_all_the_same() {
    check::<IgnoredAny>(br#" [1, {"a": [null, true, "x"]}] "#);
}
