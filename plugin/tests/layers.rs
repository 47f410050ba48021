//! The layers of `src`: imports point one way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "all of this file is tests"
)]

use std::{fs, path::Path};

/// From the lowest to the highest: a file imports nothing from a layer above its own.
const LAYERS: [&str; 10] = [
    "document", "model", "pricing", "accounts", "outbound", "show", "decide", "config", "shell",
    "lib",
];

fn rank(layer: &str) -> usize {
    let known = LAYERS.iter().position(|known| *known == layer);
    known.unwrap_or_else(|| panic!("{layer} is none of the layers {LAYERS:?}"))
}

/// What of a file is not for tests alone.
fn shipped(text: &str) -> &str {
    text.split("\n#[cfg(test)]\n").next().unwrap_or_default()
}

/// The layers that a file names, in `use crate::{…}` as well as in paths and documentation.
fn named(text: &str) -> Vec<String> {
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .map(str::to_owned)
    };
    let mut layers: Vec<_> = text
        .split("crate::")
        .skip(1)
        .filter_map(words)
        .filter(|word| !word.is_empty())
        .collect();
    for group in text.split("crate::{").skip(1) {
        let mut depth = 0_i32;
        for item in group.split_inclusive(['{', '}', ',']) {
            if depth == 0 {
                layers.extend(words(item.trim_start()).filter(|word| !word.is_empty()));
            }
            depth += i32::from(item.ends_with('{')) - i32::from(item.ends_with('}'));
            if depth < 0 {
                break;
            }
        }
    }
    layers
}

fn check(path: &Path, layer: &str, wrong: &mut Vec<String>) -> usize {
    if path.is_dir() {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        return entries.map(|entry| check(&entry, layer, wrong)).sum();
    }
    let is_test = path.components().any(|part| {
        let part = part.as_os_str().to_str().unwrap();
        matches!(
            part,
            "tests" | "tests.rs" | "properties.rs" | "slot_properties.rs" | "fake.rs" | "clocks.rs"
        )
    });
    if !is_test {
        let text = fs::read_to_string(path).unwrap();
        let above = named(shipped(&text))
            .into_iter()
            .filter(|named| rank(named) > rank(layer));
        wrong.extend(above.map(|named| format!("{} names {named}", path.display())));
    }
    1
}

#[test]
fn imports_point_one_way() {
    let (mut wrong, mut files) = (Vec::new(), 0);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let layer = path.file_stem().unwrap().to_str().unwrap().to_owned();
        files += check(&path, &layer, &mut wrong);
    }
    assert!(files > 100, "only {files} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
