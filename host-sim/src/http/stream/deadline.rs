//! Streams that Envoy gives up, as observed on Envoy 1.40: those that stand still (`stream_idle_timeout`), last too long
//! (`max_stream_duration`, or `grpc-timeout` of the client where the route obeys it) or keep the filters busy (`request_timeout`).

use std::time::Duration;

use super::HttpStream;
use crate::http::flag::Flag;
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::model::Timeouts;
use crate::model::clock::Instant;

/// The gRPC status of a call that takes too long.
const DEADLINE_EXCEEDED: u32 = 4;

/// When a stream is given up, of one that ever is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// With nothing coming or going.
    idle: Option<(Duration, Instant)>,
    /// Whatever happens.
    duration: Option<Instant>,
    /// Unless the whole request has passed the filters.
    request: Option<Instant>,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Idle,
    Duration,
    Request,
}

impl Deadlines {
    /// Those of a request that comes now; `None` where it has none.
    pub(super) fn of(timeouts: &Timeouts, headers: &HeaderMap, now: Instant) -> Option<Self> {
        let duration = grpc_timeout(timeouts, headers).or(timeouts.max_stream_duration);
        let after = |timeout: Option<Duration>| {
            let timeout = timeout.filter(|timeout| !timeout.is_zero())?;
            Some(now.after(timeout))
        };
        let deadlines = Self {
            idle: timeouts.idle.zip(after(timeouts.idle)),
            duration: after(duration),
            request: after(timeouts.request),
        };
        deadlines.next(false).map(|_| deadlines)
    }

    /// The next of them; that of the request is none once it has `passed`.
    fn next(&self, passed: bool) -> Option<(Instant, Reason)> {
        let all = [
            (self.idle.map(|(_, at)| at), Reason::Idle),
            (self.duration, Reason::Duration),
            (self.request.filter(|_| !passed), Reason::Request),
        ];
        let all = all.into_iter();
        all.filter_map(|(at, reason)| Some((at?, reason)))
            .min_by_key(|(at, _)| *at)
    }
}

/// The client's own deadline, where it counts.
fn grpc_timeout(timeouts: &Timeouts, headers: &HeaderMap) -> Option<Duration> {
    let most = timeouts.grpc_timeout_header_max?;
    let text = headers.text("grpc-timeout")?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // At most eight digits.
    let number = digits.parse::<u64>().ok().filter(|_| digits.len() <= 8)?;
    let asked = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    Some(if most.is_zero() {
        asked
    } else {
        asked.min(most)
    })
}

impl HttpStream {
    /// When it is given up, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due().map(|(at, _)| at)
    }

    fn due(&self) -> Option<(Instant, Reason)> {
        let deadlines = self.deadlines.filter(|_| !self.is_over())?;
        deadlines.next(self.request_passed)
    }

    /// Something has come or gone.
    pub(crate) fn touch(&mut self, now: Instant) {
        if let Some((timeout, at)) = self.deadlines.as_mut().and_then(|of| of.idle.as_mut()) {
            *at = now.after(*timeout);
        }
    }

    /// Gives it up if it is time.
    pub(crate) fn expire(&mut self, now: Instant) {
        let Some((_, reason)) = self.due().filter(|(at, _)| *at <= now) else {
            return;
        };
        let (body, details) = match reason {
            Reason::Idle => ("stream timeout", "stream_idle_timeout"),
            Reason::Duration => ("downstream duration timeout", "max_duration_timeout"),
            Reason::Request => ("request timeout", "request_overall_timeout"),
        };
        // Of a deadline gRPC has a status of its own, which also that of Envoy gets.
        let grpc_status = (reason == Reason::Duration).then_some(DEADLINE_EXCEEDED);
        if reason == Reason::Idle {
            self.flags |= Flag::StreamIdleTimeout.bit();
        }
        // Whose fault it is.
        let status = if self.request.is_complete() { 504 } else { 408 };
        self.give_up(&LocalResponse {
            grpc_status,
            ..LocalResponse::by_envoy(status, body, details)
        });
    }

    /// Answers so, or ends an answer that has begun.
    pub(super) fn give_up(&mut self, local: &LocalResponse) {
        if self.client.headers.is_none() {
            return self.local_response(local);
        }
        self.response_details = Some(local.details.clone());
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_grpc(header: &str, most: u64) -> Option<Duration> {
        let mut headers = HeaderMap::of_request();
        headers.add("grpc-timeout", header);
        let timeouts = Timeouts {
            grpc_timeout_header_max: Some(Duration::from_millis(most)),
            ..Timeouts::default()
        };
        grpc_timeout(&timeouts, &headers)
    }

    #[test]
    fn clients_say_in_units_how_long_a_stream_may_last() {
        for (header, milliseconds) in [
            ("2H", Some(7_200_000)),
            ("3M", Some(180_000)),
            ("4S", Some(4000)),
            ("100m", Some(100)),
            ("5000u", Some(5)),
            ("6000000n", Some(6)),
            ("0m", Some(0)),
            ("99999999m", Some(99_999_999)),
            ("123456789m", None),
            ("100", None),
            ("m", None),
            ("1.5S", None),
            ("", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(of_grpc(header, 0), expected, "{header:?}");
        }
        assert_eq!(of_grpc("5S", 100), Some(Duration::from_millis(100)));
        assert_eq!(of_grpc("5m", 100), Some(Duration::from_millis(5)));
    }
}
