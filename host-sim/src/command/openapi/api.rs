//! The operations of an API, as a document describes them.

use anyhow::bail;

use super::base_path;
use super::body::{self, ArrayInBody};
use super::documents::Documents;
use super::parameter::Parameter;
use super::place::Place;
use super::remark::{Remark, Where};

/// The methods that a path has by name (OpenAPI 3.2, section 4.9).
const METHODS: [&str; 9] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
];

/// What else a path may have.
const OTHERS: [&str; 6] = [
    "$ref",
    "summary",
    "description",
    "servers",
    "parameters",
    "additionalOperations",
];

/// What a document says of an API.
#[derive(Debug)]
pub(crate) struct Api<'d> {
    /// Every operation, once for each base path, in the order of the document.
    pub(crate) operations: Vec<Operation<'d>>,
    /// What could not be understood.
    pub(crate) remarks: Vec<Remark>,
    /// The whole document.
    pub(crate) root: Place<'d>,
}

/// A method and a path, and what calls of it are like.
#[derive(Clone, Debug)]
pub(crate) struct Operation<'d> {
    /// In upper case.
    pub(crate) method: String,
    /// What stands before its path: a server's path, without a slash at the end.
    pub(crate) base: String,
    /// The path template, as the document writes it.
    pub(crate) path: String,
    /// Its `operationId`.
    pub(crate) id: Option<String>,
    /// The first of its tags.
    pub(crate) tag: Option<String>,
    /// Its parameters, those of the path as well.
    pub(crate) parameters: Vec<Parameter>,
    /// The arrays in its body.
    pub(crate) arrays: Vec<ArrayInBody>,
    /// Where it is described.
    pub(crate) at: Where,
    /// Where an extension is looked for: the operation, its path, its tags.
    extended: Vec<Place<'d>>,
}

impl<'d> Operation<'d> {
    /// The vendor extension (`x-…`) of this name that is closest to the operation.
    pub(crate) fn extension(&self, name: &str) -> Option<Place<'d>> {
        self.extended.iter().find_map(|place| place.get(name))
    }
}

impl<'d> Api<'d> {
    /// Reads what a document says; with a base path, that one is in place of the servers'.
    ///
    /// # Errors
    ///
    /// It is no such document.
    pub(crate) fn read(documents: &'d Documents, base: Option<&str>) -> anyhow::Result<Self> {
        let root = documents.root();
        let at = root.at();
        let version = |name: &str| root.get(name).and_then(|version| version.scalar());
        let is_swagger = match (version("openapi"), version("swagger")) {
            (Some(version), _) if version.starts_with("3.") => false,
            (None, Some(version)) if version == "2.0" || version == "2" => true,
            (Some(version), _) => bail!(
                "{}: `openapi` is {version:?}, expected a version 3.x",
                at.file.display()
            ),
            (None, Some(version)) => bail!(
                "{}: `swagger` is {version:?}, expected \"2.0\"",
                at.file.display()
            ),
            (None, None) => bail!(
                "{}: no OpenAPI document: it has neither `openapi: 3.…` nor `swagger: \"2.0\"`",
                at.file.display()
            ),
        };
        let mut remarks: Vec<_> = documents
            .repeated()
            .map(|(file, name, line)| {
                let place = Where {
                    file: file.to_owned(),
                    line,
                    pointer: String::new(),
                };
                let text =
                    format!("`{name}` is there twice in one object: only the last one counts");
                Remark::loss(place, text)
            })
            .collect();
        let bases = match (base, is_swagger) {
            (Some(base), _) => vec![base_path::of_swagger(base)],
            (None, true) => {
                let base = root.get("basePath").and_then(|base| base.text());
                vec![base_path::of_swagger(base.unwrap_or_default())]
            }
            (None, false) => bases(&[&root], &mut remarks).unwrap_or_else(|| vec![String::new()]),
        };
        let mut reading = Reading {
            root: root.clone(),
            bases,
            is_fixed: base.is_some() || is_swagger,
            operations: Vec::new(),
            remarks,
            callbacks: 0,
        };
        reading.paths();
        reading.other_calls();
        Ok(Self {
            operations: reading.operations,
            remarks: reading.remarks,
            root,
        })
    }
}

