use super::super::RuleId;
use super::super::path::{Slashes, segments};
use super::super::price::Price;
use super::super::quote::{Charge, Highest, Quote};
use super::super::rule::Conditions;
use super::super::stated::Facts;
use super::*;
use crate::model::credits::Credits;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A tree in which the n-th operation is priced by rule n, counting from 1.
fn tree(operations: &[&str]) -> Node {
    let mut root = Node::default();
    for (id, operation) in (1..).zip(operations) {
        let price = Price::Fixed(Credits::ZERO);
        let rule = Arc::new(Rule {
            id: RuleId(id),
            conditions: Conditions::default(),
            price,
        });
        root.insert(&Operation::parse(operation).unwrap(), &rule)
            .unwrap();
    }
    root
}

/// In how many readings something is found, and the rules of all that is.
fn find_all(root: &Node, method: &str, path: &str) -> (Found, Vec<u32>) {
    let mut matches = Matches::default();
    let (segments, _) = segments(path.as_bytes(), Slashes::Merged);
    let found = root.find(method, &segments, &mut matches);
    let rule = |candidates: &Candidates| {
        let mut highest = Highest::default();
        let otherwise = Charge {
            cost: Credits::ZERO,
            rule: RuleId::DEFAULT,
        };
        candidates.quote("", Facts::None, otherwise, &mut highest);
        let Quote::Known(charge) = highest.into_quote(&Arc::default()) else {
            panic!()
        };
        charge.rule.0
    };
    (found, matches.all().unwrap().map(rule).collect())
}

/// The rule that surely prices a call, 0 for none.
fn find(root: &Node, method: &str, path: &str) -> u32 {
    match find_all(root, method, path) {
        (Found::No, rules) if rules.is_empty() => 0,
        (Found::Surely, rules) if rules.len() == 1 => rules[0],
        other => panic!("{method} {path}: {other:?}"),
    }
}

#[test]
fn the_most_specific_operation_wins() {
    let root = tree(&[
        "GET /tickets/{id}",
        "GET /tickets/count",
        "GET /{module}/search",
        "GET /tickets/{id}/threads",
        "GET /**",
        "GET /tickets/**",
        "GET /",
    ]);
    let check =
        |path: &str, expected: u32| assert_eq!(find(&root, "GET", path), expected, "{path}");
    check("/tickets/5", 1);
    check("/tickets/count", 2);
    check("/tickets/search", 1);
    check("/agents/search", 3);
    check("/tickets/count/threads", 4);
    check("/tickets/5/threads", 4);
    check("/tickets/5/threads/6", 6);
    check("/tickets", 6);
    check("/agents", 5);
    check("/agents/search/deep", 5);
    check("/", 7);
    assert_eq!(find(&root, "POST", "/tickets/5"), 0);
}

#[test]
fn a_branch_without_the_method_falls_back_to_the_next() {
    let root = tree(&[
        "POST /a/b",
        "PUT /a/{x}",
        "GET /{x}/{y}",
        "* /a/**",
        "PATCH /a/b/c",
    ]);
    let check = |method: &str, path: &str, expected: u32| {
        assert_eq!(find(&root, method, path), expected, "{method} {path}")
    };
    check("POST", "/a/b", 1);
    check("PUT", "/a/b", 2);
    check("GET", "/a/b", 4);
    check("GET", "/b/b", 3);
    check("DELETE", "/a/b", 4);
    check("PATCH", "/a/b", 4);
    check("PATCH", "/a/b/c", 5);
    check("DELETE", "/b/b", 0);
}

#[test]
fn a_method_by_name_beats_get_for_head_beats_every_method() {
    let root = tree(&["* /a", "GET /a", "* /b", "HEAD /c", "GET /c", "GET /d"]);
    let check = |method: &str, path: &str, expected: u32| {
        assert_eq!(find(&root, method, path), expected, "{method} {path}")
    };
    check("GET", "/a", 2);
    check("HEAD", "/a", 2);
    check("POST", "/a", 1);
    check("HEAD", "/b", 3);
    check("HEAD", "/c", 4);
    check("HEAD", "/d", 6);
    check("POST", "/d", 0);
}

#[test]
fn what_is_the_same_without_case_may_be_the_same() {
    let root = tree(&[
        "GET /Tickets/{id}",
        "GET /{module}/{id}",
        "POST /tickets/all",
        "GET /größe",
    ]);
    let check = |method: &str, path: &str, found: Found, rules: &[u32]| {
        assert_eq!(
            find_all(&root, method, path),
            (found, rules.to_vec()),
            "{method} {path}"
        );
    };
    check("GET", "/Tickets/5", Found::Surely, &[1]);
    check("GET", "/TICKETS/5", Found::Surely, &[1, 2]);
    check("GET", "/agents/5", Found::Surely, &[2]);
    check("get", "/agents/5", Found::No, &[]);
    check("POST", "/TICKETS/all", Found::Maybe, &[3]);
    check("POST", "/tickets/all", Found::Surely, &[3]);
    check("GET", "/größe", Found::Surely, &[4]);
    check("GET", "/GRÖSSE", Found::Maybe, &[4]);
    check("GET", "/tic\u{212a}ets/5", Found::Surely, &[1, 2]);
}

