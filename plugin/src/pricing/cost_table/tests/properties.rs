//! What holds for every table and every call: no spelling is cheaper than the plain one, and a lookup finds what a plain search finds.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::{Charge, Facts, Highest, RuleId, Target};
use super::{CostTable, cost, example, operations, table};

/// One way to spell a path differently without changing what a lenient backend reads.
#[derive(Clone, Copy, Debug)]
enum Trick {
    EscapeCharacter { upper: bool },
    EscapeSlash,
    Backslash,
    FlipCase,
    DoubleSlash,
    DotSegment,
    Detour,
    EscapedDetour,
    TrailingSlash,
    SegmentParameter,
    Fragment,
}

fn trick() -> impl Strategy<Value = Trick> {
    prop_oneof![
        any::<bool>().prop_map(|upper| Trick::EscapeCharacter { upper }),
        select(vec![
            Trick::EscapeSlash,
            Trick::Backslash,
            Trick::FlipCase,
            Trick::DoubleSlash,
            Trick::DotSegment,
            Trick::Detour,
            Trick::EscapedDetour,
            Trick::TrailingSlash,
            Trick::SegmentParameter,
            Trick::Fragment,
        ]),
    ]
}

/// A path as the list of its characters, each perhaps spelled as an escape. The first one is always `/`.
type Spelling = Vec<String>;

/// How a backend that reads the path resolves `..`: it merges slashes before that, or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merging {
    Before,
    After,
}

fn apply(trick: Trick, merging: Merging, spelling: &mut Spelling, place: Index) {
    let slashes: Vec<usize> = (0..spelling.len())
        .filter(|&at| spelling[at] == "/")
        .collect();
    let slash = slashes[place.index(slashes.len())];
    let letters: Vec<usize> = (0..spelling.len())
        .filter(|&at| spelling[at].chars().all(char::is_alphanumeric))
        .collect();
    let letter = (!letters.is_empty()).then(|| letters[place.index(letters.len())]);
    match (trick, letter) {
        (Trick::EscapeCharacter { upper }, Some(at)) => {
            let byte = spelling[at].bytes().next().unwrap();
            spelling[at] = if upper {
                format!("%{byte:02X}")
            } else {
                format!("%{byte:02x}")
            };
        }
        (Trick::FlipCase, Some(at)) => {
            let flip = |c: char| {
                if c.is_ascii_uppercase() {
                    c.to_ascii_lowercase()
                } else {
                    c.to_ascii_uppercase()
                }
            };
            spelling[at] = spelling[at].chars().map(flip).collect();
        }
        (Trick::EscapeCharacter { .. } | Trick::FlipCase, None) => {}
        // The first character stays `/`, as in every HTTP request.
        (Trick::EscapeSlash, _) if slash != 0 => spelling[slash] = "%2f".to_owned(),
        (Trick::Backslash, _) if slash != 0 => spelling[slash] = "\\".to_owned(),
        (Trick::EscapeSlash | Trick::Backslash | Trick::DoubleSlash, _) => match merging {
            Merging::Before => spelling.insert(slash, "/".to_owned()),
            Merging::After => insert(spelling, slash, &["/", "/", ".", "."]),
        },
        (Trick::DotSegment, _) => insert(spelling, slash, &["/", "."]),
        (Trick::Detour, _) => insert(spelling, slash, &["/", "x", "/", ".."]),
        (Trick::EscapedDetour, _) => insert(spelling, slash, &["/", "%78", "/", "%2e%2E"]),
        (Trick::TrailingSlash, _) => spelling.push("/".to_owned()),
        (Trick::SegmentParameter, _) if slash != 0 => spelling.insert(slash, ";a=b".to_owned()),
        (Trick::SegmentParameter, _) => spelling.push(";a=b".to_owned()),
        (Trick::Fragment, _) => spelling.push("#/healthz".to_owned()),
    }
}

fn insert(spelling: &mut Spelling, at: usize, characters: &[&str]) {
    spelling.splice(at..at, characters.iter().copied().map(str::to_owned));
}

thread_local! {
    static EXAMPLE: CostTable = example();
}

