//! After what time Envoy gives up.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

/// Time-outs of the route and of the connection manager before it. What is `None` is as Envoy has it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// For the upstream to answer a whole request, `timeout` of the route; 0 is for ever.
    #[serde(default, deserialize_with = "duration")]
    pub route: Option<Duration>,
    /// With nothing coming or going, `stream_idle_timeout`.
    #[serde(default, deserialize_with = "duration")]
    pub idle: Option<Duration>,
    /// For the whole stream, `max_stream_duration`.
    #[serde(default, deserialize_with = "duration")]
    pub max_stream_duration: Option<Duration>,
    /// How much of what `grpc-timeout` of the client says counts as the duration of the whole stream, `grpc_timeout_header_max`; 0 is all.
    /// Without it that header does not count.
    #[serde(default, deserialize_with = "duration")]
    pub grpc_timeout_header_max: Option<Duration>,
    /// For a request to pass all filters, `request_timeout`.
    #[serde(default, deserialize_with = "duration")]
    pub request: Option<Duration>,
}

/// As Envoy writes it.
pub(super) fn serialize<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = duration.map(|duration| format!("{}s", duration.as_secs_f64()));
    text.serialize(serializer)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let signed = SignedDuration::deserialize(deserializer)?;
    let refused = |_| serde::de::Error::custom("a time-out cannot be over before it begins");
    Duration::try_from(signed).map(Some).map_err(refused)
}
