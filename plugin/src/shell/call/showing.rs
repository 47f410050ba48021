//! What a call is shown that asks the filter itself: an operator all organizations, everybody else their own usage.

use super::{Action, Call};
use crate::{
    decide::meter::{RequestHead, Verdict},
    model::header_map::{self, HeaderMap},
    outbound::awaited::Awaited,
    shell::host::HostSharedData,
    show::{
        overview::{self, Operators},
        usage::answer::{Request, Resource},
    },
};

impl Call {
    /// Answers an operator, once the engine has said what it knows.
    #[inline(never)]
    pub(super) fn oversee(
        &mut self,
        operators: &Operators,
        resource: overview::Resource<'_>,
        method: &str,
        headers: &HeaderMap,
    ) -> Action {
        let policy = &self.running.policy;
        let now = self.running.now();
        let survey = policy.engine.as_ref().map(|engine| engine.survey(now));
        if let Some(None) = survey {
            self.awaits = Some(Awaited::Survey);
            return Action::Pause;
        }
        let accept = headers.joined("accept");
        let accept = accept.as_deref().map(header_map::short_text);
        let answer = operators.answer(resource, (method, accept.as_deref()), |view| {
            let (worker, survey) = (&self.running.worker, survey.flatten());
            policy.overview(view, worker, survey.as_deref(), now, &HostSharedData)
        });
        self.show(answer);
        Action::Pause
    }

    /// Answers a request for usage details.
    pub(super) fn look(
        &mut self,
        resource: Resource<'_>,
        head: RequestHead<'_>,
        headers: &HeaderMap,
    ) -> Verdict {
        let accept = headers.joined("accept");
        let accept = accept.as_deref().map(header_map::short_text);
        let if_none_match = headers.first("if-none-match").map(header_map::short_text);
        let request = Request {
            method: head.method,
            accept: accept.as_deref(),
            if_none_match: if_none_match.as_deref(),
        };
        let now = self.running.now();
        self.meter
            .on_usage_request(resource, &request, head, now, &HostSharedData)
    }
}
