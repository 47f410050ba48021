//! `host-sim run --coverage`.

use std::collections::BTreeMap;

use crate::folder::{Folder, GOOD};
use crate::source::{compile, compile_here};

const COUNTED: &str = include_str!("source/counted.rs");

/// Two requests with six headers, which the upstream answers with five and six.
const TWO: &str = "about = 'A.'\nconfig = {}\n\
    [[step]]\nrequest = {}\nexpect = { status = 200 }\n\
    [[step]]\nrequest = { upstream = { headers = { a = 'b' } } }\nexpect = { status = 200 }\n";

/// A folder with the filter, without optimization, and scenarios for it.
fn counted() -> Folder {
    let folder = Folder::with(&[("counted.rs", COUNTED), ("two.toml", TWO)]);
    let flags = ["-Cdebuginfo=1", "-Copt-level=0"];
    compile(&folder, "counted.rs", "counted.wasm", &flags);
    folder
}

/// What a tracefile of lcov says of its only file: its path, the counts of its lines, and those of its functions.
fn read(lcov: &str) -> (String, BTreeMap<u32, u64>, BTreeMap<String, u64>) {
    let (mut path, mut lines, mut functions) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for record in lcov.lines() {
        let (kind, rest) = record.split_once(':').unwrap_or((record, ""));
        let mut parts = rest.splitn(2, ',');
        let mut part = || parts.next().unwrap();
        match kind {
            "SF" => path.push(rest.to_owned()),
            "DA" => drop(lines.insert(part().parse().unwrap(), part().parse().unwrap())),
            "FNDA" => {
                let count = part().parse().unwrap();
                functions.insert(part().to_owned(), count);
            }
            _ => {}
        }
    }
    assert_eq!(path.len(), 1, "{lcov}");
    (path.remove(0), lines, functions)
}

/// The number of the line that is this one, of those that have no such neighbour.
fn line(text: &str) -> u32 {
    let found: Vec<_> = (1..).zip(COUNTED.lines()).collect();
    let mut found = found.into_iter().filter(|(_, line)| line.trim() == text);
    let (number, _) = found
        .next()
        .unwrap_or_else(|| unreachable!("no line {text}"));
    number
}

#[test]
fn lines_and_functions_are_counted_as_often_as_they_are_executed() {
    let folder = counted();
    let options = ["--coverage", "lcov.info", "--coverage-only", "/src"];
    let run = ["run", "--plugin", "counted.wasm", "two.toml"];
    let (status, said) = folder.run(&[&run[..], &options].concat());
    assert_eq!(status, Some(0), "{said}");
    let lcov = folder.read("lcov.info");
    let (path, lines, functions) = read(&lcov);
    assert_eq!(path, "/src/counted.rs");
    for (text, expected) in [
        ("let mut sum = 0;", 2),
        ("for at in 0..headers {", 2 * 7),
        ("sum += weight(at);", 2 * 6),
        ("if sum > 1000 {", 2),
        ("return refuse(sum);", 0),
        ("if at % 2 == 0 {", 2 * 6),
        ("3", 2 * 3),
        ("5", 2 * 3),
        ("if sum == 2000 {", 0),
        ("return 1;", 0),
        ("match headers {", 2),
        ("0 => 0,", 0),
        ("1..=9 => few(),", 2),
        ("_ => 1,", 0),
    ] {
        assert_eq!(lines.get(&line(text)), Some(&expected), "{text}\n{lcov}");
    }
    for text in [
        "}",
        "} else {",
        "#![cfg_attr(target_arch = \"wasm32\", no_std)]",
    ] {
        let without = line(text);
        assert!(lines.get(&without).is_none_or(|count| *count > 0), "{text}");
    }
    let expected = [
        ("proxy_on_request_headers", 2),
        ("counted::weight", 2 * 6),
        ("counted::refuse", 0),
        ("proxy_on_response_headers", 2),
        ("counted::few", 2),
        ("counted::few::{{closure}}", 2 * 3),
        ("proxy_on_request_body", 0),
    ];
    for (name, expected) in expected {
        assert_eq!(functions.get(name), Some(&expected), "{name}\n{lcov}");
    }
    let hit = lines.values().filter(|count| **count > 0).count();
    let summary = [
        format!("\nLF:{}\nLH:{hit}\nend_of_record\n", lines.len()),
        format!("\nFNF:{}\n", functions.len()),
    ];
    assert!(summary.iter().all(|part| lcov.contains(part)), "{lcov}");
    let told = format!("coverage: {hit} of {} lines (", lines.len());
    assert!(said.contains(&told), "{said}");
}

