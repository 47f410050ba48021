//! The usage details over HTTP: which requests are for them, and what each of them is answered.
//!
//! What is answered here is the organization's own and changes with every call, so it is never stored, and carries no `ETag`. `GET` and
//! `HEAD` are the only methods; `OPTIONS` is not looked at, because browsers' preflights are the business of the API behind.

use serde::Serialize;

use super::{
    accept::Representation,
    config::UsageConfig,
    details::Details,
    json::{self, Document},
    page::{self, Page},
    preview::Call,
    table,
};
use crate::{document::json::cut, pricing::cost_table::CostTable};

/// Answers requests for usage details.
#[derive(Clone, Debug)]
pub struct Usage {
    config: UsageConfig,
    /// The value of `Vary`.
    vary: String,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The details of the calling organization's day.
    Details,
    /// The same and the days before as a table.
    Table,
    /// The price of the call that this query describes.
    Cost {
        /// The query.
        query: &'a str,
    },
    /// Something that there is not.
    Unknown {
        /// Its path.
        path: &'a str,
    },
}

/// What of a request decides how it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The field `Accept`, several joined by commas.
    pub accept: Option<&'a str>,
    /// The field `If-None-Match`.
    pub if_none_match: Option<&'a str>,
}

/// A response that the filter gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body. For `HEAD` it is the one of `GET`, of which the host sends the length alone: a host that is given no body leaves out
    /// `content-type` and `content-length` too, and `HEAD` would not be like `GET` any more (Envoy, `Utility::sendLocalReply`).
    pub body: String,
    /// What is wrong with the request, in one sentence; `None` where nothing is.
    pub error: Option<String>,
}

/// An error as the vendor's bodies show it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDocument<'a> {
    error_code: &'static str,
    message: &'a str,
}

impl Usage {
    /// The name of the rule that makes this free, in price previews and wherever else a rule is shown.
    pub const RULE: &'static str = "usage details";

    /// Answers as configured, to organizations that are identified by the header `identity`, if by a header.
    #[must_use]
    pub fn new(config: UsageConfig, identity: Option<&str>) -> Self {
        let vary = match identity {
            Some(identity) => format!("accept, {}", identity.to_ascii_lowercase()),
            None => "accept".to_owned(),
        };
        Self { config, vary }
    }

    /// What a request with this method and request target (path and query) is for; `None` if it is not for the filter.
    ///
    /// The path is compared as it is written: another spelling of it is an ordinary call, which is charged and goes to the upstream.
    #[must_use]
    pub fn resource<'a>(&self, method: &str, target: &'a str) -> Option<Resource<'a>> {
        if method == "OPTIONS" {
            return None;
        }
        // Nearly all calls end here.
        let below = target.strip_prefix(self.config.path.as_str())?;
        let (below, query) = below.split_once('?').unwrap_or((below, ""));
        match below {
            "" | "/" => Some(Resource::Details),
            "/usage.csv" => Some(Resource::Table),
            "/cost" => Some(Resource::Cost { query }),
            below if below.starts_with('/') => Some(Resource::Unknown {
                path: target.split('?').next().unwrap_or(target),
            }),
            _ => None,
        }
    }

    /// Answers a request for `resource` with the `details` of the organization that asks.
    #[must_use]
    pub fn answer(
        &self,
        resource: Resource<'_>,
        request: &Request<'_>,
        details: &Details,
        costs: &CostTable,
    ) -> Answer {
        if let Resource::Unknown { path } = resource {
            return self.not_found(path);
        }
        if !matches!(request.method, "GET" | "HEAD") {
            return self.wrong_method(request.method);
        }
        match resource {
            Resource::Cost { query } => self.price(query, details, costs),
            Resource::Table => {
                let content_type = Some("text/csv; charset=utf-8");
                self.varying(respond(200, content_type, table::text(details)))
            }
            Resource::Details | Resource::Unknown { .. } => self.details(request, details),
        }
    }

    fn details(&self, request: &Request<'_>, details: &Details) -> Answer {
        // There is a representation, and it has no tag: `*` matches it, a list of tags does not (RFC 9110, section 13.1.2).
        if request.if_none_match.is_some_and(|tags| tags.trim() == "*") {
            return self.respond(304, None, String::new());
        }
        let representation = Representation::preferred(request.accept);
        let body = match representation {
            Representation::Json => json::text(&Document::from(details)),
            Representation::Html => {
                let title = self.config.title.as_deref();
                Page::new(details, title, self.config.path.as_str()).to_html()
            }
        };
        let mut answer = self.respond(200, Some(representation), body);
        if representation == Representation::Html {
            let policy = ("content-security-policy", page::SECURITY_POLICY.to_owned());
            answer.headers.push(policy);
        }
        answer
    }

    fn price(&self, query: &str, details: &Details, costs: &CostTable) -> Answer {
        let call = match Call::from_query(query) {
            Ok(call) => call,
            Err(error) => return self.error(400, "INVALID_QUERY", &error.to_string()),
        };
        let document = if self.resource(&call.method, &call.path).is_some() {
            call.free(Self::RULE, details)
        } else {
            call.priced(costs, details)
        };
        self.respond(200, Some(Representation::Json), document.to_json())
    }

    fn wrong_method(&self, method: &str) -> Answer {
        let method = cut(method);
        let message = format!("invalid method {method:?}, expected GET or HEAD");
        let mut answer = self.error(405, "METHOD_NOT_ALLOWED", &message);
        answer.headers.push(("allow", "GET, HEAD".to_owned()));
        answer
    }

    fn not_found(&self, path: &str) -> Answer {
        let usage = self.config.path.as_str();
        let path = cut(path);
        let message = format!(
            "no such path {path:?}, expected {usage:?}, \"{usage}/usage.csv\" or \"{usage}/cost\""
        );
        self.error(404, "NOT_FOUND", &message)
    }

    fn error(&self, status: u16, error_code: &'static str, message: &str) -> Answer {
        self.varying(error(status, error_code, message))
    }

    fn respond(&self, status: u16, representation: Option<Representation>, body: String) -> Answer {
        let content_type = representation.map(Representation::content_type);
        self.varying(respond(status, content_type, body))
    }

    fn varying(&self, mut answer: Answer) -> Answer {
        answer.headers.push(("vary", self.vary.clone()));
        answer
    }
}

/// An error as the vendor's bodies show it.
#[must_use]
pub fn error(status: u16, error_code: &'static str, message: &str) -> Answer {
    let body = json::text(&ErrorDocument {
        error_code,
        message,
    });
    Answer {
        error: Some(message.to_owned()),
        ..respond(status, Some(Representation::Json.content_type()), body)
    }
}

/// A response that nobody stores.
#[must_use]
pub fn respond(status: u16, content_type: Option<&str>, body: String) -> Answer {
    let content_type = content_type.map(|kind| ("content-type", kind));
    let headers = content_type
        .into_iter()
        .chain([
            ("cache-control", "private, no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ])
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body,
        error: None,
    }
}

#[cfg(test)]
mod tests;
