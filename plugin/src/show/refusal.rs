//! Refusals: the only place where a reason becomes a status, headers and a body.

mod answer;
mod config;
mod protocol;

pub use answer::{Answer, RefusalStatus};
pub use config::{Format, Refusals};
pub use protocol::Protocol;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    accounts::slots::{CallsOf, TooManyCalls},
    model::{
        balance::Balance,
        client::{ClientBalance, ClientId},
        credits::Credits,
        day::Seconds,
        period::Unit,
        period_balance::PeriodBalance,
        reason::Reason,
    },
    show::response_headers::CLIENT_POLICY,
};

/// What a reason is answered with, unless the configuration says otherwise: HTTP status, `errorCode`, gRPC status, and the
/// problem type (RFC 9457; the two registered ones are of draft-ietf-httpapi-ratelimit-headers-10).
///
/// Clients repeat a 429, many at once, and so they would a problem of the type `quota-exceeded`. What no day's credits can pay for is
/// a 402, which none of them repeats: waiting does not help, another subscription does.
const fn usual_answer(reason: Reason) -> (u16, &'static str, GrpcStatus, &'static str) {
    const BLANK: &str = "about:blank";
    const QUOTA: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    const REDUCED: &str =
        "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
    match reason {
        Reason::DailyCredits => (
            429,
            "THRESHOLD_EXCEEDED",
            GrpcStatus::ResourceExhausted,
            QUOTA,
        ),
        Reason::ClientCredits => (
            429,
            "CLIENT_THRESHOLD_EXCEEDED",
            GrpcStatus::ResourceExhausted,
            QUOTA,
        ),
        Reason::PeriodLimit => (
            429,
            "PERIOD_LIMIT_EXCEEDED",
            GrpcStatus::ResourceExhausted,
            QUOTA,
        ),
        Reason::ExceedsPeriodLimit => (
            402,
            "COST_EXCEEDS_PERIOD_LIMIT",
            GrpcStatus::FailedPrecondition,
            BLANK,
        ),
        Reason::ExceedsClientCredits => (
            402,
            "COST_EXCEEDS_CLIENT_CREDITS",
            GrpcStatus::FailedPrecondition,
            BLANK,
        ),
        Reason::ClientTooManyRequests => (
            429,
            "CLIENT_TOO_MANY_REQUESTS",
            GrpcStatus::ResourceExhausted,
            QUOTA,
        ),
        Reason::ExceedsAllotment => (
            402,
            "COST_EXCEEDS_ALLOTMENT",
            GrpcStatus::FailedPrecondition,
            BLANK,
        ),
        Reason::TooManyRequests => (
            429,
            "TOO_MANY_REQUESTS",
            GrpcStatus::ResourceExhausted,
            QUOTA,
        ),
        Reason::UnknownOrganization => (
            403,
            "UNKNOWN_ORGANIZATION",
            GrpcStatus::PermissionDenied,
            BLANK,
        ),
        Reason::NoOrganization => (
            401,
            "ORGANIZATION_REQUIRED",
            GrpcStatus::Unauthenticated,
            BLANK,
        ),
        Reason::InvalidOrganization => (
            400,
            "INVALID_ORGANIZATION",
            GrpcStatus::InvalidArgument,
            BLANK,
        ),
        Reason::BodyTooLarge => (413, "BODY_TOO_LARGE", GrpcStatus::ResourceExhausted, BLANK),
        Reason::BodyUnreadable => (400, "BODY_UNREADABLE", GrpcStatus::InvalidArgument, BLANK),
        Reason::BodyTimeout => (408, "BODY_TIMEOUT", GrpcStatus::DeadlineExceeded, BLANK),
        Reason::Contended
        | Reason::AccountUnavailable
        | Reason::DirectoryUnavailable
        | Reason::EngineUnavailable
        | Reason::InvalidSubscription => (
            503,
            "TEMPORARILY_UNAVAILABLE",
            GrpcStatus::Unavailable,
            REDUCED,
        ),
    }
}

