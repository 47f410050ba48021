//! An answer of the directory: what it says of an organization, or why it says nothing.

use serde::Deserialize;

use crate::{
    accounts::{ledger::HostRefused, subscription::SubscriptionError},
    document::{
        json::{self, Anything},
        unique_map::UniqueMap,
    },
    model::{
        agents::Agents, calendar_date::CalendarDate, client_limits::ClientLimits, credits::Credits,
        edition::EditionName, enforcement::Enforcement, organization::Organization,
        policy_name::PolicyName, purchase::Purchase, scaled_limit::ScaledLimit,
    },
    outbound::callout::Reply,
};

/// Why nothing was learned about an organization.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The host does not take the call.
    #[error("it cannot be called: {0}")]
    NotCalled(#[from] HostRefused),
    /// An answer that says nothing: an error of the service, or of the proxy that could not reach it.
    #[error("it answered {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or half of one.
    #[error("it broke off")]
    BrokeOff,
    /// An answer that is no organization.
    #[error("its answer is no organization: {0}")]
    Unreadable(#[from] json::Mistake),
    /// An organization that cannot be.
    #[error("its answer contradicts the configuration: {0}")]
    Contradiction(#[from] SubscriptionError),
}

/// An organization as a directory tells of it, which may say more than that. What is null is left out.
#[derive(Deserialize)]
#[serde(remote = "Answer")]
struct Answer {
    edition: EditionName,
    agents: Option<Agents>,
    light_agents: Option<Agents>,
    additional: Option<Credits>,
    data_center: Option<String>,
    signed_up: Option<CalendarDate>,
    legacy_limit: Option<ScaledLimit>,
    concurrency: Option<u32>,
    enforcement: Option<Enforcement>,
    clients: Option<Box<ClientLimits>>,
    period_limits: Option<UniqueMap<PolicyName, ScaledLimit>>,
    purchases: Option<UniqueMap<String, Purchase>>,
}

json::objects!(Answer);

impl From<Answer> for Organization {
    fn from(answer: Answer) -> Self {
        Self {
            edition: answer.edition,
            agents: answer.agents.unwrap_or_default(),
            light_agents: answer.light_agents.unwrap_or_default(),
            additional: answer.additional.unwrap_or(Credits::ZERO),
            data_center: answer.data_center,
            signed_up: answer.signed_up,
            legacy_limit: answer.legacy_limit,
            concurrency: answer.concurrency,
            enforcement: answer.enforcement,
            clients: answer.clients,
            period_limits: answer.period_limits.unwrap_or_default(),
            purchases: answer.purchases.unwrap_or_default(),
        }
    }
}

/// What a reply says of an organization; `None` if the directory does not know it.
pub(super) fn read(reply: Reply<'_>) -> Result<Option<Organization>, LookupError> {
    match reply.status {
        Some(200) => organization(reply.body).map(Some),
        Some(404 | 410) => Ok(None),
        Some(status) => Err(LookupError::Status { status }),
        None => Err(LookupError::BrokeOff),
    }
}

fn organization(body: &[u8]) -> Result<Organization, LookupError> {
    // What means nothing is passed over without a look, unless it has been read as well.
    json::read::<Anything>(body)?;
    Ok(json::read::<Answer>(body)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn answer(status: u16, body: &str) -> Result<Option<String>, String> {
        let status = Some(status);
        let body = body.as_bytes();
        read(Reply { status, body })
            .map(|found| found.map(|found| format!("{} {}", found.edition, found.agents)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_organization_is_read_and_what_else_is_said_is_ignored() {
        let body =
            r#"{"id": 7, "edition": "Pro", "agents": 12, "data_center": null, "contacts": [1]}"#;
        assert_eq!(answer(200, body), Ok(Some("Pro 12".to_owned())));
        assert_eq!(answer(404, "no such organization"), Ok(None));
        assert_eq!(answer(410, ""), Ok(None));
    }

    #[test]
    fn what_says_nothing_is_an_error() {
        let error = |status, body| answer(status, body).unwrap_err();
        assert_eq!(error(500, ""), "it answered 500");
        assert_eq!(error(504, "upstream request timeout"), "it answered 504");
        assert_eq!(error(204, ""), "it answered 204");
        let none = Reply {
            status: None,
            body: b"",
        };
        assert_eq!(read(none).unwrap_err().to_string(), "it broke off");
        assert_eq!(
            error(200, "<html>"),
            "its answer is no organization: at `.` (line 1 column 1): `<`: expected a value (text is in double quotes)"
        );
        assert_eq!(
            error(200, r#"{"edition": "Pro", "agents": "12"}"#),
            "its answer is no organization: at `agents` (line 1 column 30): \"12\": expected a whole number of agents from 0 to 4294967295"
        );
        assert_eq!(
            error(200, "{}"),
            "its answer is no organization: at `.` (line 1 column 1): the key `edition` is missing"
        );
    }
}
