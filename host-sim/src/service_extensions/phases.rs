//! One test on its way: a request through Envoy, looked at after each phase.

mod input;

use super::check::{Check, Observed};
use super::suite::{Case, Input, Invocation, Source};
use super::{Test, TestError, http1};
use crate::guest::module::Module;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{Exchange, HttpVersion, LogLevel, PluginSettings, octets};
use crate::proxy::simulator::{CallId, Event, Piece, Simulator, StartError};
use crate::scenario::report::Report;
pub(super) use input::read;
use input::{cut, filler, request};

/// Runs a test.
pub(super) fn run(
    test: &Test,
    module: &Module,
    configuration: &[u8],
    envoy: EnvoyVersion,
) -> Result<Report, TestError> {
    let mut check = Check::new(test);
    let settings = PluginSettings {
        // As in Google's load balancers, where a paused request shows its body.
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let start = i64::try_from(test.env.time_secs).ok();
    let start = start.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let mut builder = Simulator::builder(module)
        .settings(settings)
        .configuration(configuration)
        .envoy(envoy)
        .log_level(test.env.log_level.unwrap_or(LogLevel::Info))
        .clock(start.unwrap_or_default());
    for (path, value) in &test.case.properties {
        builder = builder.attribute(path, value);
    }
    let simulator = match builder.start() {
        Ok(simulator) => simulator,
        Err(error @ StartError::Load(_)) => return Err(error.into()),
        Err(error) => {
            let (log, trace) = match &error {
                StartError::Rejected { log, trace } | StartError::Failed { log, trace, .. } => {
                    (log.clone(), trace.clone())
                }
                StartError::Load(_) => Default::default(),
            };
            check.differs(
                "plugin_init",
                test.case.line,
                "the plugin starts".to_owned(),
                error.to_string(),
            );
            return Ok(check.into_report(None, log, trace));
        }
    };
    let mut passage = Passage {
        test,
        simulator,
        check,
        seen: Seen::default(),
        logged: 0,
    };
    passage.go()?;
    let Passage {
        mut simulator,
        mut check,
        seen,
        ..
    } = passage;
    if let Some(failure) = simulator.any_failure() {
        let failure = failure.to_string();
        check.differs(
            "stream_destroy",
            test.case.line,
            "the plugin lives".to_owned(),
            failure,
        );
    }
    let trace = simulator.take_trace();
    Ok(check.into_report(seen.exchange, simulator.log(), trace))
}

/// What has come out since the phase began.
#[derive(Default)]
struct Seen {
    /// What went on to the upstream since the phase began.
    sent: Vec<u8>,
    /// What went on to the client.
    got: Vec<u8>,
    /// The head of the answer.
    answer: Option<Vec<(String, String)>>,
    /// Whether the upstream has all of the request.
    forwarded: bool,
    exchange: Option<Exchange>,
    held: Option<String>,
}

struct Passage<'t> {
    test: &'t Test,
    simulator: Simulator,
    check: Check<'t>,
    seen: Seen,
    /// How many lines were logged before the last thing that was done.
    logged: usize,
}

/// Which callbacks' lines belong to the phase, and which to the stream's beginning and end.
fn is_of_phase(callback: &str) -> bool {
    !is_of_start(callback) && !is_of_end(callback)
}

fn is_of_start(callback: &str) -> bool {
    callback == "proxy_on_context_create"
}

fn is_of_end(callback: &str) -> bool {
    ["proxy_on_log", "proxy_on_done", "proxy_on_delete"].contains(&callback)
}

