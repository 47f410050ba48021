//! A configuration, made ready for a forecast.

use std::collections::{BTreeMap, BTreeSet};

use host_sim::forecast::Mapping;
use serde_json::Value;

/// A configuration and where the module answers with an organization's account under it.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) bytes: Vec<u8>,
    pub(super) details_path: Option<String>,
    /// The kinds of calls whose price depends on their body.
    pub(super) priced_by_body: BTreeSet<String>,
    /// The header that settles a kind of calls.
    pub(super) settling: BTreeMap<String, String>,
    /// The organizations that it knows.
    pub(super) organizations: BTreeSet<String>,
    /// The zone in which it counts days, if it says so.
    pub(super) zone: Option<String>,
    /// The same as a document; null if it is no JSON object.
    pub(super) document: Value,
}

impl Configuration {
    /// The configuration, with the members that the mapping gives it where it has none. One that is no JSON object stays as it is.
    pub(super) fn new(bytes: &[u8], mapping: &Mapping) -> Self {
        let details = &mapping.details;
        let Ok(Value::Object(mut members)) = serde_json::from_slice(bytes) else {
            return Self {
                bytes: bytes.to_vec(),
                details_path: details.path.clone(),
                priced_by_body: BTreeSet::new(),
                settling: BTreeMap::new(),
                organizations: BTreeSet::new(),
                zone: None,
                document: Value::Null,
            };
        };
        let mut changed = false;
        for (name, value) in &mapping.configuration.defaults {
            if !members.contains_key(name) {
                members.insert(name.clone(), value.clone());
                changed = true;
            }
        }
        let document = Value::Object(members);
        let stated = details.path_in_configuration.as_deref();
        let stated = stated.and_then(|pointer| document.pointer(pointer)?.as_str());
        let bytes = if changed {
            document.to_string().into_bytes()
        } else {
            bytes.to_vec()
        };
        Self {
            details_path: stated.map(str::to_owned).or_else(|| details.path.clone()),
            priced_by_body: mapping.priced_by_body(&document),
            settling: mapping.settling(&document),
            organizations: mapping
                .organizations(&document)
                .map(str::to_owned)
                .collect(),
            zone: details
                .zone_in_configuration
                .as_deref()
                .and_then(|pointer| document.pointer(pointer)?.as_str())
                .map(str::to_owned),
            document,
            bytes,
        }
    }
}
