//! gRPC services that the plugin calls, as scenarios write them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::content::Hex;
use crate::model::grpc::{GrpcAnswer, GrpcBehaviour, GrpcService};

/// A gRPC service.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawGrpcService")]
pub(super) struct GrpcServiceTable(pub(super) GrpcService);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrpcService {
    cluster: String,
    answers: Option<Vec<RawGrpcAnswer>>,
    down: Option<Down>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Down {
    Unreachable,
    Hang,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrpcAnswer {
    method: String,
    message: Option<String>,
    message_hex: Option<Hex>,
    /// Several, to a caller that streams.
    messages: Option<Vec<String>>,
    messages_hex: Option<Vec<Hex>>,
    /// How many of them come before the caller has sent any.
    #[serde(default)]
    unasked: usize,
    /// Whether the service ends the stream once it has sent all of them.
    #[serde(default)]
    ends: bool,
    #[serde(default)]
    initial_metadata: BTreeMap<String, String>,
    #[serde(default)]
    trailing_metadata: BTreeMap<String, String>,
    #[serde(default)]
    status: u32,
    #[serde(default)]
    error: String,
}

impl TryFrom<RawGrpcService> for GrpcServiceTable {
    type Error = String;

    fn try_from(raw: RawGrpcService) -> Result<Self, Self::Error> {
        let behaviour = match (raw.answers, raw.down) {
            (Some(answers), None) => {
                let answers: Result<_, String> =
                    answers.into_iter().map(RawGrpcAnswer::answer).collect();
                GrpcBehaviour::Answers(answers?)
            }
            (None, Some(Down::Unreachable)) => GrpcBehaviour::Unreachable,
            (None, Some(Down::Hang)) => GrpcBehaviour::Hang,
            _ => return Err("expected exactly one of `answers` and `down`".to_owned()),
        };
        Ok(Self(GrpcService {
            cluster: raw.cluster,
            behaviour,
        }))
    }
}

impl RawGrpcAnswer {
    /// The method and what it answers: a message, or a status that says why there is none.
    fn answer(self) -> Result<(String, GrpcAnswer), String> {
        let method = self.method;
        if method.starts_with('/') || !method.contains('/') {
            return Err(format!(
                "`method = \"{method}\"`, expected `package.Service/Method`"
            ));
        }
        let texts = |texts: Vec<String>| texts.into_iter().map(String::into_bytes).collect();
        let all = |all: Vec<Hex>| all.into_iter().map(|hex| hex.0).collect();
        let messages: Vec<_> = match (
            self.message,
            self.message_hex,
            self.messages,
            self.messages_hex,
        ) {
            (None, None, None, None) => Vec::new(),
            (Some(text), None, None, None) => texts(vec![text]),
            (None, Some(hex), None, None) => all(vec![hex]),
            (None, None, Some(several), None) => texts(several),
            (None, None, None, Some(several)) => all(several),
            _ => {
                return Err(
                    "expected at most one of `message`, `message_hex`, `messages` and \
                            `messages_hex`"
                        .to_owned(),
                );
            }
        };
        if self.unasked > messages.len() {
            return Err(format!(
                "`unasked = {}`, expected at most {}, which is how many messages there are",
                self.unasked,
                messages.len()
            ));
        }
        let answer = GrpcAnswer {
            initial_metadata: self.initial_metadata.into_iter().collect(),
            messages,
            unasked: self.unasked,
            ends: self.ends,
            trailing_metadata: self.trailing_metadata.into_iter().collect(),
            status: self.status,
            message: self.error,
        };
        Ok((method, answer))
    }
}
