//! The overview: all organizations at once, for those who operate the API.
//!
//! Who is an operator is stated where the configuration says: in a header or a property that a tenant cannot set, such as the port that was
//! called. Everybody else's request for the same path is an ordinary call. One [`Overview`] is shown in four ways: a page, JSON, CSV, and
//! `OpenMetrics` text with the organization as a label. The last one is for Prometheus to scrape: Envoy's own statistics cannot have such a label,
//! because Envoy never forgets a name.

mod documents;
mod page;
mod view;

use jiff::Timestamp;

pub use view::{InvalidView, Sort, View};

use crate::{
    document::json::cut,
    model::{credits::Credits, property_path::PropertyPath, terms::Model},
    show::usage::{
        accept::Representation,
        answer::{Answer, error, respond},
        config::UsagePath,
        details::Percentage,
    },
};

/// Who may look at all organizations, and where.
#[derive(Clone, Debug)]
pub struct Operators {
    /// Where an operator is stated.
    pub identity: PropertyPath,
    values: Vec<String>,
    path: UsagePath,
    title: Option<String>,
    /// How many organizations the `OpenMetrics` text has at the most.
    labels: usize,
}

/// What a request of an operator is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The page or the JSON document, whichever is preferred.
    Overview {
        /// The query.
        query: &'a str,
    },
    /// The JSON document.
    Json {
        /// The query.
        query: &'a str,
    },
    /// The CSV document.
    Csv {
        /// The query.
        query: &'a str,
    },
    /// The `OpenMetrics` text.
    Metrics,
    /// Something that there is not.
    Unknown {
        /// Its path.
        path: &'a str,
    },
}

/// All organizations, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// When they were looked at.
    pub as_of: Timestamp,
    /// Those that are shown, in the order that was asked for.
    pub rows: Vec<Row>,
    /// How many there are that fit what was searched for, also those that are not shown.
    pub organizations: usize,
    /// Whether some organizations are not known, because there are too many.
    pub is_incomplete: bool,
    /// Where several proxies share the accounts: what the others do is known, or why it is not.
    pub elsewhere: Option<Result<(), String>>,
}

/// One organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id, or what callers that share an account are called.
    pub organization: String,
    /// The name of its edition; `None` where only other proxies know it.
    pub edition: Option<String>,
    /// The name of its data centre, where there is more than one.
    pub data_center: Option<String>,
    /// How its calls are counted.
    pub model: Option<Model>,
    /// Whether calls that it cannot pay for are refused.
    pub enforced: bool,
    /// All credits (under the legacy model: calls) of its day; `None` where that is not known.
    pub total: Option<Credits>,
    /// What of them is used.
    pub used: Credits,
    /// How many of its calls are in progress, and as many as other proxies may have.
    pub in_progress: u32,
    /// How many may be.
    pub concurrency: Option<u32>,
    /// How many of its calls this proxy has refused today.
    pub refused: u64,
    /// When its credits are used up, if it goes on as it has today and that is before its day ends.
    pub runs_out_at: Option<Timestamp>,
    /// When everything is there again; `None` where only other proxies know it.
    pub resets_at: Option<Timestamp>,
}

impl Row {
    /// What is left.
    #[must_use]
    pub fn remaining(&self) -> Option<Credits> {
        Some(self.total?.saturating_sub(self.used))
    }

    /// How much of its day's credits is used.
    #[must_use]
    pub fn percentage(&self) -> Option<Percentage> {
        Some(Percentage::of(self.used, self.total?))
    }
}

impl Operators {
    /// Whoever states one of these values at `identity` sees all organizations at `path`, and of `labels` of them as `OpenMetrics` text.
    #[must_use]
    pub fn new(
        identity: PropertyPath,
        values: Vec<String>,
        path: UsagePath,
        title: Option<String>,
        labels: usize,
    ) -> Self {
        Self {
            identity,
            values,
            path,
            title,
            labels,
        }
    }

