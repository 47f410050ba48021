//! Which name in a log stands for what.

use super::column::{Part, Slot, Unit};

/// Which names of a log stand for what: the customary ones, unless another is [mapped](Self::mapped), and the values that are
/// wanted beside time, method, path, status and duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    wanted: Vec<String>,
    mapped: Vec<(String, String)>,
}

/// Customary names, the surest first: those of Envoy's documentation, nginx, Apache, HAProxy, AWS load balancers and others. An
/// empty name stands where a format has none of its own.
const CUSTOMARY: &[(&str, &[&str])] = &[
    (
        "time",
        &[
            "start_time",
            "time",
            "timestamp",
            "@timestamp",
            "ts",
            "time_local",
            "time_iso8601",
            "date",
            "datetime",
        ],
    ),
    ("request", &["request", "request_line"]),
    (
        "method",
        &["method", "request_method", "http_method", "verb", ":method"],
    ),
    (
        "path",
        &[
            "path",
            "request_path",
            "request_uri",
            "uri",
            "url",
            "original_path",
            "x_envoy_original_path",
            ":path",
        ],
    ),
    (
        "status",
        &[
            "response_code",
            "status",
            "status_code",
            "code",
            "http_status",
        ],
    ),
    (
        "duration",
        &[
            "duration",
            "duration_ms",
            "total_duration",
            "latency_ms",
            "elapsed_ms",
        ],
    ),
    (
        "duration_s",
        &[
            "duration_s",
            "request_time",
            "duration_seconds",
            "latency_s",
        ],
    ),
    ("duration_us", &["duration_us", "latency_us"]),
    (
        "organization",
        &[
            "organization",
            "organization_id",
            "org_id",
            "orgId",
            "org",
            "tenant",
            "tenant_id",
            "account",
            "user",
        ],
    ),
    (
        "authority",
        &["authority", "host", "http_host", ":authority"],
    ),
    (
        "user_agent",
        &["user_agent", "agent", "http_user_agent", "user-agent"],
    ),
    ("body", &["body", "request_body"]),
];

/// What a value is when it is not in the log at all.
pub const NOT_IN_LOG: &str = "-";

impl Fields {
    /// The customary names; `wanted` are the values that each [`Entry`](super::Entry) has beside the usual ones: `organization`,
    /// `authority`, `user_agent`, `body`, or any name of the log's own.
    #[must_use]
    pub fn new(wanted: &[impl AsRef<str>]) -> Self {
        Self {
            wanted: wanted.iter().map(|name| name.as_ref().to_owned()).collect(),
            mapped: Vec::new(),
        }
    }

    /// From now on `field` is told by this name of the log alone. Fields are `time`, `method`, `path`, `request` (method, path and version
    /// in one), `status`, `duration` (milliseconds), `duration_s`, `duration_us`, and the wanted ones.
    #[must_use]
    pub fn mapped(mut self, field: &str, name: &str) -> Self {
        self.mapped.push((field.to_owned(), name.to_owned()));
        self
    }

    /// Whether this is a field that can be mapped.
    #[must_use]
    pub fn knows(&self, field: &str) -> bool {
        CUSTOMARY.iter().any(|(known, _)| *known == field)
            || self.wanted.iter().any(|wanted| wanted == field)
    }

    /// What a name of the log stands for; lower ranks are surer.
    pub(super) fn slots(&self, name: &str) -> Vec<Slot> {
        let usual = CUSTOMARY.iter().filter_map(|(field, _)| {
            let part = Part::of(field)?;
            let rank = self.rank(field, name)?;
            Some(Slot { part, rank })
        });
        let wanted = self.wanted.iter().enumerate().filter_map(|(index, field)| {
            let rank = self.rank(field, name)?;
            Some(Slot {
                part: Part::Value(index),
                rank,
            })
        });
        usual.chain(wanted).collect()
    }

    fn rank(&self, field: &str, name: &str) -> Option<usize> {
        let mut mapped = self.mapped.iter().filter(|(of, _)| of == field).peekable();
        if mapped.peek().is_some() {
            return mapped.position(|(_, mapped)| mapped == name);
        }
        match CUSTOMARY.iter().find(|(known, _)| *known == field) {
            Some((_, names)) => names.iter().position(|other| *other == name),
            None => (field == name).then_some(0),
        }
    }

    /// How many values are wanted.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// The customary name of the log that stands for a field, as messages name it.
    pub(super) fn is_customary(name: &str) -> bool {
        CUSTOMARY.iter().any(|(_, names)| names.contains(&name))
    }
}

impl Part {
    fn of(field: &str) -> Option<Self> {
        Some(match field {
            "time" => Self::Time,
            "request" => Self::Request,
            "method" => Self::Method,
            "path" => Self::Path,
            "status" => Self::Status,
            "duration" => Self::Duration(Unit::Milliseconds),
            "duration_s" => Self::Duration(Unit::Seconds),
            "duration_us" => Self::Duration(Unit::Microseconds),
            _ => return None,
        })
    }
}
