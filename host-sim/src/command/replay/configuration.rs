//! A configuration, made ready for a forecast. It may list very many organizations, of which hardly any are looked at: only their names are kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host_sim::forecast::Mapping;
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use super::pruned::Pruned;
use super::without::Without;

/// A configuration and where the module answers with an organization's account under it.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) bytes: Arc<[u8]>,
    pub(super) details_path: Option<String>,
    /// The kinds of calls whose price depends on their body.
    pub(super) priced_by_body: BTreeSet<String>,
    /// The kinds of calls among whose prices headers decide.
    pub(super) priced_by_head: BTreeSet<String>,
    /// The header that settles a kind of calls.
    pub(super) settling: BTreeMap<String, String>,
    /// The organizations that it knows.
    pub(super) organizations: Arc<BTreeSet<String>>,
    /// The zone in which it counts days, if it says so.
    pub(super) zone: Option<String>,
    /// The same as a document, without its organizations; null if it is no JSON object.
    pub(super) document: Value,
    /// The members that lead to its organizations.
    way: Arc<[String]>,
}

impl Configuration {
    /// The configuration, with the members that the mapping gives it. One that is no JSON object stays as it is.
    pub(super) fn new(bytes: &[u8], mapping: &Mapping) -> Self {
        let details = &mapping.details;
        let way: Arc<[String]> = mapping.way_to_organizations().into();
        let mut organizations = BTreeSet::new();
        let mut note = |name: &str| {
            organizations.insert(name.to_owned());
            false
        };
        let Some(Value::Object(mut members)) = Pruned::read(bytes, &way, &mut note) else {
            return Self {
                bytes: bytes.into(),
                details_path: details.path.clone(),
                priced_by_body: BTreeSet::new(),
                priced_by_head: BTreeSet::new(),
                settling: BTreeMap::new(),
                organizations: Arc::default(),
                zone: None,
                document: Value::Null,
                way,
            };
        };
        let overrides = &mapping.configuration.overrides;
        let contradicted = |(name, value): &(&String, &Value)| {
            let known = members.get(*name);
            known.is_some_and(|known| known != *value)
        };
        let contradicted = overrides.iter().filter(contradicted);
        let contradicted: BTreeSet<_> = contradicted.map(|(name, _)| name.as_str()).collect();
        let bytes = without_members(bytes, &contradicted);
        members.retain(|name, _| !contradicted.contains(name.as_str()));
        let mut added = String::new();
        for (name, value) in mapping.configuration.defaults.iter().chain(overrides) {
            if !members.contains_key(name) {
                let comma = if members.is_empty() { "" } else { "," };
                added = format!("{}:{value}{comma}{added}", Value::from(name.as_str()));
                members.insert(name.clone(), value.clone());
            }
        }
        let document = Value::Object(members);
        let stated = details.path_in_configuration.as_deref();
        let stated = stated.and_then(|pointer| document.pointer(pointer)?.as_str());
        Self {
            details_path: stated.map(str::to_owned).or_else(|| details.path.clone()),
            priced_by_body: mapping.priced_by_body(&document),
            priced_by_head: mapping.priced_by_head(&document),
            settling: mapping.settling(&document),
            zone: details
                .zone_in_configuration
                .as_deref()
                .and_then(|pointer| document.pointer(pointer)?.as_str())
                .map(str::to_owned),
            bytes: with_members(&bytes, &added).into(),
            organizations: Arc::new(organizations),
            document,
            way,
        }
    }

    /// The document with these organizations alone.
    pub(super) fn document_of(&self, names: &BTreeSet<&str>) -> Value {
        let mut is_one = |name: &str| names.contains(name);
        let document = Pruned::read(&self.bytes, &self.way, &mut is_one);
        document.unwrap_or_else(|| self.document.clone())
    }
}

/// Gives a configuration in which of all organizations only these are listed.
pub(super) type WithFew = Box<dyn Fn(&BTreeSet<String>) -> Vec<u8>>;

impl Configuration {
    /// The same again with few organizations, once it is known which.
    pub(super) fn with_few(&self) -> WithFew {
        let (bytes, way) = (Arc::clone(&self.bytes), Arc::clone(&self.way));
        Box::new(move |names| {
            let mut is_one = |name: &str| names.contains(name);
            let document = Pruned::read(&bytes, &way, &mut is_one);
            document.map_or_else(
                || bytes.to_vec(),
                |document| document.to_string().into_bytes(),
            )
        })
    }
}

/// The document without some of its members. Where they are in it, it is written anew.
fn without_members<'b>(bytes: &'b [u8], names: &BTreeSet<&str>) -> Cow<'b, [u8]> {
    if names.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut written = Vec::with_capacity(bytes.len());
    let mut serializer = serde_json::Serializer::new(&mut written);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let without = Without {
        names,
        serializer: &mut serializer,
    };
    match without.deserialize(&mut deserializer) {
        Ok(()) => Cow::Owned(written),
        Err(_) => Cow::Borrowed(bytes),
    }
}

/// The text of an object with more members, which go before the others.
fn with_members(object: &[u8], members: &str) -> Vec<u8> {
    let begin = object.iter().position(|byte| *byte == b'{');
    let begin = begin.map_or(0, |at| at.saturating_add(1));
    match object.split_at_checked(begin) {
        Some((before, behind)) => [before, members.as_bytes(), behind].concat(),
        None => object.to_vec(),
    }
}
