//! Services that the plugin itself calls, each behind a cluster of Envoy's.

use std::fmt;
use std::sync::Arc;

use super::{Upstream, UpstreamRequest};
use crate::model::pattern::Pattern;
use crate::model::resp::RespBehaviour;

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
    /// It speaks Redis's protocol over connections without HTTP.
    Resp(RespBehaviour),
    /// It decides by the request. Only for the simulator.
    Function(ServiceFunction),
}

/// A service that is a function: how it behaves towards a request. It may be asked on other threads.
#[derive(Clone)]
pub struct ServiceFunction(Arc<dyn Fn(&UpstreamRequest) -> ServiceBehaviour + Send + Sync>);

impl ServiceFunction {
    /// A service that behaves so.
    ///
    /// ```
    /// use host_sim::target::{Service, ServiceBehaviour, ServiceFunction};
    /// use host_sim::resp::RespBehaviour;
    ///
    /// let echo = Service {
    ///     cluster: "engine".to_owned(),
    ///     behaviour: ServiceBehaviour::Function(ServiceFunction::new(|request| {
    ///         ServiceBehaviour::Resp(RespBehaviour::Says(request.body.clone()))
    ///     })),
    /// };
    /// ```
    #[must_use]
    pub fn new(
        behaviour: impl Fn(&UpstreamRequest) -> ServiceBehaviour + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(behaviour))
    }
}

impl fmt::Debug for ServiceFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceFunction")
    }
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
    /// What it does with this request; a function is asked, once.
    #[must_use]
    pub fn towards(&self, request: &UpstreamRequest) -> Self {
        match self {
            Self::Function(ServiceFunction(function)) => function(request),
            behaviour => behaviour.clone(),
        }
    }

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
