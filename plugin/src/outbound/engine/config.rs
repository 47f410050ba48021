//! What is configured about the engine.

use serde::Deserialize;

use super::{
    Engine, Settings, WhenDown,
    transport::{RespTransport, Transport, WebdisTransport},
};
use crate::{
    document::{
        config_error::{ConfigError, ConfigErrors},
        unique_map::UniqueMap,
    },
    model::{credits::Credits, day::Seconds, header_name::HeaderName, namespace::Namespace},
    outbound::callout::{CalloutName, HeaderValue, TimeoutMs},
};

/// A counter in Redis (6 or later) or Valkey that several proxies share. Each reserves credits there before it spends them.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "EngineConfig", deny_unknown_fields)]
pub struct EngineConfig {
    /// How it is reached.
    pub transport: TransportConfig,
    /// How many proxies share it, from 1 to 1000: the most that there are at a time. During a restart that overlaps, one more may be there.
    pub envoys: u32,
    /// The most credits of an organization that one proxy reserves and has not used, at least 1. Never more than a 50th of the allotment
    /// divided by `envoys`, fewer as the day's credits run out, and an eighth to begin with and once there have been no calls for three
    /// seconds.
    #[serde(default = "thousand")]
    pub lease: Credits,
    /// How long a call waits for it at the most, in milliseconds.
    #[serde(default = "moment")]
    pub deadline_ms: TimeoutMs,
    /// After how many more seconds without a call all credits are given back that were reserved and not used, from 1 to 3600.
    #[serde(default = "ten")]
    pub idle_seconds: u32,
    /// How calls are treated that the reserved credits cannot pay for while it does not answer.
    #[serde(default)]
    pub when_down: WhenDown,
}

/// How the engine is reached.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransportConfig {
    /// Directly, by its own protocol: through a cluster with the upstream `envoy.upstreams.http.tcp`.
    Resp(RespConfig),
    /// Through Webdis, an HTTP gateway: one command a call, for Redis Cluster or a proxy in between.
    Webdis(WebdisConfig),
}

/// Redis or Valkey, by its own protocol.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "RespConfig", deny_unknown_fields)]
pub struct RespConfig {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The user, where there is one beside the default one.
    #[serde(default)]
    pub user: Option<Secret>,
    /// The password. Whoever sees the proxy's configuration sees it.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Instead of `password`: the environment variable that has it. The proxy gives the filter's VM those that its `vm_config` names in
    /// `environment_variables.host_env_keys`, so that the password stands in no configuration.
    #[serde(default)]
    pub password_variable: Option<Variable>,
    /// The number of the database.
    #[serde(default)]
    pub database: u32,
}

/// Webdis.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "WebdisConfig", deny_unknown_fields)]
pub struct WebdisConfig {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// Header fields of every call, such as `authorization`.
    #[serde(default)]
    pub headers: UniqueMap<HeaderName, HeaderValue>,
    /// The number of the database.
    #[serde(default)]
    pub database: u32,
}

crate::document::json::objects!(EngineConfig, RespConfig, WebdisConfig);

/// A user or a password. It is never shown.
///
/// Invariant: 1 to 1,024 bytes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

/// A text that is no secret. It is not shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid user or password of {bytes} bytes, expected 1 to 1024")]
pub struct InvalidSecret {
    /// How long it is.
    pub bytes: usize,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(not shown)")
    }
}

impl TryFrom<String> for Secret {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        if (1..=1_024).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(InvalidSecret { bytes: text.len() })
        }
    }
}

const fn thousand() -> Credits {
    Credits::saturating(1_000)
}

const fn moment() -> TimeoutMs {
    TimeoutMs::of(50)
}

const fn ten() -> u32 {
    10
}

