//! A request, and what the filter is to do with it and with its answer.

use host_sim::target::{AnswerOverride, HttpVersion, Request, UpstreamBehaviour};
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
}

/// What the upstream does.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Answers {
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        size: usize,
        trailers: Vec<(&'static str, &'static str)>,
    },
    Resets,
    ResetsAfterHeaders,
    Unreachable,
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
            },
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
            } => UpstreamBehaviour::Answer(AnswerOverride {
                status: Some(*status),
                headers: Some(owned(headers)),
                body: Some(body(*size)),
                trailers: Some(owned(trailers)),
                streams: false,
            }),
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
    // Not `s`: it ends the whole Envoy, as `known.rs` shows.
    let script = (
        select(&['-', 'a', 'r', 'd', 'b', 'l', 'k'][..]),
        select(&['-', 'b', 'B', 'R', 'e', 'E', 't', 'l', 'k'][..]),
        select(&['-', 'a', 'r', 'd'][..]),
        select(&['-', 'a', 'r', 'd', 'b', 'l', 'k'][..]),
        select(&['-', 'b', 'B', 'R', 'e', 'E', 't', 'l', 'k'][..]),
        select(&['-', 'a', 'r', 'd'][..]),
    );
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
    );
    let upstream = prop_oneof![
        8 => answers.prop_map(|(status, headers, size, trailers)| Upstream::Answers {
            status,
            headers,
            size,
            trailers: trailers.unwrap_or_default(),
        }),
        1 => Just(Upstream::Resets),
        1 => Just(Upstream::ResetsAfterHeaders),
        1 => Just(Upstream::Unreachable),
    ];
    let method = select(
        &[
            "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH",
        ][..],
    );
    let path = select(&["/", "/a/b?c=d&e", "/%61//b/../c", "/*?"][..]);
    let pieces = vec(prop_oneof![1..50_usize, Just(3000)], 0..4);
    let request = (
        method,
        path,
        fields(),
        pieces,
        trailers(),
        proptest::bool::ANY,
    );
    (script, quiet, request, upstream).prop_map(|(script, quiet, request, upstream)| {
        let (method, path, headers, pieces, trailers, http2) = request;
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
        };
        possible(case)
    })
}

/// Leaves out what cannot be sent, and what depends on the network's timing.
fn possible(mut case: Case) -> Case {
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
    if !one_read && ['e', 'E'].contains(&case.script[1]) {
        case.script[1] = 'B';
    }
    // An answer to HEAD is over with its headers, which only an upstream over HTTP/1 knows.
    if case.method == "HEAD" && matches!(case.upstream, Upstream::ResetsAfterHeaders) {
        case.upstream = Upstream::Resets;
    }
    // The tests' client takes an answer to HEAD over HTTP/2 for cut off when it has a `content-length`.
    if case.method == "HEAD" {
        case.http2 = false;
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
        if *size > 1000 && ['e', 'E'].contains(&case.script[4]) {
            case.script[4] = 'B';
        }
    }
    case
}
