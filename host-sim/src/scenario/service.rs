//! Services that answer the plugin's own calls, as scenarios write them.

use serde::Deserialize;

use super::content::{self, Hex};
use super::expect::ExpectUpstream;
use super::fields::Fields;
use super::json::Json;
use super::resp_service::{self, RawReply};
use super::status;
use crate::model::pattern::Pattern;
use crate::model::resp::RespBehaviour;
use crate::model::{AnswerOverride, Service, ServiceAnswer, ServiceBehaviour, Upstream};

/// A service.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawService")]
pub(super) struct ServiceTable(pub(super) Service);

/// What a service must have seen since the previous such step, in order and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectCallouts {
    /// The service's cluster.
    pub cluster: String,
    /// The requests.
    pub requests: Vec<ExpectUpstream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    cluster: String,
    #[serde(default)]
    protocol: Protocol,
    answers: Option<Vec<RawAnswer>>,
    replies: Option<Vec<RawReply>>,
    says: Option<String>,
    down: Option<Down>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    #[default]
    Http,
    Resp,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Down {
    Unreachable,
    Hang,
    Reset,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnswer {
    path: Pattern,
    #[serde(default, deserialize_with = "status::optional")]
    status: Option<u16>,
    #[serde(default)]
    headers: Fields,
    body: Option<String>,
    body_json: Option<Json>,
    body_hex: Option<Hex>,
    body_chunks: Option<Vec<String>>,
}

impl TryFrom<RawService> for ServiceTable {
    type Error = String;

    fn try_from(raw: RawService) -> Result<Self, Self::Error> {
        let cluster = raw.cluster.clone();
        let behaviour = match raw.protocol {
            Protocol::Http => raw.http()?,
            Protocol::Resp => ServiceBehaviour::Resp(raw.resp()?),
        };
        Ok(Self(Service { cluster, behaviour }))
    }
}

impl RawService {
    fn http(self) -> Result<ServiceBehaviour, String> {
        if self.replies.is_some() || self.says.is_some() {
            return Err("`replies` and `says` need `protocol = \"resp\"`".to_owned());
        }
        Ok(match (self.answers, self.down) {
            (Some(answers), None) => ServiceBehaviour::Answers(
                answers
                    .into_iter()
                    .map(ServiceAnswer::try_from)
                    .collect::<Result<_, _>>()?,
            ),
            (None, Some(Down::Unreachable)) => ServiceBehaviour::Unreachable,
            (None, Some(Down::Hang)) => ServiceBehaviour::Hang,
            (None, Some(Down::Reset)) => ServiceBehaviour::Reset,
            _ => return Err("expected exactly one of `answers` and `down`".to_owned()),
        })
    }

    fn resp(self) -> Result<RespBehaviour, String> {
        if self.answers.is_some() {
            return Err("`answers` needs `protocol = \"http\"`, expected `replies`".to_owned());
        }
        match (self.replies, self.says, self.down) {
            (Some(replies), None, None) => resp_service::behaviour(replies),
            (None, Some(text), None) => Ok(RespBehaviour::Says(text.into_bytes())),
            (None, None, Some(Down::Unreachable)) => Ok(RespBehaviour::Unreachable),
            (None, None, Some(Down::Hang)) => Ok(RespBehaviour::Hang),
            // Whoever hangs up without a word has answered, with nothing.
            (None, None, Some(Down::Reset)) => Ok(RespBehaviour::Says(Vec::new())),
            _ => Err("expected exactly one of `replies`, `says` and `down`".to_owned()),
        }
    }
}

impl TryFrom<RawAnswer> for ServiceAnswer {
    type Error = &'static str;

    fn try_from(raw: RawAnswer) -> Result<Self, Self::Error> {
        let answer = AnswerOverride {
            status: raw.status,
            headers: Some(raw.headers.0),
            body: content::pieces(raw.body, raw.body_json, raw.body_hex, raw.body_chunks)?,
            ..AnswerOverride::default()
        };
        Ok(Self {
            path: raw.path,
            answer: answer.over(&Upstream::default()),
        })
    }
}
