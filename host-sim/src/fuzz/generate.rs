//! Makes up steps: calls, bodies and their pieces, orders, times, and what upstreams and services do.

mod content;

use std::time::Duration;

use super::Settings;
use super::act::Act;
use super::words::Words;
use crate::model::pattern::Pattern;
use crate::model::random::Random;
use crate::model::{
    AnswerOverride, Departure, ErrorCode, HttpVersion, Request, Service, ServiceAnswer,
    ServiceBehaviour, Upstream, UpstreamBehaviour,
};
use crate::scenario::target::Setup;
pub(super) use content::{body, configuration, pieces};

/// Numbers at the edges of what programs count with.
pub(super) const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "-1",
    "2",
    "10",
    "00",
    "+1",
    "1.5",
    "1e3",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "-100",
    "-9223372036854775809",
];

const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get",
];
const STATUSES: [u16; 14] = [
    200, 201, 204, 206, 301, 304, 400, 401, 404, 429, 500, 502, 503, 504,
];
/// Pieces of paths that programs read differently.
const ODD: [&str; 16] = [
    "%2f", "%2e", "%00", "%", "%zz", "..", ".", "//", ";a=b", "\\", "?", "&", "=", "+", "[]",
    "%c3%a9",
];
const HEADERS: [&str; 12] = [
    "accept",
    "authorization",
    "content-type",
    "content-length",
    "cookie",
    "expect",
    "grpc-timeout",
    "if-none-match",
    "range",
    "te",
    "x-forwarded-for",
    "x-request-id",
];

/// As many of these as in one of so many times.
pub(super) fn chance(random: &mut Random, one_in: usize) -> bool {
    random.below(one_in) == 0
}

pub(super) fn of<'c, T>(choices: &'c [T], random: &mut Random) -> Option<&'c T> {
    let number = random.below(choices.len());
    choices.get(number)
}

/// A whole scenario.
pub(super) fn acts(
    random: &mut Random,
    words: &Words,
    setup: Option<&Setup>,
    settings: &Settings,
) -> Vec<Act> {
    let count = random.below(settings.steps.max(1)).saturating_add(1);
    (0..count)
        .map(|_| act(random, words, setup, settings))
        .collect()
}

/// One step.
pub(super) fn act(
    random: &mut Random,
    words: &Words,
    setup: Option<&Setup>,
    settings: &Settings,
) -> Act {
    let workers = setup.map_or(1, |setup| setup.workers);
    let number = |random: &mut Random| u32::try_from(random.below(4)).unwrap_or(0);
    match random.below(24) {
        0..=9 => Act::Call(Box::new(request(random, words, workers))),
        10 => {
            let count = random.below(3).saturating_add(2);
            Act::Calls(
                (0..count)
                    .map(|_| request(random, words, workers))
                    .collect(),
            )
        }
        11..=13 => {
            let mut request = request(random, words, workers);
            request.unfinished = !request.body.is_empty() && chance(random, 4);
            Act::Open(number(random), Box::new(request))
        }
        14..=15 => Act::Finish(number(random)),
        16..=17 => Act::Leave(number(random), departure(random)),
        18..=19 => Act::Advance(duration(random)),
        20..=21 if !words.clusters.is_empty() => service(random, words),
        22 if settings.configurations && !words.configurations.is_empty() => {
            Act::Configure(configuration(random, words))
        }
        23 => Act::CasConflicts(u32::try_from(random.below(12)).unwrap_or(1)),
        _ => Act::Call(Box::new(request(random, words, workers))),
    }
}

pub(super) fn departure(random: &mut Random) -> Departure {
    match random.below(7) {
        0 => Departure::Close,
        1 => Departure::HalfClose,
        2 => Departure::BrokenChunk,
        3 => Departure::Reset(ErrorCode(u32::try_from(random.below(14)).unwrap_or(0))),
        4 => Departure::InvalidFrame,
        5 => Departure::WindowOverflow,
        _ => Departure::Usual,
    }
}

/// A time that passes. Plugins tick, often once a second, so that long ones take long; they are rare.
pub(super) fn duration(random: &mut Random) -> Duration {
    const SHORT: [u64; 7] = [1, 100, 1_000, 1_001, 5_000, 15_000, 60_000];
    const LONG: [u64; 3] = [300_000, 3_600_000, 86_400_000];
    let times = if chance(random, 32) {
        &LONG[..]
    } else {
        &SHORT[..]
    };
    Duration::from_millis(of(times, random).copied().unwrap_or(1))
}

/// A request.
pub(super) fn request(random: &mut Random, words: &Words, workers: u32) -> Request {
    let method = of(&METHODS, random).copied().unwrap_or("GET");
    let bodiless = ["GET", "HEAD", "OPTIONS"].contains(&method);
    let http = if chance(random, 3) {
        HttpVersion::Two
    } else {
        HttpVersion::One
    };
    let mut headers = Vec::new();
    for _ in 0..random.below(5) {
        headers.push(header(random, words));
    }
    let has_body = if bodiless {
        chance(random, 8)
    } else {
        !chance(random, 3)
    };
    let body = if has_body {
        body(random, words)
    } else {
        Vec::new()
    };
    let worker = chance(random, 2).then(|| random.below(usize::try_from(workers).unwrap_or(1)));
    Request {
        method: method.to_owned(),
        path: path(random, words),
        headers,
        body,
        trailers: if http == HttpVersion::Two && has_body && chance(random, 8) {
            vec![header(random, words)]
        } else {
            Vec::new()
        },
        http,
        worker: worker.and_then(|worker| u32::try_from(worker).ok()),
        upstream: upstream(random, words),
        ..Request::default()
    }
}

