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
    let with_body = || Upstream::Answers {
        status: 200,
        headers: Vec::new(),
        size: 5,
        trailers: Vec::new(),
        streams: false,
    };
    vec![
        Known {
            name: "a_second_answer_of_the_filter_itself",
            why: "when a filter answers once more in the headers of its own answer over HTTP/2, Envoy still shows it the body of the first one, \
              which goes nowhere; the simulator does not",
            case: Case {
                script: ['l', '-', '-', 'l', '-', '-'],
                http2: true,
                ..Case::plain()
            },
        },
        Known {
            name: "resuming_headers_that_are_not_held",
            why: "when a filter resumes an answer from within its headers without holding them, Envoy 1.40 sends them twice, which \
              spoils the answer; the simulator sends them once",
            case: Case {
                script: ['-', '-', '-', 's', '-', '-'],
                upstream: with_body(),
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
        Known {
            name: "resuming_held_headers_from_the_body",
            why: "Envoy 1.40 as a whole ends when a filter resumes held headers from within the callback for all of the body and lets the \
              body pass; the simulator lets both pass",
            case: Case {
                script: ['-', '-', '-', 'b', 's', '-'],
                http2: true,
                upstream: with_body(),
                ..Case::plain()
            },
        },
    ]
}