impl EngineConfig {
    /// The engine, of which nothing has been asked yet.
    ///
    /// # Errors
    /// When a number is out of its range, or there is a user without a password.
    pub fn into_engine(
        self,
        namespace: &Namespace,
        share_lease: Seconds,
    ) -> Result<Engine, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        for (name, value, most) in [
            ("envoys", self.envoys, 1_000),
            ("idle_seconds", self.idle_seconds, 3_600),
        ] {
            if !(1..=most).contains(&value) {
                let expected = format!("from 1 to {most}");
                let path = format!("engine.{name}");
                errors.add(ConfigError::invalid(path, value.to_string(), expected));
            }
        }
        if self.lease.is_zero() {
            let expected = "at least 1 credit";
            errors.add(ConfigError::invalid("engine.lease", "0", expected));
        }
        let Some(transport) = errors.take(self.transport.into_transport()) else {
            return Err(errors);
        };
        errors.into_result()?;
        Ok(Engine::new(Settings {
            transport,
            envoys: self.envoys,
            lease: self.lease,
            deadline: self.deadline_ms.duration(),
            idle: Seconds::new(u64::from(self.idle_seconds)),
            when_down: self.when_down,
            namespace: namespace.clone(),
            share_lease,
        }))
    }
}

impl TransportConfig {
    fn into_transport(self) -> Result<Transport, ConfigError> {
        match self {
            Self::Resp(resp) => Ok(Transport::Resp(resp.into_transport()?)),
            Self::Webdis(webdis) => Ok(Transport::Webdis(WebdisTransport {
                cluster: webdis.cluster,
                authority: webdis.authority,
                headers: webdis.headers.into_inner().into_iter().collect(),
                database: webdis.database,
            })),
        }
    }
}

impl RespConfig {
    fn into_transport(self) -> Result<RespTransport, ConfigError> {
        let mut prelude = Vec::new();
        let password = match (self.password, self.password_variable) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::invalid(
                    "engine.transport.resp.password_variable",
                    "a second password",
                    "either `password` or `password_variable`",
                ));
            }
            (password, None) => password,
            (None, Some(variable)) => Some(variable.secret()?),
        };
        match (self.user, password) {
            (Some(Secret(user)), Some(Secret(password))) => {
                prelude.push(vec!["AUTH".to_owned(), user, password]);
            }
            (None, Some(Secret(password))) => prelude.push(vec!["AUTH".to_owned(), password]),
            (Some(_), None) => {
                return Err(ConfigError::invalid(
                    "engine.transport.resp.user",
                    "a user without a password",
                    "`password` or `password_variable` beside it",
                ));
            }
            (None, None) => {}
        }
        if self.database > 0 {
            prelude.push(vec!["SELECT".to_owned(), self.database.to_string()]);
        }
        Ok(RespTransport {
            cluster: self.cluster,
            prelude,
        })
    }
}

/// The name of an environment variable.
///
/// Invariant: 1 to 128 letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Variable(String);

/// A text that names no environment variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid name of an environment variable, expected 1 to 128 letters, digits and `_`")]
pub struct InvalidVariable;

impl TryFrom<String> for Variable {
    type Error = InvalidVariable;

    fn try_from(name: String) -> Result<Self, InvalidVariable> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name))
        } else {
            Err(InvalidVariable)
        }
    }
}

impl Variable {
    /// The secret that the VM's environment has under this name. It is the same for as long as the VM lives.
    fn secret(self) -> Result<Secret, ConfigError> {
        let invalid = |expected: String| {
            let path = "engine.transport.resp.password_variable";
            ConfigError::invalid(path, format!("{:?}", self.0), expected)
        };
        let value = std::env::var(&self.0).map_err(|_| {
            invalid(format!(
                "a variable of the VM's environment: \
                 `\"environment_variables\": {{\"host_env_keys\": [\"{}\"]}}` in `vm_config`, and the variable in the proxy's own",
                self.0
            ))
        })?;
        Secret::try_from(value).map_err(|_| invalid("one with 1 to 1024 bytes in it".to_owned()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Variable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variable".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_]{1,128}$"})
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 1_024})
    }
}
