//! The JSON Schema of the configuration, generated from the types that read it, for editors and for checks before a deployment.

use schemars::{Schema, generate::SchemaSettings};

use super::Config;

/// The schema (JSON Schema, draft 2020-12). What it cannot express, such as two operations that are the same, the filter still checks.
#[must_use]
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>()
}