    /// What a request with this method and request target (path and query) is for, should an operator have made it; `None` if it is not for
    /// the overview.
    #[must_use]
    pub fn resource<'a>(&self, method: &str, target: &'a str) -> Option<Resource<'a>> {
        if method == "OPTIONS" {
            return None;
        }
        let below = target.strip_prefix(self.path.as_str())?;
        let (below, query) = below.split_once('?').unwrap_or((below, ""));
        Some(match below {
            "" | "/" => Resource::Overview { query },
            "/organizations.json" => Resource::Json { query },
            "/organizations.csv" => Resource::Csv { query },
            "/metrics" => Resource::Metrics,
            below if below.starts_with('/') => Resource::Unknown {
                path: target.split('?').next().unwrap_or(target),
            },
            _ => return None,
        })
    }

    /// Whether this is what an operator states. It takes as long for every value of the same length, in case it is a secret.
    #[must_use]
    pub fn admit(&self, stated: &str) -> bool {
        let is_same = |value: &String| {
            let pairs = value.bytes().zip(stated.bytes());
            let differences = pairs.fold(0, |all, (one, other)| all | (one ^ other));
            value.len() == stated.len() && differences == 0
        };
        self.values
            .iter()
            .fold(false, |any, value| any | is_same(value))
    }

    /// Which organizations a request for `resource` is to be shown.
    ///
    /// # Errors
    /// When its query makes no sense.
    pub fn view(&self, resource: Resource<'_>) -> Result<View, InvalidView> {
        match resource {
            Resource::Overview { query } | Resource::Json { query } | Resource::Csv { query } => {
                View::from_query(query)
            }
            Resource::Metrics => Ok(View {
                top: self.labels,
                ..View::default()
            }),
            Resource::Unknown { .. } => Ok(View {
                top: 0,
                ..View::default()
            }),
        }
    }

    /// Answers a request of an operator. `overview` looks at the organizations that the view asks for.
    pub fn answer(
        &self,
        resource: Resource<'_>,
        (method, accept): (&str, Option<&str>),
        overview: impl FnOnce(&View) -> Overview,
    ) -> Answer {
        let vary = |answer| with(answer, "vary", "accept");
        if let Resource::Unknown { path } = resource {
            let (base, path) = (self.path.as_str(), cut(path));
            let expected = format!(
                "{base:?}, \"{base}/organizations.json\", \"{base}/organizations.csv\" or \"{base}/metrics\""
            );
            let message = format!("no such path {path:?}, expected {expected}");
            return vary(error(404, "NOT_FOUND", &message));
        }
        if !matches!(method, "GET" | "HEAD") {
            let message = format!("invalid method {:?}, expected GET or HEAD", cut(method));
            return with(
                error(405, "METHOD_NOT_ALLOWED", &message),
                "allow",
                "GET, HEAD",
            );
        }
        let view = match self.view(resource) {
            Ok(view) => view,
            Err(invalid) => return vary(error(400, "INVALID_QUERY", &invalid.to_string())),
        };
        let overview = overview(&view);
        let is_page = match resource {
            Resource::Overview { .. } => Representation::preferred(accept) == Representation::Html,
            _ => false,
        };
        match resource {
            Resource::Csv { .. } => {
                let body = documents::csv(&overview);
                let name = "attachment; filename=\"organizations.csv\"";
                with(
                    respond(200, Some("text/csv; charset=utf-8"), body),
                    "content-disposition",
                    name,
                )
            }
            Resource::Metrics => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                respond(200, Some(kind), documents::open_metrics(&overview))
            }
            _ if is_page => {
                let title = self.title.as_deref();
                let body = page::html(&overview, &view, title, self.path.as_str());
                let answer = respond(200, Some(Representation::Html.content_type()), body);
                vary(with(
                    answer,
                    "content-security-policy",
                    page::SECURITY_POLICY,
                ))
            }
            _ => {
                let kind = Representation::Json.content_type();
                vary(respond(200, Some(kind), documents::json(&overview)))
            }
        }
    }
}

/// The answer with one more header field.
fn with(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers.push((name, value.to_owned()));
    answer
}

#[cfg(test)]
mod tests;
