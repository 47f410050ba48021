//! What a request itself says of the router's patience: headers of Envoy's own, which the router takes away. They come from plugins, and
//! from clients that Envoy takes for internal.

use std::time::Duration;

use crate::header_map::HeaderMap;

/// How long a request says that the router is to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) timeout: Duration,
    /// Whether that is for each try by itself, which comes to the same for the only one.
    pub(super) per_try: bool,
}

impl Asked {
    /// Takes away what headers say of it, where the route would wait for so long.
    pub(super) fn take(headers: &mut HeaderMap, route: Duration) -> Option<Self> {
        let mut asked = |name| {
            let milliseconds = headers.number(name);
            headers.remove(name);
            milliseconds.map(Duration::from_millis)
        };
        let whole = asked("x-envoy-upstream-rq-timeout-ms");
        let per_try = asked("x-envoy-upstream-rq-per-try-timeout-ms");
        let most = whole.unwrap_or(route);
        match per_try.filter(|one| most.is_zero() || *one < most) {
            Some(timeout) => Some(Self {
                timeout,
                per_try: true,
            }),
            None => whole.map(|timeout| Self {
                timeout,
                per_try: false,
            }),
        }
    }
}
