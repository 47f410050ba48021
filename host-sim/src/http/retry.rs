//! When the router asks the upstream again: as the route says, and headers of the request, which the router takes away (`RetryStateImpl`).

use super::header_map::HeaderMap;
use crate::model::RetryPolicy;

/// Headers that say when.
const HEADERS: [&str; 5] = [
    "x-envoy-max-retries",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
];

/// For what it does, and how often still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    on: Vec<On>,
    statuses: Vec<u16>,
    names: Vec<String>,
    left: u32,
    has_retried: bool,
}

/// For what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    ServerError,
    GatewayError,
    Reset,
    ConnectFailure,
    RefusedStream,
    Conflict,
    Statuses,
    Headers,
    RateLimited,
    /// A status of gRPC.
    Grpc(u8),
}

/// How a try has failed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no connection.
    Connect,
    /// The upstream has reset the stream, or broken the protocol.
    Reset,
    /// It was too slow.
    Slow,
}

/// What is done about a try that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The upstream is asked again.
    Again,
    /// It would be, but has been often enough.
    Exhausted,
    /// Nothing.
    Final,
}

impl Retries {
    /// Takes away what headers say of them, beside what the route says.
    pub(crate) fn take(headers: &mut HeaderMap, route: Option<&RetryPolicy>) -> Self {
        let mut retries = Self {
            left: 1,
            ..Self::default()
        };
        if let Some(policy) = route {
            retries.add(&policy.retry_on);
            retries.left = policy.num_retries.unwrap_or(1);
            retries.statuses.extend(&policy.retriable_status_codes);
        }
        // Hardly any request says something of them.
        if !headers.has_any(b"x-envoy-") {
            return retries;
        }
        let text = |name: &str| headers.text(name).map(|text| text.into_owned());
        for name in ["x-envoy-retry-on", "x-envoy-retry-grpc-on"] {
            retries.add(&text(name).unwrap_or_default());
        }
        let most = headers.number("x-envoy-max-retries");
        retries.left = most.unwrap_or(retries.left);
        let statuses = text("x-envoy-retriable-status-codes").unwrap_or_default();
        let statuses = statuses
            .split(',')
            .filter_map(|text| text.trim().parse::<u16>().ok());
        retries.statuses.extend(statuses);
        let names = text("x-envoy-retriable-header-names").unwrap_or_default();
        let names = names.split(',').map(|name| name.trim().to_owned());
        retries.names.extend(names.filter(|name| !name.is_empty()));
        for name in HEADERS {
            headers.remove(name);
        }
        retries
    }

    /// Whether the upstream may be asked again.
    pub(crate) fn may_come(&self) -> bool {
        self.left > 0 && !self.on.is_empty()
    }

    /// Takes note of what a list with commas names.
    fn add(&mut self, list: &str) {
        for name in list.split(',') {
            self.on.extend(match name.trim() {
                "5xx" => Some(On::ServerError),
                "gateway-error" => Some(On::GatewayError),
                "reset" | "reset-before-request" => Some(On::Reset),
                "connect-failure" => Some(On::ConnectFailure),
                "refused-stream" => Some(On::RefusedStream),
                "retriable-4xx" => Some(On::Conflict),
                "retriable-status-codes" => Some(On::Statuses),
                "retriable-headers" => Some(On::Headers),
                "envoy-ratelimited" => Some(On::RateLimited),
                "cancelled" => Some(On::Grpc(1)),
                "deadline-exceeded" => Some(On::Grpc(4)),
                "resource-exhausted" => Some(On::Grpc(8)),
                "internal" => Some(On::Grpc(13)),
                "unavailable" => Some(On::Grpc(14)),
                _ => None,
            });
        }
    }

    /// Whether the upstream has been asked again already.
    pub(crate) fn has_retried(&self) -> bool {
        self.has_retried
    }

    /// What is done about a try without an answer.
    pub(crate) fn after_failure(&mut self, failure: Failure) -> Verdict {
        let wants = self.on.iter().any(|on| match on {
            On::ServerError | On::GatewayError | On::Reset => true,
            On::ConnectFailure => failure == Failure::Connect,
            _ => false,
        });
        self.verdict(wants)
    }

