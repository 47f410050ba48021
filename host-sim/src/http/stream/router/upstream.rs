//! What comes back from the upstream: an answer, or a failure that may be followed by another try.

use super::{Contact, Rest};
use crate::http::answer;
use crate::http::flag::Flag;
use crate::http::framing::Breach;
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::{Frame, Message};
use crate::http::retry::{Failure, Verdict};
use crate::http::stream::HttpStream;
use crate::model::usual_answer::UsualAnswer;
use crate::model::{BrokenOff, HttpVersion, Upstream, UpstreamBehaviour};

impl HttpStream {
    /// The upstream does what is due, or fails to.
    pub(crate) fn upstream_acts(&mut self, usual: &UsualAnswer) {
        if self.response.is_some() {
            return self.upstream_goes_on();
        }
        self.router.get_in_touch();
        let connected = self.router.contact == Contact::Connected;
        match self.router.breach.filter(|_| connected) {
            // The upstream refuses it.
            Some(Breach::Malformed) => {
                let (status, flag, reason) = broken_off(self.reset_by(BrokenOff::Malformed));
                return self.upstream_failed(status, flag, reason, &reason.replace(' ', "_"));
            }
            Some(Breach::Starved) => return self.upstream_timed_out(),
            None => {}
        }
        let router = &self.router;
        let usual = || usual.to(|| Some(router.request.as_ref()?.request()));
        match &router.behaviour {
            UpstreamBehaviour::Answer(answer) => {
                let (answered, streams) = (answer.over(&usual()), answer.streams);
                self.answer(&answered, streams);
            }
            UpstreamBehaviour::ResetAfterHeaders => {
                let usual = usual();
                self.answer(&usual, true);
                if self.response.is_some() {
                    self.router.rest = Some(Rest::Reset);
                }
            }
            UpstreamBehaviour::InternalRedirect { status, location } => {
                let (status, location) = (*status, location.clone());
                self.is_redirected(status, &location);
            }
            // They have answered before.
            UpstreamBehaviour::NoHealthyUpstream
            | UpstreamBehaviour::DirectResponse
            | UpstreamBehaviour::Redirect
            | UpstreamBehaviour::Neighbour(_) => {}
            UpstreamBehaviour::Timeout => self.upstream_timed_out(),
            UpstreamBehaviour::Reset => {
                let usual = match self.upstream_http() {
                    HttpVersion::One => BrokenOff::Closed,
                    HttpVersion::Two => BrokenOff::Reset,
                };
                let broken = self.router.broken.take().unwrap_or(usual);
                let (status, flag, reason) = broken_off(self.reset_by(broken));
                self.upstream_failed(status, flag, reason, &reason.replace(' ', "_"));
            }
            UpstreamBehaviour::Unreachable => self.upstream_failed(
                503,
                Flag::UpstreamConnectionFailure,
                &format!(
                    "remote connection failure{}",
                    self.proxy.version.why_refused()
                ),
                "remote_connection_failure|delayed_connect_error:_Connection_refused",
            ),
        }
    }

    /// The router has waited long enough.
    pub(crate) fn upstream_timed_out(&mut self) {
        self.router.get_in_touch();
        let timeouts = self.router.timeouts();
        let (whole, per_try) = self.router.gives_up.unwrap_or_default();
        let by_try = per_try.is_some_and(|by_try| whole.is_none_or(|whole| by_try < whole));
        if by_try && self.response.is_none() && self.is_retried(Failure::Slow) {
            return;
        }
        self.router.rest = None;
        self.flags |= Flag::UpstreamRequestTimeout.bit();
        let details = match by_try {
            true => "upstream_per_try_timeout",
            false => "response_timeout",
        };
        let answer = match timeouts.is_silent {
            true => LocalResponse::by_envoy(204, "", details),
            false => LocalResponse::by_envoy(504, "upstream request timeout", details),
        };
        self.give_up(&answer);
    }

    /// Whether a try that has failed is followed by another one.
    fn is_retried(&mut self, failure: Failure) -> bool {
        let verdict = self.router.retries.after_failure(failure);
        self.goes_on_after(verdict)
    }

