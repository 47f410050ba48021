//! Services that the plugin itself calls, each behind a cluster of Envoy's.

use super::Upstream;
use crate::scenario::Pattern;

/// A service, and what it does with callouts from now on.
#[derive(Clone, Debug)]
pub struct Service {
    /// The cluster by which the plugin knows it.
    pub cluster: String,
    /// What it does.
    pub behaviour: ServiceBehaviour,
}

/// What a service does with callouts.
#[derive(Clone, Debug)]
pub enum ServiceBehaviour {
    /// It gives the first answer whose path fits, and otherwise 404 without a body.
    Answers(Vec<ServiceAnswer>),
    /// It refuses connections.
    Unreachable,
    /// It takes requests and never answers, until the caller's time-out ends the wait.
    Hang,
    /// It takes requests and closes the connection.
    Reset,
    /// It takes requests, sends its headers and closes the connection, of which the plugin learns by an answer without headers.
    ResetAfterHeaders,
}

/// One answer of a service.
#[derive(Clone, Debug)]
pub struct ServiceAnswer {
    /// Which paths, query included, it is for.
    pub path: Pattern,
    /// The answer.
    pub answer: Upstream,
}

impl ServiceBehaviour {
    /// The answer to a request for this path, of a service that answers.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<Upstream> {
        let Self::Answers(answers) = self else {
            return None;
        };
        let fitting = answers.iter().find(|answer| answer.path.allows(&[path]));
        Some(fitting.map_or_else(
            || Upstream {
                status: 404,
                ..Upstream::default()
            },
            |fitting| fitting.answer.clone(),
        ))
    }
}