#[test]
fn sources_below_the_current_directory_are_told_unless_others_are_named() {
    let folder = counted();
    let flags = ["-Cdebuginfo=1", "-Copt-level=0"];
    compile_here(&folder, "counted.rs", "here.wasm", &flags);
    let run = |module: &str, options: &[&str]| {
        folder.run(&[&["run", "--plugin", module, "two.toml"][..], options].concat())
    };
    let (status, said) = run("here.wasm", &["--coverage-html", "pages"]);
    assert_eq!(status, Some(0), "{said}");
    let index = folder.read("pages/index.html");
    let link = "<a href=\"counted.rs.html\">counted.rs</a>";
    assert!(index.contains(link), "{index}");
    let page = folder.read("pages/counted.rs.html");
    let number = line("return refuse(sum);");
    let missed = format!(
        "<tr id=\"l{number}\" class=\"missed\"><td class=\"n\">{number}</td><td class=\"n\">0</td><td>        return refuse(sum);</td>"
    );
    assert!(page.contains(&missed), "{page}");
    assert!(page.contains("<code>counted::refuse</code>"), "{page}");

    let told = "coverage: ";
    let only = |prefix| {
        run(
            "here.wasm",
            &["--coverage", "lcov.info", "--coverage-only", prefix],
        )
    };
    assert!(only("counted.rs").1.contains(told));
    assert!(!only("other").1.contains(told));

    let (status, said) = run("counted.wasm", &["--coverage-html", "pages"]);
    assert_eq!(status, Some(2), "{said}");
    let here = folder.path().canonicalize().unwrap();
    let nothing = format!(
        "error: no source of the module is below {}: name where it is with --coverage-only; it is below /",
        here.display()
    );
    assert!(said.contains(&nothing), "{said}");
    let (status, said) = run(
        "counted.wasm",
        &["--coverage-html", "pages", "--coverage-only", "/src"],
    );
    assert_eq!(status, Some(0), "{said}");
    assert!(
        folder
            .read("pages/index.html")
            .contains("<a href=\"-src-counted.rs.html\">/src/counted.rs</a>")
    );
}

#[test]
fn what_cannot_be_covered_says_what_it_takes() {
    let folder = counted();
    folder.write("good.toml", GOOD);
    let run = |options: &[&str]| {
        folder.run(
            &[
                &["run", "good.toml", "--coverage", "lcov.info"][..],
                options,
            ]
            .concat(),
        )
    };
    let (status, said) = run(&["--plugin", "filter.wasm"]);
    assert_eq!(status, Some(2));
    let start = "error: filter.wasm: the module has no source lines (DWARF sections such as .debug_line): build it with them (Rust: ";
    assert!(said.starts_with(start), "{said}");
    let (status, said) = run(&["--plugin", "counted.wasm", "--symbols", "counted.wasm"]);
    assert_eq!(status, Some(2));
    let start = "error: --symbols: lines are counted in the module itself: ";
    assert!(said.starts_with(start), "{said}");
    let (status, said) = run(&["--plugin", "missing.wasm"]);
    assert_eq!(
        (status, said.as_str()),
        (
            Some(2),
            "error: missing.wasm: No such file or directory (os error 2)\n"
        )
    );
}

/// Counting does not move what a backtrace says.
#[test]
fn a_crash_is_where_it_is_without_counting() {
    let folder = Folder::with(&[("shop.rs", include_str!("source/shop.rs"))]);
    compile(&folder, "shop.rs", "shop.wasm", &["-Cdebuginfo=1"]);
    folder.write("good.toml", GOOD);
    let run = ["run", "--plugin", "shop.wasm", "good.toml"];
    let (_, plain) = folder.run(&run);
    let options = ["--coverage", "lcov.info", "--coverage-only", "/src"];
    let (status, said) = folder.run(&[&run[..], &options].concat());
    assert_eq!(status, Some(1));
    assert!(
        plain.contains("shop::shop::fail (/src/shop.rs:20:9)"),
        "{plain}"
    );
    let without: String = said
        .lines()
        .filter(|line| !line.starts_with("coverage: "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without, plain);
    let (_, lines, _) = read(&folder.read("lcov.info"));
    assert_eq!((lines.get(&14), lines.get(&8)), (Some(&1), Some(&0)));
}
