//! The rows of the table: a filter each, and whose calls go through it.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::artifacts::root;

/// A filter that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// None: what all others are compared with.
    NoFilter,
    /// A plugin made with the SDK that does nothing.
    SdkNoop,
    /// The filter with the whole example, and calls that it admits.
    ApiCredits,
    /// The same in the module that reads no bodies.
    ApiCreditsHeaders,
    /// The filter with calls that it refuses, because the day's credits are used up.
    ApiCreditsRefused,
    /// Envoy's own local rate limit, one bucket for everybody.
    LocalRatelimit,
    /// A counter for each organization in Lua, which tells what is left.
    LuaCounter,
    /// What the filter asks of the host for a call that it admits, and nothing in between.
    BareHostcalls,
    /// The least that a counter of calls asks of the host.
    BareCounter,
    /// The filter as it was at another commit, with that commit's example, and calls that it admits.
    Base,
    /// The same with calls that it refuses.
    BaseRefused,
}

/// The modules that rows run.
#[derive(Clone, Copy, Debug)]
pub struct Modules<'a> {
    /// The filter.
    pub api_credits: &'a Path,
    /// The filter without what reads bodies.
    pub headers: &'a Path,
    /// The plugin that does nothing.
    pub sdk_noop: &'a Path,
    /// `tests/bare/hostcalls.wat`.
    pub bare_hostcalls: &'a Path,
    /// `tests/bare/counter.wat`.
    pub bare_counter: &'a Path,
    /// The filter of another commit, if it is compared with one.
    pub base: Option<Build<'a>>,
}

/// The filter of another commit.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// Its module.
    pub module: &'a Path,
    /// Its example of a configuration.
    pub example: &'a Path,
}

/// As many organizations call: each keeps an account of its own.
const ORGANIZATIONS: u64 = 100;

/// The organization whose credits are used up: the example's, with 10 a day.
const POOR: u64 = 7;

impl Row {
    /// The rows that are measured with reads, that without a filter first.
    pub const ALL: [Self; 8] = [
        Self::NoFilter,
        Self::SdkNoop,
        Self::ApiCredits,
        Self::ApiCreditsRefused,
        Self::LocalRatelimit,
        Self::LuaCounter,
        Self::BareHostcalls,
        Self::BareCounter,
    ];

    /// The rows of another commit.
    pub const BASE: [Self; 2] = [Self::Base, Self::BaseRefused];

    /// What it is called in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFilter => "no-filter",
            Self::SdkNoop => "sdk-noop",
            Self::ApiCredits => "api-credits",
            Self::ApiCreditsHeaders => "api-credits-headers",
            Self::ApiCreditsRefused => "api-credits-refused",
            Self::LocalRatelimit => "local-ratelimit",
            Self::LuaCounter => "lua-counter",
            Self::BareHostcalls => "bare-hostcalls",
            Self::BareCounter => "bare-counter",
            Self::Base => "base",
            Self::BaseRefused => "base-refused",
        }
    }

    /// The status with which every call is answered once the row is warm.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::ApiCreditsRefused | Self::BaseRefused => 429,
            _ => 200,
        }
    }

    /// Who calls.
    #[must_use]
    pub fn organizations(self) -> Vec<u64> {
        match self {
            Self::ApiCreditsRefused | Self::BaseRefused => vec![POOR],
            _ => organizations().collect(),
        }
    }

    /// The element of `http_filters`, if there is one.
    ///
    /// # Errors
    ///
    /// When the example cannot be read.
    pub fn filter(self, modules: Modules<'_>) -> anyhow::Result<Option<Value>> {
        let own = root().join("envoy/filter.json");
        Ok(match self {
            Self::NoFilter => None,
            Self::SdkNoop => Some(wasm(modules.sdk_noop, "")),
            Self::ApiCredits | Self::ApiCreditsRefused => {
                Some(wasm(modules.api_credits, &example(&own)?.to_string()))
            }
            Self::ApiCreditsHeaders => Some(wasm(modules.headers, &example(&own)?.to_string())),
            Self::Base | Self::BaseRefused => {
                let base = modules.base.context("there is no other commit")?;
                Some(wasm(base.module, &example(base.example)?.to_string()))
            }
            Self::LocalRatelimit => Some(local_ratelimit()),
            Self::LuaCounter => Some(lua_counter()),
            Self::BareHostcalls => Some(wasm(modules.bare_hostcalls, "")),
            Self::BareCounter => Some(wasm(modules.bare_counter, "")),
        })
    }
}

fn organizations() -> impl Iterator<Item = u64> {
    (0..ORGANIZATIONS).map(|number| 2_389_000_u64.saturating_add(number))
}

/// The example, with organizations that have enough for all calls of a measurement.
fn example(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut example: Value = serde_json::from_str(&text)?;
    let known = example
        .get_mut("organizations")
        .and_then(Value::as_object_mut)
        .context("the example lists no organizations")?;
    let rich = json!({ "edition": "Enterprise", "agents": 10_000_000 });
    known.extend(organizations().map(|id| (id.to_string(), rich.clone())));
    Ok(example)
}

/// A plugin as `envoy/envoy.yaml` runs the filter.
fn wasm(module: &Path, configuration: &str) -> Value {
    json!({
        "name": "wasm",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "bench",
                "vm_config": {
                    "vm_id": "bench",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
                "allow_on_headers_stop_iteration": true,
                "failure_policy": "FAIL_RELOAD",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration,
                },
            },
        },
    })
}

/// Envoy's own filter, with a bucket that is never empty.
fn local_ratelimit() -> Value {
    let always = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    json!({
        "name": "local_ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "bench",
            "token_bucket": { "max_tokens": 4_000_000_000_u32, "tokens_per_fill": 4_000_000_000_u32, "fill_interval": "1s" },
            "filter_enabled": always,
            "filter_enforced": always,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        },
    })
}

/// What one would write first: a counter for each organization of each worker, and two response headers.
fn lua_counter() -> Value {
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": LUA_COUNTER },
        },
    })
}

const LUA_COUNTER: &str = r#"
local used = {}
function envoy_on_request(request)
  local organization = request:headers():get("orgid") or ""
  used[organization] = (used[organization] or 0) + 1
  request:streamInfo():dynamicMetadata():set("counter", "remaining", 1000000000 - used[organization])
end
function envoy_on_response(response)
  local remaining = response:streamInfo():dynamicMetadata():get("counter")["remaining"]
  response:headers():replace("x-rate-limit-request-weight-v3", "1")
  response:headers():replace("x-rate-limit-remaining-v3", string.format("%d", remaining))
end
"#;
