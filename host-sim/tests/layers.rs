//! The layers of `src`: imports point one way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

use std::path::Path;

use regex::Regex;

/// From the lowest to the highest: a file imports nothing from a layer above its own.
const LAYERS: [&str; 16] = [
    "model",
    "abi",
    "http",
    "host",
    "guest",
    "proxy",
    "scenario",
    "explore",
    "fuzz",
    "recording",
    "service_extensions",
    "access_log",
    "forecast",
    "lib",
    "command",
    "main",
];

fn rank(layer: &str) -> usize {
    let known = LAYERS.iter().position(|known| *known == layer);
    known.unwrap_or_else(|| panic!("{layer} is none of the layers {LAYERS:?}"))
}

/// Puts the imports that point upwards into `wrong` and gives the number of files.
fn check(path: &Path, layer: &str, wrong: &mut Vec<String>) -> usize {
    if path.is_dir() {
        let files = path.read_dir().unwrap().map(|entry| entry.unwrap().path());
        return files.map(|file| check(&file, layer, wrong)).sum();
    }
    if path.extension().is_none_or(|is| is != "rs") || path.ends_with("tests.rs") {
        return 0;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let shipped = text.split("\n#[cfg(test)]\nmod").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let shipped: String = shipped.lines().filter(is_code).collect();
    let imports = Regex::new(r"\bcrate::(\w+|\{)").unwrap();
    let named = imports
        .captures_iter(&shipped)
        .map(|found| found[1].to_owned());
    let above = named.filter(|named| rank(named) > rank(layer));
    wrong.extend(above.map(|named| format!("{} names {named}", path.display())));
    1
}

#[test]
fn imports_point_one_way() {
    let (mut wrong, mut files) = (Vec::new(), 0);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in source.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let layer = path.file_stem().unwrap().to_str().unwrap().to_owned();
        files += check(&path, &layer, &mut wrong);
    }
    assert!(files > 300, "only {files} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