    /// What is done about a try with this answer.
    pub(crate) fn after_answer(&mut self, status: u16, headers: &[(String, String)]) -> Verdict {
        if self.on.is_empty() {
            return Verdict::Final;
        }
        let has = |name: &str| {
            let mut names = headers.iter();
            names.any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        if has("x-envoy-ratelimited") {
            return self.verdict(self.on.contains(&On::RateLimited));
        }
        let grpc = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("grpc-status"))
            .and_then(|(_, value)| value.parse::<u8>().ok());
        let wants = self.on.iter().any(|on| match on {
            On::ServerError => (500..600).contains(&status),
            On::GatewayError => (502..=504).contains(&status),
            On::Conflict => status == 409,
            On::Statuses => self.statuses.contains(&status),
            On::Headers => self.names.iter().any(|name| has(name)),
            On::Grpc(code) => grpc == Some(*code),
            On::Reset | On::ConnectFailure | On::RefusedStream | On::RateLimited => false,
        });
        self.verdict(wants)
    }

    fn verdict(&mut self, wants: bool) -> Verdict {
        if !wants {
            return Verdict::Final;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.has_retried = true;
                Verdict::Again
            }
            None => Verdict::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retries(fields: &[(&str, &str)]) -> (Retries, u32) {
        let mut headers = HeaderMap::of_request();
        for (name, value) in fields {
            headers.add(name, value);
        }
        (Retries::take(&mut headers, None), headers.len())
    }

    #[test]
    fn headers_say_when_the_upstream_is_asked_again() {
        for (fields, status, expected) in [
            (&[("x-envoy-retry-on", "5xx")][..], 503, Verdict::Again),
            (
                &[("x-envoy-retry-on", "nonsense, 5xx")],
                500,
                Verdict::Again,
            ),
            (
                &[("x-envoy-retry-on", "gateway-error")],
                500,
                Verdict::Final,
            ),
            (
                &[("x-envoy-retry-on", "gateway-error")],
                504,
                Verdict::Again,
            ),
            (
                &[("x-envoy-retry-on", "retriable-4xx")],
                409,
                Verdict::Again,
            ),
            (
                &[("x-envoy-retry-on", "connect-failure")],
                503,
                Verdict::Final,
            ),
            (&[("x-envoy-max-retries", "3")], 503, Verdict::Final),
            (
                &[("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "0")],
                503,
                Verdict::Exhausted,
            ),
            (
                &[
                    ("x-envoy-retry-on", "retriable-status-codes"),
                    ("x-envoy-retriable-status-codes", "418, 404"),
                ],
                404,
                Verdict::Again,
            ),
            (
                &[("x-envoy-retriable-status-codes", "404")],
                404,
                Verdict::Final,
            ),
        ] {
            let (mut retries, left) = retries(fields);
            assert_eq!(left, 0, "{fields:?}");
            assert_eq!(retries.after_answer(status, &[]), expected, "{fields:?}");
        }
    }

    #[test]
    fn failures_without_an_answer_count_as_errors_of_the_server() {
        let (mut all, _) = retries(&[("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "2")]);
        assert_eq!(all.after_failure(Failure::Reset), Verdict::Again);
        assert_eq!(all.after_failure(Failure::Slow), Verdict::Again);
        assert_eq!(all.after_failure(Failure::Connect), Verdict::Exhausted);
        let (mut connect, _) = retries(&[("x-envoy-retry-on", "connect-failure")]);
        assert_eq!(connect.after_failure(Failure::Reset), Verdict::Final);
        assert_eq!(connect.after_failure(Failure::Connect), Verdict::Again);
    }

    #[test]
    fn headers_of_an_answer_may_ask_for_it() {
        let answer = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        let (mut named, _) = retries(&[
            ("x-envoy-retry-on", "retriable-headers"),
            ("x-envoy-retriable-header-names", "x-retry"),
        ]);
        assert_eq!(
            named.after_answer(200, &answer("X-Retry", "1")),
            Verdict::Again
        );
        let (mut grpc, _) = retries(&[("x-envoy-retry-grpc-on", "unavailable")]);
        assert_eq!(
            grpc.after_answer(200, &answer("grpc-status", "8")),
            Verdict::Final
        );
        assert_eq!(
            grpc.after_answer(200, &answer("grpc-status", "14")),
            Verdict::Again
        );
        let (mut any, _) = retries(&[("x-envoy-retry-on", "5xx")]);
        let limited = answer("x-envoy-ratelimited", "true");
        assert_eq!(any.after_answer(503, &limited), Verdict::Final);
    }
}