#[test]
fn a_format_behind_a_segment_may_be_no_part_of_it() {
    let root = tree(&[
        "GET /tickets/count",
        "GET /tickets/{id}",
        "GET /report.csv",
        "GET /report",
    ]);
    let check = |path: &str, found: Found, rules: &[u32]| {
        assert_eq!(
            find_all(&root, "GET", path),
            (found, rules.to_vec()),
            "{path}"
        );
    };
    check("/tickets/count.json", Found::Surely, &[1, 2]);
    check("/tickets/COUNT.XML", Found::Surely, &[1, 2]);
    check("/tickets/count.", Found::Surely, &[1, 2]);
    check("/tickets/count.5%", Found::Surely, &[1, 2]);
    check("/tickets/count.a.b", Found::Surely, &[2]);
    check("/tickets/count.json/x", Found::No, &[]);
    check("/report.csv", Found::Surely, &[3]);
    check("/report.csv.gz", Found::Maybe, &[3]);
    check("/report.json", Found::Maybe, &[4]);
}

#[test]
fn text_around_a_parameter_is_between_a_literal_and_a_parameter() {
    let root = tree(&[
        "POST /files/{id}:archive",
        "POST /files/all:archive",
        "POST /files/{id}",
        "POST /files/a{id}:archive",
        "GET /export.{format}",
        "GET /Gr{x}ß",
        "GET /{x}:a/b",
        "GET /files/{id}:archive",
        "POST /**",
    ]);
    let check = |method: &str, path: &str, found: Found, rules: &[u32]| {
        assert_eq!(
            find_all(&root, method, path),
            (found, rules.to_vec()),
            "{method} {path}"
        );
    };
    check("POST", "/files/5:archive", Found::Surely, &[1]);
    check("POST", "/files/all:archive", Found::Surely, &[2]);
    check("POST", "/files/a5:archive", Found::Surely, &[4]);
    check("POST", "/files/5:other", Found::Surely, &[3]);
    check("POST", "/files/5:Archive", Found::Surely, &[1, 3]);
    check("POST", "/files/:archive", Found::Surely, &[1, 3]);
    check("POST", "/files/5:archive.json", Found::Surely, &[1, 3]);
    check("POST", "/files/5:archive/x", Found::Surely, &[9]);
    check("GET", "/files/5:archive", Found::Surely, &[8]);
    check("GET", "/files/a5:archive", Found::Surely, &[8]);
    check("GET", "/export.csv", Found::Surely, &[5]);
    check("GET", "/export", Found::No, &[]);
    check("GET", "/GrüSS", Found::Maybe, &[6]);
    check("GET", "/Grüß", Found::Surely, &[6]);
    check("GET", "/5:a/b", Found::Surely, &[7]);
}

#[test]
fn one_segment_is_one_of_two_only_if_one_has_more_text() {
    let mut root = tree(&["GET /a{x}", "GET /{x}bc", "GET /{id}:archive"]);
    let mut insert = |operation: &str| {
        let rule = Arc::new(Rule {
            id: RuleId(9),
            conditions: Conditions::default(),
            price: Price::Fixed(Credits::ZERO),
        });
        root.insert(&Operation::parse(operation).unwrap(), &rule)
    };
    let affixed = |prefix: &str, suffix: &str| Segment::Affixed {
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    };
    let (segment, other) = (affixed("", "b"), affixed("a", ""));
    assert_eq!(
        insert("POST /{y}b"),
        Err(Conflict::Ambiguous { segment, other })
    );
    assert_eq!(insert("GET /{id}:restore"), Ok(()));
    assert_eq!(insert("GET /b{x}"), Ok(()));
    assert_eq!(insert("GET /A{y}"), Err(Conflict::Rule(RuleId(1))));
    assert_eq!(insert("POST /A{y}"), Ok(()));
}

#[test]
fn an_empty_segment_may_be_a_parameter() {
    let root = tree(&["GET /a/{x}/b", "GET /a/**"]);
    let find = |path: &str, slashes| {
        let mut matches = Matches::default();
        let found = root.find("GET", &segments(path.as_bytes(), slashes).0, &mut matches);
        (found, matches.all().unwrap().count())
    };
    assert_eq!(find("/a//b", Slashes::Kept), (Found::Surely, 2));
    assert_eq!(find("/a//b", Slashes::Merged), (Found::Surely, 1));
}

#[test]
fn texts_that_share_a_hash_are_told_apart() {
    // The bit by which cases differ is not in it, for these characters either.
    assert_eq!(hash(b"a[@]"), hash(b"A{`}"));
    assert_ne!(hash(b"ab"), hash(b"ba"));
    let root = tree(&["GET /x@y", "GET /X`y", "GET /x@Y/z"]);
    let check = |path: &str, expected: &[u32]| {
        assert_eq!(find_all(&root, "GET", path).1, expected, "{path}");
    };
    check("/X@Y", &[1]);
    check("/x`y", &[2]);
    check("/x@y/z", &[3]);
    check("/x\u{60}y/z", &[]);
    check("/y@x", &[]);
}

#[test]
fn a_path_deeper_than_any_template_matches_only_the_rest() {
    let deepest = format!("GET {}", "/{p}".replace("{p}", "*").repeat(32));
    let root = tree(&[&deepest, "GET /a/**"]);
    assert_eq!(find(&root, "GET", &"/b".repeat(32)), 1);
    assert_eq!(find(&root, "GET", &"/b".repeat(33)), 0);
    assert_eq!(find(&root, "GET", &"/a".repeat(32)), 2);
    assert_eq!(find(&root, "GET", &"/a".repeat(5000)), 2);
}