/// The base paths that the first of these states that states any.
fn bases(places: &[&Place<'_>], remarks: &mut Vec<Remark>) -> Option<Vec<String>> {
    let servers = places.iter().find_map(|place| {
        let servers = place.get("servers")?.items();
        (!servers.is_empty()).then_some(servers)
    })?;
    let bases = base_path::of_servers(&servers, remarks);
    if let ([_, _, ..], Some(first)) = (bases.as_slice(), servers.first()) {
        let names: Vec<_> = bases.iter().map(|base| format!("`{base}/`")).collect();
        let text = format!(
            "the servers have several base paths: an operation below each of {}",
            names.join(", ")
        );
        remarks.push(Remark::note(first.at(), text));
    }
    Some(bases)
}

/// A document that is being read.
struct Reading<'d> {
    root: Place<'d>,
    bases: Vec<String>,
    /// Whether no other servers are looked at.
    is_fixed: bool,
    operations: Vec<Operation<'d>>,
    remarks: Vec<Remark>,
    /// How many callbacks there are.
    callbacks: usize,
}

impl<'d> Reading<'d> {
    fn paths(&mut self) {
        let Some(paths) = self.root.get("paths") else {
            let text = "the document has no `paths`, and so no operations";
            self.remarks.push(Remark::note(self.root.at(), text));
            return;
        };
        for (path, item) in paths.members() {
            if path.starts_with("x-") {
                continue;
            }
            let mut path = path.to_owned();
            if !path.starts_with('/') {
                let text = format!("the path `{path}` begins without a slash: read as `/{path}`");
                self.remarks.push(Remark::note(item.at(), text));
                path.insert(0, '/');
            }
            self.item(&path, &item);
        }
    }

    /// Reads what there is at a path. Beside a reference there may be more, which goes before it.
    fn item(&mut self, path: &str, item: &Place<'d>) {
        if !item.is_object() {
            let text = format!("the path `{path}` is {}, expected an object", item.shown());
            return self.remarks.push(Remark::loss(item.at(), text));
        }
        let mut layers = vec![item.clone()];
        match item.resolved() {
            Ok(target) if item.get("$ref").is_some() => layers.push(target),
            Ok(_) => {}
            Err(why) => {
                let text = format!("the path `{path}` is described elsewhere: {why}");
                self.remarks.push(Remark::loss(item.at(), text));
            }
        }
        let mut known: Vec<String> = Vec::new();
        for layer in &layers {
            for (name, operation) in layer.members() {
                let lower = name.to_ascii_lowercase();
                if METHODS.contains(&lower.as_str()) {
                    if !known.contains(&lower) {
                        self.operation(&lower, path, &operation, &layers);
                        known.push(lower);
                    }
                } else if name == "additionalOperations" {
                    for (method, operation) in operation.members() {
                        self.operation(method, path, &operation, &layers);
                    }
                } else if !OTHERS.contains(&name) && !name.starts_with("x-") {
                    let text = format!("`{name}` is no method that OpenAPI has: left out");
                    self.remarks.push(Remark::loss(operation.at(), text));
                }
            }
        }
    }

