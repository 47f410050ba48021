//! What a client sends and an upstream answers, as scenarios write it.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::content::{self, Hex};
use super::fields::{self, Fields};
use super::json::Json;
use super::status;
use crate::model::{AnswerOverride, HttpVersion, Request, Upstream, UpstreamBehaviour};

/// More requests in one step than this are a typing error.
pub(super) const MOST: u32 = 1_000_000;

/// A request and how often it is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawRequest")]
pub struct Requests {
    /// The request.
    pub request: Request,
    /// How many times, one after another.
    pub repeat: u32,
    /// Within what time each must be seen as expected: until then it is sent again, for what a host promises sooner or later.
    pub within: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    method: Option<String>,
    path: Option<String>,
    authority: Option<Authority>,
    scheme: Option<String>,
    #[serde(default)]
    headers: Fields,
    body: Option<String>,
    body_json: Option<Json>,
    body_hex: Option<Hex>,
    body_chunks: Option<Vec<String>>,
    #[serde(default)]
    trailers: Fields,
    #[serde(default)]
    http: Version,
    worker: Option<u32>,
    repeat: Option<u32>,
    within: Option<SignedDuration>,
    #[serde(default)]
    unfinished: bool,
    #[serde(default)]
    may_leave: bool,
    upstream: Option<Behaviour>,
    neighbour: Option<UpstreamTable>,
}

/// The host that a request names, or `false`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a host such as `api.example`, or `false` for none"
)]
enum Authority {
    Name(String),
    None(bool),
}

/// A version of HTTP, and whether it is 1.0.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "toml::Value")]
struct Version(HttpVersion, bool);

impl TryFrom<toml::Value> for Version {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        match value {
            toml::Value::Float(1.0) => Ok(Self(HttpVersion::One, true)),
            toml::Value::Float(1.1) => Ok(Self(HttpVersion::One, false)),
            other => match HttpVersion::deserialize(other) {
                Ok(http) => Ok(Self(http, false)),
                Err(error) => Err(error.message().to_owned()),
            },
        }
    }
}

impl TryFrom<RawRequest> for Requests {
    type Error = String;

    fn try_from(raw: RawRequest) -> Result<Self, Self::Error> {
        let body = content::pieces(raw.body, raw.body_json, raw.body_hex, raw.body_chunks)?;
        let repeat = raw.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat = 0` sends nothing, expected at least 1".to_owned());
        }
        if repeat > MOST {
            return Err(format!("`repeat = {repeat}`, expected at most {MOST}"));
        }
        let within = raw.within.unwrap_or_default();
        let within = Duration::try_from(within).map_err(|_| {
            format!(
                "`within` ends {:#} before the request is sent",
                within.abs()
            )
        })?;
        let upstream = match (raw.upstream, raw.neighbour) {
            (Some(_), Some(_)) => {
                return Err("expected at most one of `upstream` and `neighbour`, which answers in its place".to_owned());
            }
            (upstream, None) => upstream.unwrap_or_default().0,
            (None, Some(UpstreamTable(answer))) if answer.more.is_empty() => {
                UpstreamBehaviour::Neighbour(answer)
            }
            (None, Some(_)) => {
                return Err("a `neighbour` answers with all of its body at once".to_owned());
            }
        };
        let default = Request::default();
        let method = raw.method.unwrap_or(default.method);
        if !fields::is_token(&method) {
            return Err(format!(
                "`method = {method:?}`, expected a word such as `POST`"
            ));
        }
        Ok(Self {
            request: Request {
                method,
                path: raw.path.unwrap_or(default.path),
                hostless: matches!(raw.authority, Some(Authority::None(false))),
                authority: match raw.authority {
                    Some(Authority::Name(name)) => name,
                    _ => default.authority,
                },
                scheme: raw.scheme,
                headers: raw.headers.0,
                body: body.unwrap_or_default(),
                trailers: raw.trailers.0,
                http: raw.http.0,
                http_10: raw.http.1,
                worker: raw.worker,
                upstream,
                unfinished: raw.unfinished,
                may_leave: raw.may_leave,
            },
            repeat,
            within,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpstream {
    #[serde(default, deserialize_with = "status::optional")]
    status: Option<u16>,
    headers: Option<Fields>,
    body: Option<String>,
    body_json: Option<Json>,
    body_hex: Option<Hex>,
    body_chunks: Option<Vec<String>>,
    trailers: Option<Fields>,
    streams: Option<bool>,
    internal_redirect: Option<String>,
}

impl TryFrom<RawUpstream> for UpstreamBehaviour {
    type Error = &'static str;

    fn try_from(mut raw: RawUpstream) -> Result<Self, Self::Error> {
        let Some(location) = raw.internal_redirect.take() else {
            return AnswerOverride::try_from(raw).map(Self::Answer);
        };
        let status = raw.status.take().unwrap_or(302);
        if AnswerOverride::try_from(raw)? != AnswerOverride::default() {
            return Err("expected nothing but `status` beside `internal_redirect`");
        }
        if location
            .strip_prefix("http://")
            .is_none_or(|rest| !rest.contains('/'))
        {
            return Err(
                "expected a whole address in `internal_redirect`, as in `http://api.example/things`",
            );
        }
        Ok(Self::InternalRedirect { status, location })
    }
}

