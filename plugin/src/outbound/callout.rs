//! Callouts: HTTP calls that the filter makes itself, to a cluster of the proxy.
//!
//! What is called is configured, what is said is decided by the [directory](crate::outbound::directory), the [outboxes](crate::outbound::outbox) and the
//! [engine](crate::outbound::engine), and nothing here calls anybody: the shell does.

mod config;

use std::time::Duration;

pub use config::{CalloutName, HeaderValue, InvalidCalloutName, InvalidTimeout, TimeoutMs};

use crate::model::header_name::HeaderName;

/// A service that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// Header fields of every call, such as `authorization`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long an answer may take.
    pub timeout: TimeoutMs,
}

/// A call to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The name of the cluster.
    pub cluster: String,
    /// The header fields, pseudo-headers first.
    pub headers: Vec<(String, String)>,
    /// The body; none if it is empty.
    pub body: Vec<u8>,
    /// After which time the proxy answers 504 in the service's place.
    pub timeout: Duration,
}

/// The number by which the host tells which call an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId(pub u32);

/// What comes back from a call: the service's answer or, as Envoy has it, the router's own 503 or 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The HTTP status; `None` if the service broke off after its headers had begun.
    pub status: Option<u16>,
    /// The body.
    pub body: &'a [u8],
}

impl Service {
    /// `GET` of JSON at `path`.
    #[must_use]
    pub fn get(&self, path: String) -> Callout {
        self.call("GET", path, ("accept", "application/json"), Vec::new())
    }

    /// `POST` of a body of this media type to `path`.
    #[must_use]
    pub fn post(&self, path: String, content_type: &str, body: String) -> Callout {
        let content_type = ("content-type", content_type);
        self.call("POST", path, content_type, body.into_bytes())
    }

    fn call(
        &self,
        method: &str,
        path: String,
        (name, value): (&str, &str),
        body: Vec<u8>,
    ) -> Callout {
        let mut headers = vec![
            (":method".to_owned(), method.to_owned()),
            (":path".to_owned(), path),
            (":authority".to_owned(), self.authority.as_str().to_owned()),
            (name.to_owned(), value.to_owned()),
            ("user-agent".to_owned(), "api-credits".to_owned()),
        ];
        for (name, value) in &self.headers {
            headers.retain(|(known, _)| known != name.as_str());
            headers.push((name.as_str().to_owned(), value.as_str().to_owned()));
        }
        Callout {
            cluster: self.cluster.as_str().to_owned(),
            headers,
            body,
            timeout: self.timeout.duration(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_configured_field_replaces_the_usual_one() {
        let name = |name: &str| HeaderName::try_from(name.to_owned()).unwrap();
        let value = |value: &str| HeaderValue::try_from(value.to_owned()).unwrap();
        let service = Service {
            cluster: CalloutName::try_from("crm".to_owned()).unwrap(),
            authority: CalloutName::try_from("crm.internal".to_owned()).unwrap(),
            headers: vec![
                (name("Authorization"), value("Bearer x")),
                (name("Accept"), value("*/*")),
            ],
            timeout: TimeoutMs::default(),
        };
        let callout = service.get("/o/7".to_owned());
        let headers: Vec<_> = callout
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            headers,
            [
                (":method", "GET"),
                (":path", "/o/7"),
                (":authority", "crm.internal"),
                ("user-agent", "api-credits"),
                ("authorization", "Bearer x"),
                ("accept", "*/*"),
            ]
        );
    }
}