pub(super) fn header(random: &mut Random, words: &Words) -> (String, String) {
    let name = match words.names.one(random) {
        Some(name) if !chance(random, 6) => name.to_owned(),
        _ => of(&HEADERS, random).copied().unwrap_or("accept").to_owned(),
    };
    let value = match name.as_str() {
        "content-length" => of(&NUMBERS, random).copied().unwrap_or("0").to_owned(),
        _ => value(random, words),
    };
    (name, value)
}

/// A value of a header or of a parameter.
pub(super) fn value(random: &mut Random, words: &Words) -> String {
    match random.below(8) {
        0 => String::new(),
        1..=2 => of(&NUMBERS, random).copied().unwrap_or("0").to_owned(),
        3 => "a".repeat(random.below(300)),
        4 => random.below(1000).to_string(),
        5 => format!(
            "{}{}",
            value_of(random, words),
            of(&ODD, random).copied().unwrap_or("%")
        ),
        _ => value_of(random, words),
    }
}

fn value_of(random: &mut Random, words: &Words) -> String {
    // What a client may send: a header's value has no control characters.
    let value = words.values.one(random).unwrap_or("a");
    value.chars().filter(|c| !c.is_control()).collect()
}

pub(super) fn path(random: &mut Random, words: &Words) -> String {
    let mut path = match words.paths.one(random) {
        Some(path) if !chance(random, 5) => path.to_owned(),
        _ => {
            let mut path = String::new();
            for _ in 0..random.below(4).saturating_add(1) {
                path.push('/');
                path.push_str(&segment(random, words));
            }
            path
        }
    };
    if path.contains('{') {
        // A template: its parameters get values.
        let mut filled = String::new();
        for piece in path.split('/') {
            if !piece.is_empty() {
                filled.push('/');
                let is_parameter = piece.starts_with('{');
                filled.push_str(&if is_parameter {
                    segment(random, words)
                } else {
                    piece.to_owned()
                });
            }
        }
        path = filled;
    }
    if chance(random, 4) {
        path.push_str(of(&ODD, random).copied().unwrap_or("/"));
    }
    if chance(random, 2) && !path.contains('?') {
        path.push('?');
        for index in 0..random.below(3).saturating_add(1) {
            if index > 0 {
                path.push('&');
            }
            path.push_str(&format!(
                "{}={}",
                segment(random, words),
                segment(random, words)
            ));
        }
    }
    let mut path: String = path
        .chars()
        .filter(|c| !c.is_control() && *c != ' ' && c.is_ascii())
        .collect();
    path.truncate(2000);
    if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

fn segment(random: &mut Random, words: &Words) -> String {
    match random.below(4) {
        0 => of(&NUMBERS, random).copied().unwrap_or("0").to_owned(),
        1 => random.below(10_000).to_string(),
        _ => words
            .values
            .one(random)
            .unwrap_or("a")
            .trim_matches('/')
            .to_owned(),
    }
}

/// What the upstream does with a request.
pub(super) fn upstream(random: &mut Random, words: &Words) -> UpstreamBehaviour {
    match random.below(12) {
        0 => UpstreamBehaviour::Reset,
        1 => UpstreamBehaviour::ResetAfterHeaders,
        2 => UpstreamBehaviour::Timeout,
        3 => UpstreamBehaviour::Unreachable,
        4 => UpstreamBehaviour::NoHealthyUpstream,
        5 => UpstreamBehaviour::DirectResponse,
        6..=8 => {
            let mut headers = Vec::new();
            for _ in 0..random.below(4) {
                let (name, value) = header(random, words);
                if name != "content-length" {
                    headers.push((name, value));
                }
            }
            UpstreamBehaviour::Answer(AnswerOverride {
                status: of(&STATUSES, random).copied(),
                headers: Some(headers),
                body: chance(random, 2).then(|| body(random, words)),
                trailers: None,
                streams: chance(random, 4),
            })
        }
        _ => UpstreamBehaviour::default(),
    }
}

/// A service behaves so from now on.
fn service(random: &mut Random, words: &Words) -> Act {
    let cluster = words.clusters.one(random).unwrap_or_default().to_owned();
    let behaviour = match random.below(6) {
        0 => ServiceBehaviour::Unreachable,
        1 => ServiceBehaviour::Hang,
        2 => ServiceBehaviour::Reset,
        3 => ServiceBehaviour::ResetAfterHeaders,
        _ => ServiceBehaviour::Answers(vec![ServiceAnswer {
            path: Pattern::Present,
            answer: Upstream {
                status: of(&STATUSES, random).copied().unwrap_or(200),
                body: body(random, words).concat(),
                ..Upstream::default()
            },
        }]),
    };
    Act::Service(Service { cluster, behaviour })
}
