//! What a request itself says of the router's timeouts: headers of Envoy's own, which the router takes away. They come from plugins, and
//! from clients that Envoy takes for internal (`FilterUtility::finalTimeout`).

use std::time::Duration;

use itoa::Buffer;

use super::header_map::HeaderMap;

/// How long the router waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseTimeouts {
    /// For the whole answer; 0 is for ever.
    pub(crate) whole: Duration,
    /// For the answer to each try, if that is less.
    pub(crate) per_try: Option<Duration>,
    /// Whether giving up is told as 204.
    pub(crate) is_silent: bool,
    /// Whether a try that is too slow may still answer, so that the upstream is told of the whole time.
    pub(crate) hedges: bool,
}

/// Headers that the router takes away without looking at them.
const PASSED_OVER: [&str; 3] = [
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-stream-duration-ms",
];

impl ResponseTimeouts {
    /// Takes away what headers say of it, where the route would wait so long, and says to the upstream how long that is.
    pub(crate) fn take(headers: &mut HeaderMap, route: Self) -> Self {
        // Hardly any request says something of it.
        if !headers.has_any(b"x-envoy-") {
            let route = Self {
                is_silent: false,
                hedges: false,
                ..route
            };
            return route.told(headers);
        }
        let mut asked = |name| {
            let milliseconds = headers.number(name);
            headers.remove(name);
            milliseconds.map(Duration::from_millis)
        };
        let whole = asked("x-envoy-upstream-rq-timeout-ms").unwrap_or(route.whole);
        let per_try = asked("x-envoy-upstream-rq-per-try-timeout-ms").or(route.per_try);
        let is_silent = headers
            .get("x-envoy-upstream-rq-timeout-alt-response")
            .is_some();
        headers.remove("x-envoy-upstream-rq-timeout-alt-response");
        let hedges = headers.get("x-envoy-hedge-on-per-try-timeout") == Some(b"true");
        for name in PASSED_OVER {
            headers.remove(name);
        }
        let asked = Self {
            whole,
            per_try,
            is_silent,
            hedges,
        };
        asked.told(headers)
    }

    /// The same, of which the upstream is told.
    fn told(self, headers: &mut HeaderMap) -> Self {
        let whole = self.whole;
        let shorter = |one: &Duration| !one.is_zero() && (whole.is_zero() || *one < whole);
        let timeouts = Self {
            per_try: self.per_try.filter(shorter),
            ..self
        };
        timeouts.tell(headers);
        timeouts
    }

    fn tell(&self, headers: &mut HeaderMap) {
        let per_try = self.per_try.filter(|_| !self.hedges);
        let expected = per_try.unwrap_or(self.whole);
        if expected.is_zero() {
            return;
        }
        let milliseconds = u64::try_from(expected.as_millis()).unwrap_or(u64::MAX);
        let mut digits = Buffer::new();
        headers.set(
            "x-envoy-expected-rq-timeout-ms",
            digits.format(milliseconds),
        );
    }

    /// Whether it ever ends.
    pub(crate) fn ends(&self) -> bool {
        self.per_try.is_some() || !self.whole.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_how_long_the_router_waits() {
        let route = ResponseTimeouts {
            whole: Duration::from_secs(15),
            ..ResponseTimeouts::default()
        };
        for (whole, per_try, expected, told) in [
            ("", "", (15_000, None), "15000"),
            ("100", "", (100, None), "100"),
            ("0", "", (0, None), ""),
            ("soon", "", (15_000, None), "15000"),
            ("", "80", (15_000, Some(80)), "80"),
            ("100", "200", (100, None), "100"),
            ("0", "200", (0, Some(200)), "200"),
            ("100", "0", (100, None), "100"),
        ] {
            let mut headers = HeaderMap::of_request();
            for (name, value) in [
                ("x-envoy-upstream-rq-timeout-ms", whole),
                ("x-envoy-upstream-rq-per-try-timeout-ms", per_try),
            ] {
                if !value.is_empty() {
                    headers.add(name, value);
                }
            }
            let timeouts = ResponseTimeouts::take(&mut headers, route);
            let milliseconds = Duration::from_millis;
            let (whole, per_try) = expected;
            let expected = (milliseconds(whole), per_try.map(milliseconds));
            assert_eq!((timeouts.whole, timeouts.per_try), expected);
            let said = headers.text("x-envoy-expected-rq-timeout-ms");
            assert_eq!(said.unwrap_or_default(), told);
            assert_eq!(headers.len(), u32::from(!told.is_empty()));
        }
    }
}
