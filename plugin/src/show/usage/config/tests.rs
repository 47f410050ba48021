//! Configurations that are accepted, and the whole texts of those that are not.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The error of a configuration, with its place.
#[track_caller]
fn error<'de, T: Deserialize<'de> + std::fmt::Debug>(json: &'de str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).unwrap_err();
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _position)) => text.to_owned(),
        None => text,
    }
}

#[test]
fn everything_has_a_default() {
    let usage: UsageConfig = serde_json::from_str("{}").unwrap();
    assert_eq!(usage.path.as_str(), "/.well-known/api-credits");
    assert_eq!(usage.title, None);
    let warnings: WarningsConfig = serde_json::from_str("{}").unwrap();
    let percents: Vec<_> = warnings
        .at_percent
        .iter()
        .map(|threshold| threshold.percent())
        .collect();
    assert_eq!(percents, [50, 80, 90, 100]);
}

#[test]
fn a_path_means_the_same_to_everybody() {
    for path in ["/usage", "/.well-known/api-credits", "/a/b;c=d/~e"] {
        assert!(UsagePath::try_from(path.to_owned()).is_ok(), "{path}");
    }
    for path in [
        "", "usage", "/", "/a/", "//a", "/a//b", "/a/./b", "/..", "/a?b", "/a#b", "/a%20b", "/a b",
        "/\u{fc}", "/a\\b", "/a\"b",
    ] {
        assert!(UsagePath::try_from(path.to_owned()).is_err(), "{path}");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    assert_eq!(
        error::<UsageConfig>(r#"{"path": "usage"}"#),
        "path: invalid path \"usage\", expected one such as \"/.well-known/api-credits\", of at most 256 visible ASCII characters, \
         without a query, escapes, `\"` and `\\`, and without empty or dot segments"
    );
    assert_eq!(
        error::<UsageConfig>(r#"{"url": "/usage"}"#),
        "url: unknown field `url`, expected `path` or `title`"
    );
    assert_eq!(
        error::<WarningsConfig>(r#"{"at_percent": [50, 50]}"#),
        "at_percent: invalid thresholds [50, 50], expected at most 8 ascending percentages from 1 to 100"
    );
}