impl TryFrom<RawUpstream> for AnswerOverride {
    type Error = &'static str;

    fn try_from(raw: RawUpstream) -> Result<Self, Self::Error> {
        Ok(Self {
            status: raw.status,
            headers: raw.headers.map(|fields| fields.0),
            body: content::pieces(raw.body, raw.body_json, raw.body_hex, raw.body_chunks)?,
            trailers: raw.trailers.map(|fields| fields.0),
            streams: raw.streams.unwrap_or(false),
        })
    }
}

/// The upstream fixture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "RawUpstream")]
pub(super) struct UpstreamTable(pub(super) Upstream);

impl TryFrom<RawUpstream> for UpstreamTable {
    type Error = &'static str;

    fn try_from(raw: RawUpstream) -> Result<Self, Self::Error> {
        if raw.streams.is_some() || raw.internal_redirect.is_some() {
            return Err(
                "`streams` and `internal_redirect` are for the upstream of a single request",
            );
        }
        Ok(Self(
            AnswerOverride::try_from(raw)?.over(&Upstream::default()),
        ))
    }
}

/// What an upstream that does not answer does.
const NAMES: [&str; 7] = [
    "reset",
    "reset_after_headers",
    "timeout",
    "unreachable",
    "no_healthy_upstream",
    "direct_response",
    "redirect",
];

/// What the upstream does with one request: a table that overrides its usual answer, or the name of a failure.
#[derive(Clone, Debug, Default)]
struct Behaviour(UpstreamBehaviour);

impl<'de> Deserialize<'de> for Behaviour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BehaviourVisitor;

        impl<'de> Visitor<'de> for BehaviourVisitor {
            type Value = Behaviour;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a table with `status`, `headers`, `body`, …, or the name of what happens, as in `reset`",
                )
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Behaviour, E> {
                Ok(Behaviour(match name {
                    "reset" => UpstreamBehaviour::Reset,
                    "reset_after_headers" => UpstreamBehaviour::ResetAfterHeaders,
                    "timeout" => UpstreamBehaviour::Timeout,
                    "unreachable" => UpstreamBehaviour::Unreachable,
                    "no_healthy_upstream" => UpstreamBehaviour::NoHealthyUpstream,
                    "direct_response" => UpstreamBehaviour::DirectResponse,
                    "redirect" => UpstreamBehaviour::Redirect,
                    other => return Err(E::unknown_variant(other, &NAMES)),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Behaviour, A::Error> {
                let raw = RawUpstream::deserialize(MapAccessDeserializer::new(map))?;
                let behaviour = UpstreamBehaviour::try_from(raw).map_err(de::Error::custom)?;
                Ok(Behaviour(behaviour))
            }
        }

        deserializer.deserialize_any(BehaviourVisitor)
    }
}
