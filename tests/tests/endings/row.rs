//! A row of the table: one way in which calls end, what is made to produce it, and what it costs.

use host_sim::target::HttpVersion;

/// One way in which calls end.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Who ends them.
    pub(crate) who: &'static str,
    /// How.
    pub(crate) how: &'static str,
    /// What the client does.
    pub(crate) client: Client,
    /// The listener that it calls.
    pub(crate) listener: &'static str,
    /// The route that the call takes.
    pub(crate) route: &'static str,
    /// The authority that the call names.
    pub(crate) authority: &'static str,
    /// The path that it names.
    pub(crate) path: &'static str,
    /// Other header fields.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Whether somebody else makes such a call first.
    pub(crate) second: bool,
    /// What the upstream does.
    pub(crate) upstream: Does,
    /// What each of these calls costs in the end. Its price is 100.
    pub(crate) charged: u64,
}

/// What a client does: it makes a call in each of these ways, and leaves once the upstream has the request; or it waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// A socket of the system, with HTTP/1.1.
    Socket(Leaving, Request),
    /// The program curl, with these arguments. It leaves when its time is over.
    Curl(&'static [&'static str]),
    /// `leave.py`.
    Frames(&'static [&'static str]),
    /// `leave.mjs`.
    Node(&'static [&'static str]),
    /// A client that waits for the answer.
    Waits(HttpVersion, Request),
    /// A client that waits, of an Envoy of its own.
    Special(Special),
}

/// What happens to an Envoy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Special {
    Overloaded,
    HighMemory,
    Drained,
    ShutDown,
}

/// How a client leaves a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaving {
    Close,
    HalfClose,
    Reset,
    /// It sends what is no chunk of a body.
    BadChunk,
    /// It does not leave, and sends nothing more.
    Stays,
}

/// How much a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `GET`.
    Whole,
    /// `POST` with a body.
    WithBody,
    /// `POST` with 500,000 bytes.
    Large,
    /// `POST` with a body whose end never comes.
    Unfinished,
}

/// What the upstream does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// It works on the request, and would answer 200.
    Works,
    /// It answers 200 once the client has done what it does.
    Finishes,
    /// It answers with this status, header fields and trailers.
    Answers(u16, Fields, Fields),
    /// It hangs up without an answer.
    HangsUp,
    /// It hangs up within its answer.
    BreaksOff,
}

type Fields = &'static [(&'static str, &'static str)];

impl Row {
    /// A call that waits for its answer, which is 200.
    pub(crate) const fn new(who: &'static str, how: &'static str) -> Self {
        Self {
            who,
            how,
            client: Client::Waits(HttpVersion::One, Request::Whole),
            listener: "api",
            route: "",
            authority: "api.example",
            path: "/",
            headers: &[],
            second: false,
            upstream: Does::Answers(200, &[], &[]),
            charged: 100,
        }
    }

    /// How often such a call is made.
    pub(crate) fn calls(&self) -> usize {
        match self.client {
            Client::Frames(ways) | Client::Node(ways) => ways.len(),
            Client::Socket(..) | Client::Curl(_) | Client::Waits(..) | Client::Special(_) => 1,
        }
    }
}