/// The statuses that gRPC calls are answered with (gRPC status codes, `grpc/doc/statuscodes.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum GrpcStatus {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// A refused call, with the numbers that explain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What the call would have cost, where that is known.
    pub price: Option<Credits>,
    /// Whether that is only the least that it can cost, as its body is still to come.
    pub at_least: bool,
    /// What is left, where an account was looked at.
    pub balance: Option<Balance>,
    /// The calls in progress, where there are too many.
    pub calls: Option<TooManyCalls>,
    /// The period in which too little is left, and when enough will be.
    pub period: Option<ShortPeriod>,
    /// How long the directory is not asked again, where it does not answer.
    pub directory_rests: Option<Seconds>,
    /// What the configuration wants said instead of the usual.
    pub answer: Answer,
}

/// A period in which too little is left for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortPeriod {
    /// What is left in it.
    pub balance: PeriodBalance,
    /// When enough will be left for the call, if nothing else is used; `None` if its limit is less than the call needs.
    pub enough_at: Option<Timestamp>,
}

/// A response that the filter gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header fields beside those that every response gets.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The status, as gRPC has it.
    pub grpc_status: GrpcStatus,
    /// One sentence: the message, as gRPC has it.
    pub message: String,
}

/// The members of both formats.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<u64>,
    #[serde(rename = "inProgress", skip_serializing_if = "Option::is_none")]
    in_progress: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(flatten)]
    balance: Option<BalanceMembers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientMembers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodMembers<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Head<'a> {
    #[serde(rename_all = "camelCase")]
    Vendor {
        error_code: &'a str,
        message: &'a str,
    },
    #[serde(rename_all = "kebab-case")]
    Problem {
        r#type: &'a str,
        title: &'a str,
        status: u16,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        violated_policies: Option<[&'a str; 1]>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BalanceMembers<'a> {
    remaining: u64,
    allotment: u64,
    resets_at: &'a str,
}

/// What the call's client has of the day.
#[derive(Serialize)]
struct ClientMembers<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
}

/// The period in which too little is left.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeriodMembers<'a> {
    name: &'a str,
    unit: &'static str,
    limit: u64,
    remaining: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    enough_at: Option<String>,
}

