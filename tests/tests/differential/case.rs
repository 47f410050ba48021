//! A request, and what the filter is to do with it and with its answer.

use host_sim::target::{
    AnswerOverride, Departure, ErrorCode, HttpVersion, Request, UpstreamBehaviour,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

/// A request and what is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// A letter for each callback, as in `guests/exerciser.wat`.
    pub(crate) script: [char; 6],
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// The sizes of the pieces of the body.
    pub(crate) pieces: Vec<usize>,
    pub(crate) trailers: Vec<(&'static str, &'static str)>,
    pub(crate) http2: bool,
    pub(crate) upstream: Upstream,
    /// Whether the client goes away while the upstream holds its answer, or the end of it.
    pub(crate) leaves: bool,
    /// How it goes.
    pub(crate) departure: Departure,
    /// Whether it keeps the end of its request back until then.
    pub(crate) unfinished: bool,
}

/// What the upstream does.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Answers {
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        size: usize,
        trailers: Vec<(&'static str, &'static str)>,
        /// Of a call that the client leaves: only the end of the answer is held.
        streams: bool,
    },
    Resets,
    ResetsAfterHeaders,
    Unreachable,
    Hangs,
}

impl Case {
    /// A plain request that passes.
    pub(crate) fn plain() -> Self {
        Self {
            script: ['-'; 6],
            method: "GET",
            path: "/",
            headers: Vec::new(),
            pieces: Vec::new(),
            trailers: Vec::new(),
            http2: false,
            upstream: Upstream::Answers {
                status: 200,
                headers: Vec::new(),
                size: 0,
                trailers: Vec::new(),
                streams: false,
            },
            leaves: false,
            departure: Departure::Usual,
            unfinished: false,
        }
    }

    /// The request as it is sent.
    pub(crate) fn request(&self) -> Request {
        let script: String = self.script.iter().collect();
        // The exerciser reads eight letters at once.
        let mut headers = vec![("x-do".to_owned(), format!("{script}--"))];
        headers.extend(owned(&self.headers));
        Request {
            method: self.method.to_owned(),
            path: self.path.to_owned(),
            headers,
            body: self.pieces.iter().map(|size| body(*size)).collect(),
            trailers: owned(&self.trailers),
            http: if self.http2 {
                HttpVersion::Two
            } else {
                HttpVersion::One
            },
            upstream: self.upstream.behaviour(),
            unfinished: self.unfinished,
            ..Request::default()
        }
    }
}

