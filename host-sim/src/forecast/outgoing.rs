//! What is sent for a line of a log: the request, what filters before the module say of it, and what its answer says of its cost.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::body::BodyRule;
use super::bound::{Bound, Place};
use super::mapping::RequestMapping;
use super::sources::put_member;
use crate::access_log::Entry;
use crate::model::Request;

/// What is sent for the last line. Its texts are written over those of the line before.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) request: Request,
    /// What filters before the module say of the call, by namespace.
    pub(super) metadata: Vec<(String, Value)>,
    headers: Vec<(String, Bound)>,
    said: Vec<Said>,
    body: Option<Place>,
    bodies: Vec<BodyRule>,
    /// The headers of answers that say what calls cost.
    settling: Vec<(String, Place)>,
}

/// A value in the dynamic metadata.
#[derive(Debug)]
struct Said {
    namespace: String,
    path: Vec<String>,
    value: Bound,
}

impl Outgoing {
    /// What this mapping sends for entries whose values have these names.
    pub(super) fn new(mapping: &RequestMapping, wanted: &[String]) -> Self {
        let bound = |template| Bound::new(template, wanted);
        let headers = mapping.headers.iter();
        let said = mapping.metadata.iter().map(|metadata| Said {
            namespace: metadata.namespace.clone(),
            path: metadata.path.clone(),
            value: bound(&metadata.value),
        });
        Self {
            headers: headers
                .map(|(name, value)| (name.clone(), bound(value)))
                .collect(),
            said: said.collect(),
            body: Some(Place::of("body", wanted)).filter(|place| *place != Place::Nowhere),
            bodies: mapping.bodies.clone(),
            ..Self::default()
        }
    }

    /// With these headers, each for a kind of calls, that say in an answer what the call costs.
    pub(super) fn settled_by(
        mut self,
        settling: &BTreeMap<String, String>,
        wanted: &[String],
    ) -> Self {
        let mut headers: Vec<_> = settling.values().cloned().collect();
        headers.sort();
        headers.dedup();
        let headers = headers.into_iter();
        self.settling = headers
            .map(|header| {
                let place = Place::of(&header, wanted);
                (header, place)
            })
            .collect();
        self
    }

    /// Takes the next line.
    pub(super) fn fill(&mut self, entry: &Entry) {
        self.fill_request(entry);
        self.fill_metadata(entry);
    }

    fn fill_request(&mut self, entry: &Entry) {
        let request = &mut self.request;
        request.method.clone_from(&entry.method);
        request.path.clone_from(&entry.path);
        let mut count = 0_usize;
        for (name, value) in &self.headers {
            if request.headers.len() == count {
                request.headers.push(Default::default());
            }
            let Some((place, written)) = request.headers.get_mut(count) else {
                break;
            };
            place.clone_from(name);
            written.clear();
            count = count.saturating_add(usize::from(value.write(written, entry)));
        }
        request.headers.truncate(count);
        request.body.clear();
        let body = self.body.and_then(|place| place.value(entry)).or_else(|| {
            let mut rules = self.bodies.iter();
            let rule = rules.find(|rule| rule.applies(&entry.method, &entry.path));
            rule.map(|rule| rule.text.as_str())
        });
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            request.body.push(body.as_bytes().to_vec());
        }
    }

    fn fill_metadata(&mut self, entry: &Entry) {
        if self.said.is_empty() {
            return;
        }
        let mut namespaces: BTreeMap<&str, Value> = BTreeMap::new();
        for said in &self.said {
            let namespace = namespaces.entry(&said.namespace);
            let object = namespace.or_insert_with(|| Value::Object(Map::new()));
            let mut written = String::new();
            if said.value.write(&mut written, entry) {
                put_member(object, &said.path, Value::String(written));
            }
        }
        self.metadata.clear();
        let said = namespaces.into_iter();
        self.metadata
            .extend(said.map(|(namespace, value)| (namespace.to_owned(), value)));
    }

    /// The headers of the answer that say what the call costs, as far as the log has them.
    pub(super) fn settled(&self, entry: &Entry) -> Vec<(String, String)> {
        let settling = self.settling.iter();
        let settled = settling
            .filter_map(|(header, place)| Some((header.clone(), place.value(entry)?.to_owned())));
        settled.collect()
    }
}
