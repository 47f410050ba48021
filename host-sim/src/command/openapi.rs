//! OpenAPI documents: which operations an API has, what they are called with, and where in which file they are described.
//!
//! OpenAPI 3.0 to 3.2 and Swagger 2.0, in YAML or JSON, in one file or in several that refer to each other. A document is read
//! leniently, because only a part of it is asked for; what cannot be understood of that part becomes a [`Remark`]. Nothing here knows
//! what is made of the operations.

mod api;
mod base_path;
mod body;
mod documents;
mod json;
mod parameter;
mod place;
mod reference;
mod remark;
pub(crate) mod tree;
mod yaml;

pub(crate) use api::{Api, Operation};
pub(crate) use body::ArrayInBody;
pub(crate) use documents::Documents;
pub(crate) use parameter::Parameter;
pub(crate) use place::Place;
pub(crate) use remark::{Remark, Where};

/// The tree of a JSON text.
///
/// # Errors
///
/// The text is not JSON.
pub(crate) fn json_tree(text: &str) -> Result<tree::Tree, serde_json::Error> {
    json::parse(text)
}
