//! What a client sends and an upstream answers, as scenarios write it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::json::Json;
use crate::target::{HttpVersion, Request, Upstream};

/// A request and how often it is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawRequest")]
pub struct Requests {
    /// The request.
    pub request: Request,
    /// How many times, one after another.
    pub repeat: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    method: Option<String>,
    path: Option<String>,
    authority: Option<String>,
    #[serde(default)]
    headers: Fields,
    body: Option<String>,
    body_json: Option<Json>,
    body_chunks: Option<Vec<String>>,
    #[serde(default)]
    trailers: Fields,
    #[serde(default)]
    http: HttpVersion,
    worker: Option<u32>,
    repeat: Option<u32>,
}

impl TryFrom<RawRequest> for Requests {
    type Error = &'static str;

    fn try_from(raw: RawRequest) -> Result<Self, Self::Error> {
        let body = match (raw.body, raw.body_json, raw.body_chunks) {
            (None, None, None) => Vec::new(),
            (Some(text), None, None) => vec![text.into_bytes()],
            (None, Some(Json(value)), None) => vec![value.to_string().into_bytes()],
            (None, None, Some(chunks)) => chunks.into_iter().map(String::into_bytes).collect(),
            _ => return Err("expected at most one of `body`, `body_json` and `body_chunks`"),
        };
        let repeat = raw.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat = 0` sends nothing, expected at least 1");
        }
        let default = Request::default();
        Ok(Self {
            request: Request {
                method: raw.method.unwrap_or(default.method),
                path: raw.path.unwrap_or(default.path),
                authority: raw.authority.unwrap_or(default.authority),
                headers: raw.headers.0,
                body,
                trailers: raw.trailers.0,
                http: raw.http,
                worker: raw.worker,
            },
            repeat,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpstream {
    status: Option<u16>,
    #[serde(default)]
    headers: Fields,
    body: Option<String>,
    body_json: Option<Json>,
    #[serde(default)]
    trailers: Fields,
}

/// The upstream fixture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "RawUpstream")]
pub(super) struct UpstreamTable(pub(super) Upstream);

impl TryFrom<RawUpstream> for UpstreamTable {
    type Error = &'static str;

    fn try_from(raw: RawUpstream) -> Result<Self, Self::Error> {
        let body = match (raw.body, raw.body_json) {
            (None, None) => Vec::new(),
            (Some(text), None) => text.into_bytes(),
            (None, Some(Json(value))) => value.to_string().into_bytes(),
            (Some(_), Some(_)) => return Err("expected at most one of `body` and `body_json`"),
        };
        Ok(Self(Upstream {
            status: raw.status.unwrap_or(200),
            headers: raw.headers.0,
            body,
            trailers: raw.trailers.0,
        }))
    }
}

/// A table of header fields in the order written; an array gives several values of one name.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<(String, String)>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of header names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, OneOrMany>()? {
                    match values {
                        OneOrMany::One(value) => fields.push((name, value)),
                        OneOrMany::Many(values) => {
                            fields.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}
