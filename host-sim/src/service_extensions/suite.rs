//! What a file of tests says, field by field.
//!
//! The format is known by its use: files of several generations are about, and what an older one says at another place (`runtime` for
//! `env`, expectations of headers beside `headers`) is taken where it stands.

mod field;
mod read;

use regex::bytes::Regex;

use crate::model::LogLevel;
pub(super) use read::read;

/// A file of tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) env: Env,
    pub(super) tests: Vec<Case>,
    /// What stands in the file and has no effect here, with its line and why.
    pub(super) unused: Vec<(usize, String)>,
}

/// What all tests of a file run with.
#[derive(Clone, Debug, Default)]
pub(super) struct Env {
    pub(super) wasm_path: Option<String>,
    pub(super) config_path: Option<String>,
    pub(super) log_level: Option<LogLevel>,
    /// Seconds of the Unix clock.
    pub(super) time_secs: u64,
}

/// One test.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) chunking: Option<Chunking>,
    /// Properties by their paths, with dots.
    pub(super) properties: Vec<(String, Vec<u8>)>,
    pub(super) plugin_init: Expectation,
    pub(super) stream_init: Expectation,
    pub(super) stream_destroy: Expectation,
    pub(super) request_headers: Option<Invocation>,
    pub(super) request_body: Vec<Invocation>,
    pub(super) response_headers: Option<Invocation>,
    pub(super) response_body: Vec<Invocation>,
}

/// How a body is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chunking {
    /// Into so many pieces.
    Count(usize),
    /// Into pieces of so many bytes.
    Size(usize),
}

/// One phase: what goes in, and what must come out.
#[derive(Clone, Debug, Default)]
pub(super) struct Invocation {
    pub(super) line: usize,
    pub(super) input: Input,
    pub(super) result: Expectation,
}

/// What goes into a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) content: Option<Source>,
}

/// Content, or the file that holds it.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Content(Vec<u8>),
    File(String, usize),
}

/// What must be so after a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Expectation {
    pub(super) headers: ExpectedHeaders,
    pub(super) body: Vec<Matcher>,
    pub(super) immediate: Option<Immediate>,
    pub(super) log: Vec<Matcher>,
}

/// What must be so of headers.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpectedHeaders {
    pub(super) has: Vec<(String, Vec<u8>, usize)>,
    pub(super) no: Vec<(String, usize)>,
    /// Of lines `name: value`.
    pub(super) serialized: Vec<Matcher>,
}

/// The answer of the plugin in place of the upstream's.
#[derive(Clone, Debug, Default)]
pub(super) struct Immediate {
    pub(super) line: usize,
    pub(super) http_status: Option<u64>,
    pub(super) grpc_status: Option<u64>,
    pub(super) details: Option<String>,
    pub(super) body: Vec<Matcher>,
    pub(super) headers: ExpectedHeaders,
}

/// A text that is to be there, or not to be there.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) line: usize,
    pub(super) invert: bool,
    pub(super) what: What,
}

/// What a text is compared with.
#[derive(Clone, Debug)]
pub(super) enum What {
    Exact(Source),
    /// For the whole text; and as it is written.
    Regex(Regex, String),
}
