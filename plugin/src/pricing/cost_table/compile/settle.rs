//! From where a response states its cost, as it is written, to where it is looked for.

use super::super::config::{SettleConfig, SettlePlace};
use super::super::pointer;
use super::json;
use crate::document::config_error::ConfigError;
use crate::pricing::settling::{SettleFrom, SettleSource};

/// Where it is looked for; errors are said at `path`.
#[inline(never)]
pub(super) fn compile(settle: &SettleConfig, path: &str) -> Result<SettleFrom, ConfigError> {
    let SettlePlace {
        header,
        trailer,
        body,
        per_1000,
    } = &settle.0;
    let source = match (header, trailer, body) {
        (Some(name), None, None) => SettleSource::Header(name.clone()),
        (None, Some(name), None) => SettleSource::Trailer(name.clone()),
        (None, None, Some(body)) => {
            let invalid =
                |expected: &str| ConfigError::invalid(format!("{path}.body"), json(body), expected);
            let relative =
                "a JSON Pointer to a member of the body, such as \"/usage/total_tokens\"";
            if !body.starts_with('/') {
                return Err(invalid(relative));
            }
            let keys = pointer::keys(body).map_err(|expected| invalid(&expected.to_string()))?;
            let is_index = |key: &String| key.bytes().all(|byte| byte.is_ascii_digit());
            if keys.iter().any(is_index) {
                let expected =
                    "a JSON Pointer without elements of arrays, which are not told apart";
                return Err(invalid(expected));
            }
            SettleSource::Body(keys)
        }
        _ => {
            let expected = "one of `header`, `trailer` and `body`";
            return Err(ConfigError::invalid(path, "{…}", expected));
        }
    };
    Ok(SettleFrom {
        source,
        per_1000: *per_1000,
    })
}
