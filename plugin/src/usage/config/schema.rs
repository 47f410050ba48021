//! The shapes of usage details and warnings in the JSON Schema of the configuration.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{CalloutName, TimeoutMs, UsagePath, WebhookPath};

impl JsonSchema for UsagePath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "UsagePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Dot segments are left to the filter.
        json_schema!({
            "type": "string",
            "pattern": r##"^(/[!$&-.0->@-\[\]-~]+)+$"##,
            "maxLength": 256,
        })
    }
}

impl JsonSchema for CalloutName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CalloutName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[!-~]{1,255}$"})
    }
}

impl JsonSchema for WebhookPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WebhookPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^/[!-~]*$", "maxLength": 2048})
    }
}

impl JsonSchema for TimeoutMs {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TimeoutMs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": 60_000})
    }
}
