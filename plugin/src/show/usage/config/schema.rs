//! The shapes of usage details and warnings in the JSON Schema of the configuration.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::UsagePath;

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