impl Passage<'_> {
    fn case(&self) -> &Case {
        &self.test.case
    }

    fn go(&mut self) -> Result<(), TestError> {
        let case = &self.test.case;
        let init = self.lines(|_| true);
        self.check
            .side_effects("plugin_init", &case.plugin_init, &init)?;

        let body = self.body(&case.request_body)?;
        let mut headers = match &case.request_headers {
            Some(invocation) => self.headers(invocation, http1::request)?,
            None => Vec::new(),
        };
        let filled = filler(&mut headers, &body, case.request_body.is_empty());
        let request = request(&headers, !body.is_empty());
        self.mark();
        let ended = body.is_empty() && filled.is_none();
        let call = self.simulator.begin_streaming(&request, ended)?;
        self.settle()?;
        let init = self.lines(is_of_start);
        self.check
            .side_effects("stream_init", &case.stream_init, &init)?;
        if let Some(invocation) = &case.request_headers {
            let headers = self.simulator.request_headers(call);
            let observed = self.observed(headers);
            self.check.phase("request_headers", invocation, &observed)?;
        }
        self.bodies("request_body", call, &case.request_body, body, filled)?;
        if self.seen.exchange.is_none() && !self.seen.forwarded {
            let line = case.request_body.last().or(case.request_headers.as_ref());
            let line = line.map_or(case.line, |invocation| invocation.line);
            let why = self.seen.held.take().unwrap_or_default();
            self.check.differs(
                "request",
                line,
                "it goes on to the upstream, or is answered".to_owned(),
                format!("the plugin holds it{why}"),
            );
        } else {
            self.respond(call)?;
        }
        let end = self.lines(is_of_end);
        self.check
            .side_effects("stream_destroy", &case.stream_destroy, &end)
    }

    /// The answer, if there is still one to come.
    fn respond(&mut self, call: CallId) -> Result<(), TestError> {
        let case = &self.test.case;
        if self.seen.exchange.is_some() {
            let mut phases = case
                .response_headers
                .iter()
                .map(|phase| ("response_headers", phase));
            let bodies = case
                .response_body
                .iter()
                .map(|phase| ("response_body", phase));
            let next = phases.next().or(bodies.into_iter().next());
            if let Some((name, invocation)) = next {
                let observed = "the request was answered, or given up, before".to_owned();
                self.check.differs(
                    name,
                    invocation.line,
                    "the upstream's answer comes to it".to_owned(),
                    observed,
                );
            }
            return Ok(());
        }
        let body = self.body(&case.response_body)?;
        let mut headers = match &case.response_headers {
            Some(invocation) => self.headers(invocation, http1::response)?,
            None => Vec::new(),
        };
        let filled = filler(&mut headers, &body, case.response_body.is_empty());
        let status = headers.iter().find(|(name, _)| name == ":status");
        let status = status
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(200);
        headers.retain(|(name, _)| !name.starts_with(':'));
        self.mark();
        let ended = body.is_empty() && filled.is_none();
        self.simulator.respond(call, status, &headers, ended);
        self.settle()?;
        if let Some(invocation) = &case.response_headers {
            let observed = self.observed(self.seen.answer.clone());
            if observed.immediate.is_none()
                && observed.headers.is_none()
                && self.seen.held.is_none()
            {
                self.seen.held = Some(String::new());
            }
            self.check
                .phase("response_headers", invocation, &observed)?;
        }
        self.bodies("response_body", call, &case.response_body, body, filled)?;
        if self.seen.exchange.is_none() {
            let line = case.response_body.last().or(case.response_headers.as_ref());
            let line = line.map_or(case.line, |invocation| invocation.line);
            self.check.differs(
                "response",
                line,
                "it goes on to the client".to_owned(),
                "the plugin holds it".to_owned(),
            );
        }
        Ok(())
    }

    /// The pieces of a body, invocation by invocation.
    fn bodies(
        &mut self,
        phase: &'static str,
        call: CallId,
        invocations: &[Invocation],
        pieces: Vec<Vec<Vec<u8>>>,
        filled: Option<Vec<u8>>,
    ) -> Result<(), TestError> {
        if let Some(bytes) = filled {
            return self.piece(phase, call, bytes, true);
        }
        let all = invocations.len();
        for (index, (invocation, pieces)) in invocations.iter().zip(pieces).enumerate() {
            let was_answered = self.seen.exchange.is_some();
            if was_answered {
                self.check.differs(
                    phase,
                    invocation.line,
                    "the body comes to the plugin".to_owned(),
                    "the request was answered, or given up, before".to_owned(),
                );
                return Ok(());
            }
            let (sent, got) = (self.seen.sent.len(), self.seen.got.len());
            let last = pieces.len().saturating_sub(1);
            for (number, bytes) in pieces.into_iter().enumerate() {
                let end = number == last && index.saturating_add(1) == all;
                self.piece(phase, call, bytes, end)?;
            }
            let headers = match phase {
                "request_body" => self.simulator.request_headers(call),
                _ => self.seen.answer.clone(),
            };
            let mut observed = self.observed(headers);
            if observed.immediate.is_none() {
                let (all, before) = match phase {
                    "request_body" => (&self.seen.sent, sent),
                    _ => (&self.seen.got, got),
                };
                observed.body = all.get(before..).unwrap_or_default().to_vec();
            }
            self.check.phase(phase, invocation, &observed)?;
        }
        Ok(())
    }

    fn piece(
        &mut self,
        phase: &str,
        call: CallId,
        bytes: Vec<u8>,
        end: bool,
    ) -> Result<(), TestError> {
        self.mark();
        let piece = Piece::Data { bytes, end };
        if phase == "request_body" {
            self.simulator.receive(call, piece, HttpVersion::Two);
        } else {
            self.simulator.receive_answer(call, piece, HttpVersion::Two);
        }
        self.settle()
    }

    /// Only what is logged and called from now on counts.
    fn mark(&mut self) {
        self.logged = self.simulator.log().len();
    }

    fn settle(&mut self) -> Result<(), TestError> {
        for event in self.simulator.settle()? {
            match event {
                Event::Forward { request, ended, .. } => {
                    self.seen.forwarded |= ended;
                    self.seen.sent.extend(request.body);
                }
                Event::ForwardMore {
                    piece: Piece::Data { bytes, end },
                    ..
                } => {
                    self.seen.sent.extend(bytes);
                    self.seen.forwarded |= end;
                }
                Event::AnswerMore {
                    piece: Piece::Data { bytes, .. },
                    ..
                } => self.seen.got.extend(bytes),
                Event::ForwardMore { .. } | Event::AnswerMore { .. } => {}
                Event::Answer {
                    status, headers, ..
                } => {
                    let status = (":status".to_owned(), status.to_string());
                    self.seen.answer = Some([vec![status], headers].concat());
                }
                Event::Ended { mut exchange, .. } => {
                    // It was told piece by piece.
                    exchange.body.clone_from(&self.seen.got);
                    self.seen.exchange = Some(exchange);
                }
                Event::BodyHidden(hidden) => {
                    self.seen.held = Some(format!("; {}", hidden.why()));
                }
                Event::Callout { .. } => {}
            }
        }
        Ok(())
    }

    /// What was logged since the mark in these callbacks.
    fn lines(&self, of: fn(&str) -> bool) -> Vec<String> {
        let all = self
            .simulator
            .log_by_callback()
            .into_iter()
            .skip(self.logged);
        all.filter(|(callback, _)| of(callback))
            .map(|(_, line)| line.text)
            .collect()
    }

    /// What is seen now, in a phase of which these headers have come out.
    fn observed(&mut self, headers: Option<Vec<(String, String)>>) -> Observed {
        let trace = self.simulator.take_trace();
        let immediate = self.check.immediate(trace, self.seen.exchange.as_ref());
        let answered = self.seen.exchange.as_ref().filter(|_| immediate.is_some());
        let headers = match answered {
            Some(exchange) => {
                let status = (":status".to_owned(), exchange.status.to_string());
                Some([vec![status], exchange.headers.clone()].concat())
            }
            None => headers,
        };
        let closed = self.seen.exchange.as_ref().filter(|_| immediate.is_none());
        let closed = closed
            .filter(|exchange| exchange.response_code_details.as_deref() != Some("via_upstream"));
        Observed {
            headers,
            // Headers alone have none.
            body: if immediate.is_some() {
                self.seen.got.clone()
            } else {
                Vec::new()
            },
            log: self.lines(is_of_phase),
            closed: closed
                .map(|exchange| exchange.response_code_details.clone().unwrap_or_default()),
            immediate,
        }
    }

    fn source(&self, source: &Source, line: usize) -> Result<Vec<u8>, TestError> {
        read(self.test, source, line)
    }

    /// The headers of a phase.
    fn headers(
        &self,
        invocation: &Invocation,
        parse: fn(&[u8]) -> Result<http1::Headers, String>,
    ) -> Result<Vec<(String, String)>, TestError> {
        let Input { headers, content } = &invocation.input;
        let headers = match content {
            None => headers.clone(),
            Some(source) => {
                let content = self.source(source, invocation.line)?;
                parse(&content).map_err(|message| self.wrong(invocation.line, message))?
            }
        };
        let text = |(name, value): (String, Vec<u8>)| (name, octets::text(&value));
        Ok(headers.into_iter().map(text).collect())
    }

    fn wrong(&self, line: usize, message: String) -> TestError {
        TestError::Input {
            file: self.test.file.clone(),
            line,
            message,
        }
    }

    /// The pieces of each invocation of a body.
    fn body(&self, invocations: &[Invocation]) -> Result<Vec<Vec<Vec<u8>>>, TestError> {
        let pieces = |invocation: &Invocation| {
            let content = match &invocation.input.content {
                Some(source) => self.source(source, invocation.line)?,
                None if invocation.input.headers.is_empty() => Vec::new(),
                None => {
                    let message = "a body has no `header`, expected `content` or `file`".to_owned();
                    return Err(self.wrong(invocation.line, message));
                }
            };
            Ok(cut(content, self.case().chunking))
        };
        invocations.iter().map(pieces).collect()
    }
}