impl Upstream {
    fn behaviour(&self) -> UpstreamBehaviour {
        match self {
            Self::Answers {
                status,
                headers,
                size,
                trailers,
                streams,
            } => UpstreamBehaviour::Answer(AnswerOverride {
                status: Some(*status),
                headers: Some(owned(headers)),
                body: Some(vec![body(*size)]),
                trailers: Some(owned(trailers)),
                streams: *streams,
            }),
            Self::Hangs => UpstreamBehaviour::Timeout,
            Self::Resets => UpstreamBehaviour::Reset,
            Self::ResetsAfterHeaders => UpstreamBehaviour::ResetAfterHeaders,
            Self::Unreachable => UpstreamBehaviour::Unreachable,
        }
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let fields = fields.iter();
    fields
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A body of this size in which every place is recognized.
fn body(size: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size).collect()
}

/// All requests that the hosts are to treat alike.
pub(crate) fn any() -> impl Strategy<Value = Case> {
    // Not `s` in headers: Envoy sends them twice, as `known.rs` shows.
    let headers = || select(&['-', 'a', 'r', 'd', 'b', 'l', 'k', 'c'][..]);
    let body = || {
        select(
            &[
                '-', 'b', 'B', 'R', 'e', 'E', 't', 'l', 'k', 's', 'p', 'q', 'w',
            ][..],
        )
    };
    let trailing = || select(&['-', 'a', 'r', 'd'][..]);
    let script = (headers(), body(), trailing(), headers(), body(), trailing());
    // Most letters are to be the one that does nothing, or hardly any request would get anywhere.
    let quiet = vec(prop_oneof![3 => Just(true), 2 => Just(false)], 6);
    let fields = || {
        vec(
            select(
                &[
                    ("x-a", "1"),
                    ("x-a", "2"),
                    ("x-a", ""),
                    ("x-b", "with, comma"),
                    ("cookie", "a=b"),
                    ("cookie", "c=d"),
                    ("accept", "*/*"),
                    ("user-agent", "somebody"),
                    ("content-type", "application/grpc"),
                ][..],
            ),
            0..4,
        )
    };
    let answer_fields = vec(
        select(
            &[
                ("x-a", "1"),
                ("x-a", "2"),
                ("set-cookie", "a=b"),
                ("set-cookie", "c=d"),
                ("content-type", "text/plain"),
                ("cache-control", "no-store"),
                ("vary", "accept"),
            ][..],
        ),
        0..4,
    );
    let trailers = || option::weighted(0.3, vec(select(&[("x-a", "1"), ("x-t", "2")][..]), 1..3));
    let answers = (
        select(&[200_u16, 200, 200, 201, 204, 304, 404, 429, 500, 503][..]),
        answer_fields,
        prop_oneof![Just(0_usize), 1..50_usize, Just(5000)],
        trailers(),
        proptest::bool::ANY,
    );
    let upstream = prop_oneof![
        20 => answers.prop_map(|(status, headers, size, trailers, streams)| Upstream::Answers {
            status,
            headers,
            size,
            trailers: trailers.unwrap_or_default(),
            streams,
        }),
        3 => Just(Upstream::Resets),
        3 => Just(Upstream::ResetsAfterHeaders),
        3 => Just(Upstream::Unreachable),
        1 => Just(Upstream::Hangs),
    ];
    let method = select(
        &[
            "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH",
        ][..],
    );
    let path = select(&["/", "/a/b?c=d&e", "/%61//b/../c", "/*?"][..]);
    let pieces = vec(prop_oneof![1..50_usize, Just(3000)], 0..4);
    let departure = select(
        &[
            Departure::Usual,
            Departure::Close,
            Departure::HalfClose,
            Departure::BrokenChunk,
            Departure::Reset(ErrorCode::NO_ERROR),
            Departure::Reset(ErrorCode::PROTOCOL_ERROR),
            Departure::Reset(ErrorCode::REFUSED_STREAM),
            Departure::Reset(ErrorCode(2)),
            Departure::InvalidFrame,
            Departure::WindowOverflow,
        ][..],
    );
    let request = (
        method,
        path,
        fields(),
        pieces,
        trailers(),
        proptest::bool::ANY,
        proptest::bool::weighted(0.2),
        (departure, proptest::bool::weighted(0.3)),
    );
    (script, quiet, request, upstream).prop_map(|(script, quiet, request, upstream)| {
        let (method, path, headers, pieces, trailers, http2, leaves, how) = request;
        let (departure, unfinished) = how;
        let mut script = [script.0, script.1, script.2, script.3, script.4, script.5];
        for (letter, quiet) in script.iter_mut().zip(quiet) {
            if quiet {
                *letter = '-';
            }
        }
        let case = Case {
            script,
            method,
            path,
            headers,
            pieces,
            trailers: trailers.unwrap_or_default(),
            http2,
            upstream,
            leaves,
            departure,
            unfinished,
        };
        possible(case)
    })
}

/// Leaves out departures that cannot be, and that depend on the network's timing.
fn leaving(case: &mut Case) {
    // The upstream is to have what is sent of an unfinished request before the client leaves.
    let [headers, body, ..] = case.script;
    let ends = |letter: char| ['l', 'k'].contains(&letter);
    case.leaves &= !ends(headers) && !ends(body);
    let passes = ['-', 'a', 'r', 'd'].contains(&headers) && ['-', 'e', 'E', 'p'].contains(&body);
    case.unfinished &= case.leaves && passes && !case.pieces.is_empty();
    if let Upstream::Answers { streams, .. } = &mut case.upstream {
        *streams &= !case.unfinished;
    }
    let http = if case.http2 {
        HttpVersion::Two
    } else {
        HttpVersion::One
    };
    let other = |only| only != http;
    let broken = case.departure == Departure::BrokenChunk;
    if !case.leaves || case.departure.only_over().is_some_and(other) || broken && !case.unfinished {
        case.departure = Departure::Usual;
    }
    // After a second answer Envoy still shows the body of the first, as `known.rs` shows.
    if broken && case.script[3] == 'l' {
        case.script[3] = '-';
    }
}

/// Leaves out what cannot be sent, and what depends on the network's timing.
fn possible(mut case: Case) -> Case {
    let answers = case.script[0] == 'l' || case.script[1] == 'l';
    let bodiless = ["GET", "HEAD", "DELETE", "OPTIONS"].contains(&case.method);
    if bodiless {
        case.pieces.clear();
    }
    // Over HTTP/1 trailers need a body in pieces, and Envoy passes over them.
    if !case.http2 || case.pieces.is_empty() {
        case.trailers.clear();
    }
    // How many callbacks a body takes is the network's affair when it comes in several pieces or is large.
    let one_read = case.pieces.len() < 2 && case.pieces.iter().all(|size| *size < 1000);
    if !one_read && ['e', 'E', 'p', 'q', 'w'].contains(&case.script[1]) {
        case.script[1] = 'B';
    }
    // An answer to HEAD over HTTP/1 is over with its headers.
    if case.method == "HEAD" && !case.http2 && matches!(case.upstream, Upstream::ResetsAfterHeaders)
    {
        case.upstream = Upstream::Resets;
    }
    // Over HTTP/1 what is behind a body that is too long spoils the connection to the upstream, and for the rest of one that is too
    // short Envoy waits for long, unless the route is impatient.
    if !case.http2 {
        if ['p', 'e', 'E'].contains(&case.script[1]) && case.script[0] == 'c'
            || case.script[1] == 'p'
        {
            case.script[0] = '-';
            case.script[1] = 'B';
        }
        if case.script[0] == 'c' || ['q', 'w'].contains(&case.script[1]) && !case.pieces.is_empty()
        {
            case.upstream = Upstream::Hangs;
        }
    }
    // Whether the client's reset of an answer that is malformed comes before the end of it is a race.
    let malformed = case.script[3] == 'c' || ['p', 'q', 'w'].contains(&case.script[4]);
    if malformed && case.http2 {
        case.leaves = false;
        // So is it with an answer that comes before the end of the request, after which Envoy resets the stream.
        if answers && !case.pieces.is_empty() {
            case.script[0] = '-';
            case.script[1] = '-';
        }
        if case.script[4] == 't' {
            case.script[4] = '-';
        }
        if let Upstream::Answers { trailers, .. } = &mut case.upstream {
            trailers.clear();
        }
    }
    // Whether a filter sees all of a request that finds no upstream is a race.
    if matches!(case.upstream, Upstream::Unreachable) && !case.pieces.is_empty() {
        case.upstream = Upstream::Resets;
    }
    if case.leaves {
        // A call that is left is one that the upstream has.
        let held = case.script[3] == 'b';
        match &mut case.upstream {
            Upstream::Answers { streams, .. } => *streams &= !held,
            _ => case.leaves = false,
        }
    } else if let Upstream::Answers { streams, .. } = &mut case.upstream {
        *streams = false;
    }
    // After a second answer of the filter's own Envoy still shows the body of the first, as `known.rs` shows.
    if answers && case.script[3] == 'l' {
        case.script[3] = '-';
    }
    // Envoy as a whole ends when a filter resumes headers from within the callback for the body, and lets the body pass.
    if case.script[0] == 'b' && case.script[1] == 's' {
        case.script[0] = '-';
    }
    if case.script[3] == 'b' && case.script[4] == 's' {
        case.script[3] = '-';
    }
    // The tests' upstream cuts its answer off once the client has the beginning, which a filter that holds the headers keeps back.
    if case.script[3] == 'b' && matches!(case.upstream, Upstream::ResetsAfterHeaders) {
        case.script[3] = '-';
    }
    // Whether the upstream sees a request that is given up within its body is a race, and so is whether the client sees the
    // beginning of an answer that is given up: there is none when the headers are held until then.
    if ['l', 'k'].contains(&case.script[1]) && (case.script[0] != 'b' || !one_read) {
        case.script[1] = '-';
    }
    if ['l', 'k'].contains(&case.script[4]) && case.script[3] != 'b' {
        case.script[4] = '-';
    }
    if let Upstream::Answers {
        status,
        size,
        trailers,
        ..
    } = &mut case.upstream
    {
        // Whether an upstream tells HEAD of a length of nothing is its own affair.
        if case.method == "HEAD" && *size == 0 {
            *size = 1;
        }
        if [204, 304].contains(status) {
            *size = 0;
        }
        if !case.http2 || *size == 0 || case.method == "HEAD" {
            trailers.clear();
        }
        if *size > 1000 && ['e', 'E', 'p', 'q', 'w'].contains(&case.script[4]) {
            case.script[4] = 'B';
        }
    }
    leaving(&mut case);
    case
}