    fn operation(&mut self, method: &str, path: &str, place: &Place<'d>, item: &[Place<'d>]) {
        let method = method.to_ascii_uppercase();
        // Not allowed, and yet there are such documents.
        let resolved = match place.resolved() {
            Ok(resolved) if resolved.is_object() => resolved,
            Ok(other) => {
                let text = format!("{method} {path} is {}, expected an object", other.shown());
                return self.remarks.push(Remark::loss(place.at(), text));
            }
            Err(why) => {
                let text = format!("{method} {path} is described elsewhere: {why}");
                return self.remarks.push(Remark::loss(place.at(), text));
            }
        };
        let parameters = self.parameters(&resolved, item);
        let callbacks = resolved.get("callbacks");
        let callbacks = callbacks.map_or(0, |callbacks| callbacks.members().len());
        self.callbacks = self.callbacks.saturating_add(callbacks);
        let tags = self.tags(&resolved);
        let mut extended = vec![resolved.clone()];
        extended.extend(item.iter().cloned());
        extended.extend(tags.iter().filter_map(|(_, place)| place.clone()));
        let mut own: Vec<&Place<'_>> = vec![&resolved];
        own.extend(item);
        let own = match self.is_fixed {
            true => None,
            false => bases(&own, &mut self.remarks),
        };
        let id = resolved.get("operationId").and_then(|id| id.text());
        let operation = Operation {
            method,
            base: String::new(),
            path: path.to_owned(),
            id: id.map(str::to_owned),
            tag: tags.into_iter().next().map(|(name, _)| name),
            arrays: body::arrays(&resolved, &parameters),
            parameters: parameters.iter().filter_map(Parameter::read).collect(),
            at: place.at(),
            extended,
        };
        for base in own.as_ref().unwrap_or(&self.bases) {
            self.operations.push(Operation {
                base: base.clone(),
                ..operation.clone()
            });
        }
    }

    /// The parameters of an operation and of its path; of two with one name and one place the operation's counts.
    fn parameters(&mut self, operation: &Place<'d>, item: &[Place<'d>]) -> Vec<Place<'d>> {
        let mut found: Vec<Place<'d>> = Vec::new();
        let identity = |place: &Place<'d>| {
            let part = |name: &str| place.get(name).and_then(|part| part.text());
            (part("name"), part("in"))
        };
        for place in std::iter::once(operation).chain(item) {
            let parameters = place.get("parameters").map(|parameters| parameters.items());
            for parameter in parameters.into_iter().flatten() {
                match parameter.resolved() {
                    Ok(resolved) => {
                        let same = |known: &Place<'d>| identity(known) == identity(&resolved);
                        if !found.iter().any(same) {
                            found.push(resolved);
                        }
                    }
                    Err(why) => {
                        let text = format!("a parameter is described elsewhere: {why}");
                        let remark = Remark::loss(parameter.at(), text);
                        // A path's parameters are looked at with each of its operations.
                        if !self.remarks.contains(&remark) {
                            self.remarks.push(remark);
                        }
                    }
                }
            }
        }
        found
    }

    /// The tags of an operation, and where the document describes them.
    fn tags(&self, operation: &Place<'d>) -> Vec<(String, Option<Place<'d>>)> {
        let names = operation.get("tags").map(|tags| tags.items());
        let described = self.root.get("tags").map(|tags| tags.items());
        let described = described.unwrap_or_default();
        let of_name = |name: &str| {
            let is_it =
                |tag: &&Place<'d>| tag.get("name").and_then(|name| name.text()) == Some(name);
            described.iter().find(is_it).cloned()
        };
        let names = names.into_iter().flatten();
        let names = names.filter_map(|name| name.scalar());
        names
            .map(|name| {
                let place = of_name(&name);
                (name, place)
            })
            .collect()
    }

    /// Calls that the API makes itself, which nobody makes to it.
    fn other_calls(&mut self) {
        let webhooks = self.root.get("webhooks");
        let at = webhooks.as_ref().unwrap_or(&self.root).at();
        let webhooks = webhooks.map_or(0, |webhooks| webhooks.members().len());
        if webhooks > 0 || self.callbacks > 0 {
            let text = format!(
                "left out, because the API makes these calls itself: webhooks ({webhooks}) and callbacks ({})",
                self.callbacks
            );
            self.remarks.push(Remark::note(at, text));
        }
    }
}