    fn goes_on_after(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Again => self.router.ask_again(),
            Verdict::Exhausted => self.flags |= Flag::UpstreamRetryLimitExceeded.bit(),
            Verdict::Final => {}
        }
        verdict == Verdict::Again
    }

    fn upstream_failed(&mut self, status: u32, flag: Flag, reason: &str, details: &str) {
        let failure = match flag {
            Flag::UpstreamConnectionFailure => Failure::Connect,
            _ => Failure::Reset,
        };
        if self.is_retried(failure) {
            return;
        }
        self.flags |= flag.bit();
        let latest = match self.router.retries.has_retried() {
            true => "retried and the latest reset reason",
            false => "reset reason",
        };
        self.local_response(&LocalResponse::by_envoy(
            status,
            &format!(
                "upstream connect error or disconnect/reset before headers. {latest}: {reason}"
            ),
            &format!("upstream_reset_before_response_started{{{details}}}"),
        ));
    }

    /// The upstream breaks the protocol before its answer starts.
    fn upstream_is_malformed(&mut self) {
        let (status, flag, reason) = broken_off(BrokenOff::Malformed);
        self.upstream_failed(status, flag, reason, &reason.replace(' ', "_"));
    }

    /// An answer starts, and ends unless it streams.
    fn answer(&mut self, answer: &Upstream, streams: bool) {
        if answer::check(answer, self.upstream_http()).is_err() {
            return self.upstream_is_malformed();
        }
        let retries = &mut self.router.retries;
        let verdict = retries.after_answer(answer.status, &answer.headers);
        if self.goes_on_after(verdict) {
            return;
        }
        let (mut headers, mut frames) = answer::response(
            answer,
            self.head,
            self.upstream_http(),
            streams,
            (&self.date, self.proxy.version),
        );
        self.leave_out_time(&mut headers);
        self.status = Some(answer.status);
        self.response_details = Some("via_upstream".to_owned());
        // Over HTTP/1 such an answer is over with its headers, while over HTTP/2 its end may come later.
        let is_cut = self.is_cut(answer.status, &mut headers);
        if is_cut {
            frames.clear();
        }
        let bodiless = self.upstream_http() == HttpVersion::One
            && (self.head || answer.status == 204 || answer.status == 304 || is_cut);
        if !streams || bodiless {
            self.response = Some(Message::new(headers, frames, self.limit));
            return;
        }
        let end = Frame::Data {
            bytes: Vec::new(),
            end: true,
        };
        let end = match frames.pop() {
            Some(Frame::Data { bytes, .. }) if !bytes.is_empty() => {
                frames.push(Frame::Data { bytes, end: false });
                end
            }
            other => other.unwrap_or(end),
        };
        self.router.rest = Some(Rest::End(end));
        self.response = Some(Message::streaming(headers, frames, self.limit));
    }

    /// An answer of a real upstream starts.
    pub(crate) fn answer_begins(&mut self, status: u16, headers: &[(String, String)], end: bool) {
        if !self.awaits_response() {
            return;
        }
        let upstream = Upstream {
            status,
            headers: headers.to_vec(),
            ..Upstream::default()
        };
        self.router.contact = Contact::Connected;
        if answer::check(&upstream, self.upstream_http()).is_err() {
            return self.upstream_is_malformed();
        }
        let verdict = self.router.retries.after_answer(status, headers);
        if self.goes_on_after(verdict) {
            return;
        }
        let (mut headers, _) = answer::response(
            &upstream,
            self.head,
            self.upstream_http(),
            !end,
            (&self.date, self.proxy.version),
        );
        self.leave_out_time(&mut headers);
        let end = self.is_cut(status, &mut headers) || end;
        // Servers need not send one.
        if upstream.headers.iter().all(|(name, _)| name != "date") {
            headers.remove("date");
        }
        self.status = Some(status);
        self.response_details = Some("via_upstream".to_owned());
        let message = if end {
            Message::new
        } else {
            Message::streaming
        };
        self.response = Some(message(headers, Vec::new(), self.limit));
    }

    /// Whether an answer ends with its headers, which then do not say otherwise: a success or a redirect for a client that asked for another
    /// protocol, as observed on Envoy 1.40.
    fn is_cut(&self, status: u16, headers: &mut HeaderMap) -> bool {
        let is_cut = self.is_upgraded && (200..400).contains(&status);
        if is_cut {
            headers.remove("content-length");
            headers.remove("transfer-encoding");
        }
        is_cut
    }

    /// How long the upstream took is only known once it has all of the request.
    fn leave_out_time(&self, headers: &mut HeaderMap) {
        if !self.router.request_ended {
            headers.remove("x-envoy-upstream-service-time");
        }
    }

    /// How an upstream has reset a stream, in the eyes of this version of Envoy.
    fn reset_by(&self, how: BrokenOff) -> BrokenOff {
        let apart = self.proxy.version.tells_protocol_errors_apart();
        match (how, self.upstream_http()) {
            (BrokenOff::Malformed, HttpVersion::Two) if !apart => BrokenOff::Reset,
            (how, _) => how,
        }
    }

    /// It breaks off, before an answer has begun or within it.
    pub(crate) fn breaks_off(&mut self, how: BrokenOff) {
        self.router.broken = Some(how);
        if self.response.is_some() {
            self.router.rest = Some(Rest::Reset);
            self.router.held = false;
        }
    }

    /// The version of HTTP that the upstream speaks.
    pub(in crate::http::stream) fn upstream_http(&self) -> HttpVersion {
        self.proxy.upstream_http.unwrap_or(self.http)
    }

    fn upstream_goes_on(&mut self) {
        match self.router.rest.take() {
            None => {}
            Some(Rest::End(frame)) => {
                if let Some(response) = &mut self.response {
                    response.arrive(frame);
                }
            }
            Some(Rest::Reset) => {
                let broken = match self.upstream_http() {
                    // A body that breaks off is malformed rather than closed.
                    HttpVersion::One => BrokenOff::Malformed,
                    HttpVersion::Two => self.router.broken.take().unwrap_or(BrokenOff::Reset),
                };
                let (_, flag, reason) = broken_off(self.reset_by(broken));
                let reason = reason.replace(' ', "_");
                self.flags |= flag.bit();
                self.response_details =
                    Some(format!("upstream_reset_after_response_started{{{reason}}}"));
                self.abort();
            }
        }
    }

    /// The client resets a stream whose answer is malformed.
    pub(in crate::http::stream) fn refuse(&mut self) {
        self.flags |= Flag::DownstreamProtocolError.bit();
        self.response_details = Some("http2.remote_reset".to_owned());
        self.abort();
    }
}

/// What Envoy answers to an upstream that breaks off before its answer, its flag, and the reason that it names.
fn broken_off(how: BrokenOff) -> (u32, Flag, &'static str) {
    match how {
        BrokenOff::Closed => (
            503,
            Flag::UpstreamConnectionTermination,
            "connection termination",
        ),
        BrokenOff::Reset => (503, Flag::UpstreamRemoteReset, "remote reset"),
        BrokenOff::Refused => (
            503,
            Flag::UpstreamRemoteReset,
            "remote refused stream reset",
        ),
        BrokenOff::Malformed => (502, Flag::UpstreamProtocolError, "protocol error"),
    }
}