proptest! {
    #[test]
    fn no_spelling_of_a_path_is_cheaper_than_the_plain_one(
        operation in any::<Index>(),
        merging in select(vec![Merging::Before, Merging::After]),
        tricks in vec((trick(), any::<Index>()), 1..6),
    ) {
        let operations = operations();
        let operation = &operations[operation.index(operations.len())];
        let mut spelling: Spelling = operation.path().chars().map(String::from).collect();
        let mut fragment = String::new();
        for (trick, place) in tricks {
            if matches!(trick, Trick::Fragment) {
                fragment = "#/healthz".to_owned();
            } else {
                apply(trick, merging, &mut spelling, place);
            }
        }
        let spelled = spelling.concat() + &fragment;
        EXAMPLE.with(|table| {
            let (plain, _) = cost(table, operation.method, &operation.path(), "");
            let (found, rule) = cost(table, operation.method, &spelled, "");
            prop_assert!(found >= plain, "{} {spelled} costs {found} ({rule}), not {plain}", operation.method);
            Ok(())
        })?;
    }

    #[test]
    fn a_query_costs_at_least_its_most_expensive_occurrence(
        values in vec("[0-9]{1,6}|-1|x|", 1..25),
        names in vec(select(vec!["from", "From", "%66rom"]), 25),
        separator in select(vec!["&", "&&", "&a=1&", ";"]),
    ) {
        EXAMPLE.with(|table| {
            let price = |query: &str| cost(table, "GET", &format!("/api/v1/tickets?{query}"), "").0;
            let most = values.iter().map(|value| price(&format!("from={value}"))).max().unwrap();
            let pairs: Vec<String> = values.iter().zip(&names).map(|(value, name)| format!("{name}={value}")).collect();
            let query = pairs.join(separator);
            prop_assert!(price(&query) >= most, "{query} costs {}, not {most}", price(&query));
            Ok(())
        })?;
    }

    #[test]
    fn a_lookup_finds_what_a_plain_search_finds(
        operations in vec(operation(), 1..12),
        method in select(vec!["GET", "HEAD", "POST"]),
        path in vec(select(vec!["a", "b", "c"]), 0..5),
    ) {
        let mut unique: Vec<(String, Vec<&str>)> = Vec::new();
        for operation in operations {
            if !unique.contains(&operation) {
                unique.push(operation);
            }
        }
        let rules: Vec<String> = unique
            .iter()
            .enumerate()
            .map(|(cost, (method, segments))| {
                format!(r#"{{"name":"{cost}","operations":["{method} /{}"],"cost":{cost}}}"#, segments.join("/"))
            })
            .collect();
        let table = table(&format!(r#"{{"default":999,"rules":[{}]}}"#, rules.join(",")));
        let expected = search(&unique, method, &path).map_or("default".to_owned(), |found| found.to_string());
        let target = format!("/{}", path.join("/"));
        let (_, found) = cost(&table, method, &target, "");
        prop_assert_eq!(found, expected, "{} {}", method, target);
    }

    #[test]
    fn what_is_found_at_once_is_what_a_closer_look_finds(
        operations in vec(operation(), 1..12),
        literal in select(vec!["a", "a.b", "{x}.json", "b{x}", "A"]),
        method in select(vec!["GET", "HEAD", "POST", "get"]),
        path in vec(select(vec!["a", "A", "b", "c", "a.b", "bc", "c.json", ".", "a.", "a.php", "%61", ""]), 0..5),
        query in select(vec!["", "?", "?a=1", "?_method=GET", "#a", "?a#b", "?a=1/b"]),
    ) {
        let rules: Vec<String> = operations
            .iter()
            .enumerate()
            .map(|(cost, (method, segments))| {
                let path = segments.join("/").replacen('b', literal, 1);
                format!(r#"{{"name":"{cost}","operations":["{method} /{path}"],"cost":{cost}}}"#)
            })
            .collect();
        let config = format!(r#"{{"default":3,"rules":[{}]}}"#, rules.join(","));
        // Not every one is a table: operations may be the same.
        if let Ok(table) = CostTable::compile(&serde_json::from_str(&config).unwrap()) {
            let target = format!("/{}{query}", path.join("/"));
            let default = Charge { cost: table.default, rule: RuleId::DEFAULT };
            let mut highest = Highest::default();
            let read = Target::read(&target);
            table.quote_closely(method, &read, Facts::None, default, &mut highest);
            let closely = highest.into_quote(&table.members).at_least();
            prop_assert_eq!(table.quote(method, &target).at_least(), closely, "{} {}", method, target);
        }
    }

    #[test]
    fn nothing_a_client_sends_makes_a_quote_panic(method in ".{0,8}", target in ".{0,40}", tail in "[/.%;?&=#a2eEfF\\\\]{0,60}", body in ".{0,30}") {
        EXAMPLE.with(|table| {
            for target in [target.clone(), format!("/api/v1/{target}"), tail.clone(), format!("/api/v1/tickets{tail}")] {
                let _quote = table.quote(&method, &target);
                if let super::Quote::ByBody(quote) = table.quote("POST", "/api/v1/tickets/moveToTrash") {
                    let _unreadable = quote.settle(body.as_bytes());
                }
            }
        });
    }
}

fn operation() -> impl Strategy<Value = (String, Vec<&'static str>)> {
    let method = select(vec!["GET", "HEAD", "POST", "*"]);
    let segments = vec(select(vec!["a", "b", "*"]), 0..4);
    (method, segments, any::<bool>()).prop_map(|(method, mut segments, rest)| {
        segments.extend(rest.then_some("**"));
        (method.to_owned(), segments)
    })
}

/// The index of the most specific operation, found by comparing all that fit.
fn search(operations: &[(String, Vec<&str>)], method: &str, path: &[&str]) -> Option<usize> {
    let shape_rank = |segments: &[&str]| -> Option<Vec<u8>> {
        let (fixed, rest) = match segments.split_last() {
            Some((&"**", fixed)) => (fixed, true),
            _ => (segments, false),
        };
        if path.len() < fixed.len() || (!rest && path.len() != fixed.len()) {
            return None;
        }
        let rank = |(segment, found): (&&str, &&str)| match (*segment, *found) {
            ("*", _) => Some(1),
            (literal, found) if literal == found => Some(0),
            _ => None,
        };
        let mut ranks = fixed
            .iter()
            .zip(path)
            .map(rank)
            .collect::<Option<Vec<u8>>>()?;
        ranks.extend(rest.then_some(2));
        Some(ranks)
    };
    let method_rank = |named: &str| match (named, method) {
        (named, method) if named == method => Some(0),
        ("GET", "HEAD") => Some(1),
        ("*", _) => Some(2),
        _ => None,
    };
    let ranked = operations
        .iter()
        .enumerate()
        .filter_map(|(index, (named, segments))| {
            Some(((shape_rank(segments)?, method_rank(named)?), index))
        });
    ranked.min().map(|(_, index)| index)
}