impl Refusal {
    /// The time after which the call may succeed; `None` where waiting does not help.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Seconds> {
        match self.reason {
            Reason::DailyCredits | Reason::ClientCredits => {
                let balance = self.balance.as_ref();
                balance.map(|balance| balance.resets_in(now))
            }
            Reason::PeriodLimit => {
                let enough_at = self.period.as_ref()?.enough_at?;
                Some(Seconds::between(now, enough_at))
            }
            Reason::DirectoryUnavailable => self.directory_rests.or(Some(Seconds::new(1))),
            Reason::Contended | Reason::AccountUnavailable | Reason::EngineUnavailable => {
                Some(Seconds::new(1))
            }
            Reason::ExceedsAllotment
            | Reason::ExceedsClientCredits
            | Reason::ExceedsPeriodLimit
            | Reason::TooManyRequests
            | Reason::ClientTooManyRequests
            | Reason::UnknownOrganization
            | Reason::NoOrganization
            | Reason::InvalidOrganization
            | Reason::InvalidSubscription
            | Reason::BodyTooLarge
            | Reason::BodyUnreadable
            | Reason::BodyTimeout => None,
        }
    }

    /// The refusal as a response, in which the policy is called `policy`.
    #[must_use]
    pub fn response(&self, format: Format, policy: &str, now: Timestamp) -> LocalResponse {
        let (status, error_code, grpc_status, problem_type) = usual_answer(self.reason);
        let status = self.answer.status.map_or(status, RefusalStatus::get);
        let error_code = self.answer.error_code.as_deref().unwrap_or(error_code);
        // For the message and for its own member.
        let resets_at = self
            .balance
            .as_ref()
            .map(|balance| balance.day.end.to_string())
            .unwrap_or_default();
        let message = self
            .answer
            .message
            .clone()
            .unwrap_or_else(|| self.message(&resets_at));
        let (content_type, head) = match format {
            Format::Vendor => (
                "application/json",
                Head::Vendor {
                    error_code,
                    message: &message,
                },
            ),
            Format::Problem => {
                let title = self.title();
                let violated_policies = match self.reason {
                    Reason::DailyCredits => Some([policy]),
                    Reason::TooManyRequests => Some(["concurrency"]),
                    Reason::ClientCredits => Some([CLIENT_POLICY]),
                    Reason::ClientTooManyRequests => Some(["client-concurrency"]),
                    Reason::PeriodLimit => {
                        let period = self.period.as_ref();
                        period.map(|period| [period.balance.name.as_str()])
                    }
                    _ => None,
                };
                let detail = &message;
                let r#type = problem_type;
                let head = Head::Problem {
                    r#type,
                    title,
                    status,
                    detail,
                    violated_policies,
                };
                ("application/problem+json", head)
            }
        };
        let body = Body {
            head,
            cost: self.price.map(Credits::get),
            in_progress: self.calls.map(|calls| calls.in_progress),
            limit: self.calls.map(|calls| calls.limit),
            balance: self.balance.as_ref().map(|balance| BalanceMembers {
                remaining: balance.remaining.get(),
                allotment: balance.allotment.get(),
                resets_at: &resets_at,
            }),
            client: self.client().map(|client| ClientMembers {
                id: client.id.as_str(),
                cap: client.cap.map(Credits::get),
                remaining: client.remaining().map(Credits::get),
            }),
            period: self.period.as_ref().map(|period| PeriodMembers {
                name: period.balance.name.as_str(),
                unit: period.balance.unit.name(),
                limit: period.balance.limit,
                remaining: period.balance.remaining(),
                enough_at: period.enough_at.map(|at| at.to_string()),
            }),
        };
        let mut headers = vec![("content-type", content_type.to_owned())];
        if let Some(seconds) = self.retry_after(now) {
            headers.push(("retry-after", seconds.to_string()));
        }
        // Strings and numbers under string keys: nothing that could fail. The fallback keeps even that from being an outage.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        LocalResponse {
            status,
            headers,
            body,
            grpc_status,
            message,
        }
    }

    fn client(&self) -> Option<&ClientBalance> {
        self.balance.as_ref()?.client()
    }

    fn title(&self) -> &'static str {
        match self.reason {
            Reason::DailyCredits => "The day's API credits are used up",
            Reason::ExceedsAllotment => "The call costs more than a day's API credits",
            Reason::ClientCredits => "The client's part of the day's API credits is used up",
            Reason::ExceedsClientCredits => "The call costs more than its client may use in a day",
            Reason::PeriodLimit => "A limit beside the day's API credits is used up",
            Reason::ExceedsPeriodLimit => "The call costs more than a limit beside the day's",
            Reason::TooManyRequests => "Too many calls in progress",
            Reason::ClientTooManyRequests => "Too many calls of the client in progress",
            Reason::UnknownOrganization => "Unknown organization",
            Reason::NoOrganization => "No organization stated",
            Reason::InvalidOrganization => "Invalid organization",
            Reason::InvalidSubscription => "Invalid subscription",
            Reason::BodyTooLarge => "Body too large to be priced",
            Reason::BodyUnreadable => "Body cannot be priced",
            Reason::BodyTimeout => "Body not complete in time",
            Reason::Contended
            | Reason::AccountUnavailable
            | Reason::DirectoryUnavailable
            | Reason::EngineUnavailable => "API credits are temporarily unavailable",
        }
    }

    fn message(&self, resets_at: &str) -> String {
        let at_least = if self.at_least { "at least " } else { "" };
        match (self.reason, self.price, &self.balance) {
            (Reason::DailyCredits, Some(price), Some(balance)) => format!(
                "This call costs {at_least}{price} credits, and {} of the day's {} are left until {resets_at}.",
                balance.remaining, balance.allotment
            ),
            (Reason::ExceedsAllotment, Some(price), Some(balance)) => format!(
                "This call costs {at_least}{price} credits, which is more than the whole day's {}.",
                balance.allotment
            ),
            (Reason::ClientCredits, Some(price), Some(balance)) => {
                let (id, cap, left) = of_client(balance);
                format!(
                    "This call costs {at_least}{price} credits, and {left} of the {cap} that the client {id} may use in a day are left until {resets_at}."
                )
            }
            (Reason::ExceedsClientCredits, Some(price), Some(balance)) => {
                let (id, cap, _) = of_client(balance);
                format!(
                    "This call costs {at_least}{price} credits, which is more than the {cap} that the client {id} may use in a whole day."
                )
            }
            (Reason::PeriodLimit | Reason::ExceedsPeriodLimit, ..) => self.period_message(at_least),
            (Reason::TooManyRequests | Reason::ClientTooManyRequests, ..) => match self.calls {
                Some(calls) => format!(
                    "{} calls of this {} are in progress, and {} may be at the same time.",
                    calls.in_progress,
                    match calls.of {
                        CallsOf::Organization => "organization",
                        CallsOf::Group => "organization to operations like this one",
                        CallsOf::Client => "organization's client",
                    },
                    calls.limit
                ),
                None => "Too many calls of this organization are in progress.".to_owned(),
            },
            (Reason::UnknownOrganization, ..) => "This organization is not known here.".to_owned(),
            (Reason::NoOrganization, ..) => "This call does not state its organization.".to_owned(),
            (Reason::InvalidOrganization, ..) => {
                "This call does not state one valid organization id.".to_owned()
            }
            (Reason::InvalidSubscription, ..) => {
                "What is known of this organization's subscription makes no sense.".to_owned()
            }
            (Reason::BodyTooLarge, ..) => {
                "This call is priced by the records in its body, which is too large.".to_owned()
            }
            (Reason::BodyUnreadable, ..) => {
                "This call is priced by the records in its body, which is not the JSON expected."
                    .to_owned()
            }
            (Reason::BodyTimeout, ..) => {
                "This call is priced by the records in its body, which was not complete in time."
                    .to_owned()
            }
            (
                Reason::DailyCredits
                | Reason::ExceedsAllotment
                | Reason::ClientCredits
                | Reason::ExceedsClientCredits,
                ..,
            ) => "The day's API credits cannot pay for this call.".to_owned(),
            (Reason::DirectoryUnavailable, ..) => {
                "This organization cannot be looked up at the moment. Nothing was charged."
                    .to_owned()
            }
            (Reason::Contended | Reason::AccountUnavailable | Reason::EngineUnavailable, ..) => {
                "The API credits cannot be counted at the moment. Nothing was charged.".to_owned()
            }
        }
    }
}

