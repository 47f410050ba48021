//! Bodies that a filter waits for and that Envoy does not show it.

use std::fmt;

/// A call whose headers a filter has paused while its body is hidden: without `allow_on_headers_stop_iteration`, Envoy holds
/// everything behind paused headers unseen. A filter that waits for the body then waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenBody {
    /// The call's method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Whether it is the answer that is paused.
    pub is_of_answer: bool,
}

impl HiddenBody {
    /// What the filter's author or operator should know.
    #[must_use]
    pub fn why(&self) -> &'static str {
        "if it waits for the body, its PluginConfig lacks `allow_on_headers_stop_iteration: true` (Envoy 1.35 or later; here \
         --allow-on-headers-stop-iteration), without which no body is shown while its headers are paused"
    }
}

impl fmt::Display for HiddenBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        let of = if self.is_of_answer {
            " of the answer"
        } else {
            ""
        };
        write!(
            f,
            "{method} {path}: the filter has paused the headers{of}; {}",
            self.why()
        )
    }
}
