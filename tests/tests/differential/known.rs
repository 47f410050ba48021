//! Where the simulator is known to differ from Envoy.

use crate::case::{Case, Upstream};

/// A request that the hosts treat differently.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Why.
    pub(crate) why: &'static str,
    pub(crate) case: Case,
}

/// All of them.
pub(crate) fn all() -> Vec<Known> {
    vec![
        Known {
            name: "an_answer_to_head_that_is_reset",
            why: "over HTTP/2 an upstream can reset even an answer without a body; the simulator takes it for complete",
            case: Case {
                method: "HEAD",
                http2: true,
                upstream: Upstream::ResetsAfterHeaders,
                ..Case::plain()
            },
        },
        Known {
            name: "resuming_an_answer_that_is_not_held",
            why: "Envoy 1.40 as a whole ends when a filter resumes an answer without a body from within its headers callback; the \
              simulator lets the answer pass",
            case: Case {
                script: ['-', '-', '-', 's', '-', '-'],
                ..Case::plain()
            },
        },
    ]
}