impl Refusal {
    /// What the call lacks in a period.
    fn period_message(&self, at_least: &str) -> String {
        let Some(ShortPeriod { balance, enough_at }) = &self.period else {
            return "A limit beside the day's API credits does not allow this call.".to_owned();
        };
        let PeriodBalance { name, limit, .. } = balance;
        let left = balance.remaining();
        let price = self.price.unwrap_or(Credits::ZERO);
        match (balance.unit, enough_at) {
            (Unit::Credits, Some(at)) => format!(
                "This call costs {at_least}{price} credits, and {left} of the {limit} of the period \"{name}\" are left until {at}."
            ),
            (Unit::Credits, None) => format!(
                "This call costs {at_least}{price} credits, which is more than the {limit} of the whole period \"{name}\"."
            ),
            (Unit::Requests, Some(at)) => {
                format!("The {limit} requests of the period \"{name}\" are used up until {at}.")
            }
            (Unit::Requests, None) => {
                format!("The period \"{name}\" allows no requests.")
            }
        }
    }
}

/// The client of a call, what it may use in a day, and what is left of that.
fn of_client(balance: &Balance) -> (&str, Credits, Credits) {
    let client = balance.client();
    let id = client.map_or(ClientId::NONE, |client| client.id.as_str());
    let cap = client.and_then(|client| client.cap);
    let left = client.and_then(ClientBalance::remaining);
    (
        id,
        cap.unwrap_or(balance.allotment),
        left.unwrap_or(balance.remaining),
    )
}

#[cfg(test)]
mod tests;
