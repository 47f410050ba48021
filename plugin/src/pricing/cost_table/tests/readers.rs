//! Every combination of what a backend may do to a path, each as a plain reader that does one thing after another: none is served more
//! expensively than its call was charged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{cost, table};

/// When, if at all, something is done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Never,
    BeforeDecoding,
    AfterDecoding,
}

const EVER: [When; 3] = [When::Never, When::BeforeDecoding, When::AfterDecoding];

/// What a backend does to a path.
#[derive(Clone, Copy, Debug)]
struct Reader {
    /// How often it decodes the path, and then each segment.
    decodings: (usize, usize),
    parameters: When,
    /// `\` is a slash.
    backslashes: When,
    dots: When,
    /// Slashes are merged before dot segments are resolved.
    merges_first: bool,
    /// What ends a path that was decoded.
    ends: [bool; 3],
    /// Names have no case, no blanks at their ends, and the last one has no format.
    lenient: bool,
}

const ENDS: [char; 3] = ['?', '#', '\0'];

fn decode(text: &str) -> String {
    percent_encoding::percent_decode(text.as_bytes())
        .decode_utf8_lossy()
        .into_owned()
}

impl Reader {
    /// Those that read this path differently, by what can be found in it.
    fn all(path: &str) -> Vec<Self> {
        let decoded = decode(&decode(&decode(path)));
        let choices =
            |differs: bool, choices: &'static [When]| if differs { choices } else { &choices[..1] };
        let has = |c: char| decoded.contains(c);
        let may = |differs: bool| {
            if differs {
                vec![false, true]
            } else {
                vec![false]
            }
        };
        let mut all = Vec::new();
        for before in 0..=if has('%') || path.contains('%') { 3 } else { 0 } {
            for after in 0..=if path.contains('%') { 3 - before } else { 0 } {
                for &parameters in choices(has(';'), &EVER) {
                    for &backslashes in choices(has('\\'), &EVER) {
                        for &dots in choices(decoded.contains("."), &EVER) {
                            for merges_first in
                                may(decoded.contains("//") || decoded.contains('\\'))
                            {
                                for ends in 0..8_u8 {
                                    let ends = [0, 1, 2].map(|bit| ends & (1 << bit) != 0);
                                    if ENDS.iter().zip(ends).any(|(end, set)| set && !has(*end)) {
                                        continue;
                                    }
                                    for lenient in [false, true] {
                                        all.push(Self {
                                            decodings: (before, after),
                                            parameters,
                                            backslashes,
                                            dots,
                                            merges_first,
                                            ends,
                                            lenient,
                                        });
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        all
    }

    /// The segments that it sees, and what they were before a format was taken off the last one.
    fn read(&self, path: &str) -> (Vec<String>, Vec<String>) {
        let mut path = path.to_owned();
        self.rewrite(&mut path, When::BeforeDecoding);
        for _ in 0..self.decodings.0 {
            path = decode(&path);
        }
        for (end, ends) in ENDS.into_iter().zip(self.ends) {
            if ends {
                path = path.split(end).next().unwrap().to_owned();
            }
        }
        self.rewrite(&mut path, When::AfterDecoding);
        let mut segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect();
        for segment in &mut segments {
            for _ in 0..self.decodings.1 {
                *segment = decode(segment);
            }
            if self.parameters == When::AfterDecoding {
                *segment = segment.split(';').next().unwrap().to_owned();
            }
            if self.lenient {
                *segment = segment.trim().to_lowercase();
            }
        }
        segments.retain(|segment| !segment.is_empty());
        let formatted = segments.clone();
        if self.lenient
            && let Some(last) = segments.last_mut()
            && let Some(plain) = last.strip_suffix(".json")
        {
            *last = plain.to_owned();
        }
        (segments, formatted)
    }

    fn rewrite(&self, path: &mut String, now: When) {
        if self.backslashes == now {
            *path = path.replace('\\', "/");
        }
        if self.parameters == now {
            let segments = path
                .split('/')
                .map(|segment| segment.split(';').next().unwrap());
            *path = segments.collect::<Vec<_>>().join("/");
        }
        if self.dots == now {
            let mut kept: Vec<&str> = Vec::new();
            for segment in path.trim_start_matches('/').split('/') {
                match segment {
                    "." => {}
                    ".." => drop(kept.pop()),
                    "" if self.merges_first => {}
                    _ => kept.push(segment),
                }
            }
            *path = format!("/{}", kept.join("/"));
        }
    }
}

/// The cost of the most specific operation, found by comparing all; `None` if there is none.
fn served(operations: &[(Vec<&str>, u64)], segments: &[String]) -> Option<u64> {
    let rank = |template: &[&str]| -> Option<Vec<usize>> {
        let (fixed, rest) = match template.split_last() {
            Some((&"**", fixed)) => (fixed, true),
            _ => (template, false),
        };
        if segments.len() < fixed.len() || (!rest && segments.len() != fixed.len()) {
            return None;
        }
        let rank = |(template, segment): (&&str, &String)| match template.split_once('*') {
            _ if template == segment => Some(0),
            Some(("", "")) => Some(100),
            Some((prefix, suffix)) => {
                let value = segment.strip_prefix(prefix)?.strip_suffix(suffix)?;
                (!value.is_empty()).then_some(99 - prefix.len() - suffix.len())
            }
            None => None,
        };
        let mut ranks = fixed
            .iter()
            .zip(segments)
            .map(rank)
            .collect::<Option<Vec<_>>>()?;
        ranks.extend(rest.then_some(101));
        Some(ranks)
    };
    let ranked = operations
        .iter()
        .filter_map(|(template, cost)| Some((rank(template)?, *cost)));
    ranked.min().map(|(_, cost)| cost)
}

fn check(operations: &[(Vec<&str>, u64)], default: u64, path: &str) -> Result<(), String> {
    let rules = operations
        .iter()
        .enumerate()
        .map(|(index, (template, cost))| {
            let segments = template
                .iter()
                .map(|segment| match segment.split_once('*') {
                    Some((prefix, suffix))
                        if !(prefix.is_empty() && suffix.is_empty()) && *segment != "**" =>
                    {
                        format!("{prefix}{{p}}{suffix}")
                    }
                    _ => (*segment).to_owned(),
                });
            // Names of parameters differ, which `{p}` in two segments would not.
            let template = segments
                .enumerate()
                .map(|(at, segment)| segment.replace("{p}", &format!("{{p{at}}}")));
            format!(
                r#"{{"name":"{index}","operations":["GET /{}"],"cost":{cost}}}"#,
                template.collect::<Vec<_>>().join("/")
            )
        });
    let table = table(&format!(
        r#"{{"default":{default},"rules":[{}]}}"#,
        rules.collect::<Vec<_>>().join(",")
    ));
    let (charged, _) = cost(&table, "GET", path, "");
    let with_format = |(template, _): &&(Vec<&str>, u64)| {
        template
            .last()
            .is_some_and(|last| !["*", "**"].contains(last))
    };
    let named: Vec<_> = operations.iter().filter(with_format).cloned().collect();
    for reader in Reader::all(path) {
        let (segments, formatted) = reader.read(path);
        // An operation whose template has the format is that one: `GET /openapi.json` and `GET /export.{format}` cost what they say.
        let served = served(&named, &formatted).or_else(|| served(operations, &segments));
        let served = served.unwrap_or(default);
        if served > charged {
            return Err(format!(
                "{path} is charged {charged}, and served for {served} as {segments:?} by {reader:?}"
            ));
        }
    }
    Ok(())
}

fn piece() -> impl Strategy<Value = &'static str> {
    select(vec![
        "/", "//", "a", "b", "A", "%61", "%2561", "%252561", "%2f", "%252F", "%25252f", "\\",
        "%5c", "%255c", ";", "%3b", "%253b", ";x=1", "%3f", "%253f", "%23", "%2523", "%00",
        "%2500", "/.", "/..", "..", "/%2e%2e", "%252e", "%20", "%2520", ":go", "%3ago", "x.",
        ".json", "/a", "/b", "%zz", "%",
    ])
}

fn template() -> impl Strategy<Value = Vec<&'static str>> {
    let segment = select(vec!["a", "b", "a", "b", "*", "*:go", "x.*", "a.json"]);
    (vec(segment, 0..4), any::<bool>()).prop_map(|(mut segments, rest)| {
        segments.extend(rest.then_some("**"));
        segments
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_reader_serves_a_path_for_more_than_it_was_charged(
        operations in vec((template(), 0_u64..1_000), 1..10),
        default in 0_u64..1_000,
        pieces in vec(piece(), 0..7),
    ) {
        let mut unique: Vec<(Vec<&str>, u64)> = Vec::new();
        for (template, cost) in operations {
            if unique.iter().all(|(known, _)| *known != template) {
                unique.push((template, cost));
            }
        }
        let path = format!("/{}", pieces.concat());
        let checked = check(&unique, default, &path);
        prop_assert!(checked.is_ok(), "{:?} {unique:?}", checked);
    }
}

#[test]
fn an_operation_that_is_named_with_its_format_costs_what_is_said() {
    let named = (vec!["a.json"], 0);
    assert_eq!(check(std::slice::from_ref(&named), 1, "/a.json"), Ok(()));
    let plain = (vec!["a"], 5);
    assert_eq!(check(&[named, plain], 1, "/a.json"), Ok(()));
}

/// What real backends were seen to serve, and what was charged too little once.
#[test]
fn paths_that_mix_spellings_cost_what_some_backend_serves() {
    let operations = [
        (vec!["api", "v1", "files", "*"], 50),
        (vec!["api", "v1", "tasks", "count"], 50),
        (vec!["api", "v1", "tickets"], 50),
        (vec!["api", "v1", "**"], 1),
    ];
    for path in [
        "/api%2fv1/files/a%252fb",
        "/%3F%2F../api/v1/tickets?from=99999",
        "/a%5cb%2f../api/v1/tasks/count",
        "/api;/v1/files/a%252fb",
        "/api/v1%2Ftickets%253Fx",
        "/api/v1/tasks%3B/..;/tasks/count%00.json",
    ] {
        let rules = operations
            .iter()
            .enumerate()
            .map(|(index, (template, cost))| {
                format!(
                    r#"{{"name":"{index}","operations":["GET /{}"],"cost":{cost}}}"#,
                    template.join("/")
                )
            });
        let table = table(&format!(
            r#"{{"default":1,"rules":[{}]}}"#,
            rules.collect::<Vec<_>>().join(",")
        ));
        assert_eq!(cost(&table, "GET", path, "").0, 50, "{path}");
    }
}
