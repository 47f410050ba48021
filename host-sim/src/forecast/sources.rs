//! Where a configuration says that facts about a call are stated, so that what a line of a log says is put there.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::mapping::{Mapping, RequestMapping};
use super::template::Template;

/// JSON Pointers into the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityMapping {
    /// Where facts are said to be stated. The first one is the organization; the others are called by the last segment of their pointer.
    pub sources: Vec<String>,
    /// In a source: the name of a header.
    pub header: Option<String>,
    /// In a source: the segments of a property. Those of headers and of dynamic metadata can be set.
    pub property: Option<String>,
    /// An object with a member for each organization that the configuration knows.
    pub organizations: Option<String>,
}

/// Where a fact about a call is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The field of the log that fills it.
    pub field: String,
    /// Where it is put.
    pub place: Place,
}

/// A place that a filter can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A request header.
    Header(String),
    /// Dynamic metadata: a namespace, and the path in it.
    Metadata(String, Vec<String>),
    /// A property that nobody can set here.
    Property(String),
}

/// A value in the dynamic metadata of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataValue {
    /// The namespace, such as `envoy.filters.http.jwt_authn`.
    pub namespace: String,
    /// The members that lead to it.
    pub path: Vec<String>,
    /// What is put there, with fields of the log in it.
    pub value: Template,
}

impl Mapping {
    /// Where this configuration says that facts are stated.
    #[must_use]
    pub fn sources(&self, configuration: &Value) -> Vec<Source> {
        let of = &self.identity;
        let organization = self.organization.names().next();
        let sources = of.sources.iter().enumerate();
        let found = sources.filter_map(|(number, pointer)| {
            let source = configuration.pointer(pointer)?;
            let at = |pointer: &Option<String>| source.pointer(pointer.as_deref()?);
            let place = match (at(&of.header), at(&of.property)) {
                (Some(header), _) => Place::Header(header.as_str()?.to_owned()),
                (None, Some(property)) => {
                    let segments = property.as_array()?.iter();
                    let segments = segments.map(|segment| Some(segment.as_str()?.to_owned()));
                    Place::of_property(segments.collect::<Option<Vec<_>>>()?)
                }
                (None, None) => return None,
            };
            let last = pointer.rsplit('/').next().unwrap_or_default();
            let field = if number == 0 { organization? } else { last };
            Some(Source {
                field: field.to_owned(),
                place,
            })
        });
        found.collect()
    }

    /// The same with what lines say put where the configuration says that it is stated, unless somebody has said otherwise.
    #[must_use]
    pub fn with_sources(mut self, sources: &[Source]) -> Self {
        for Source { field, place } in sources {
            self.request.fill(place, Template::field(field));
        }
        self
    }

    /// The members of a configuration that lead to the object with a member for each organization.
    #[must_use]
    pub fn way_to_organizations(&self) -> Vec<String> {
        let pointer = self.identity.organizations.as_deref().unwrap_or_default();
        let segments = pointer.split('/').skip(1);
        segments
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
            .collect()
    }
}

impl RequestMapping {
    fn fill(&mut self, place: &Place, value: Template) {
        match place {
            Place::Header(name) => {
                let mut names = self.headers.keys();
                if !names.any(|known| known.eq_ignore_ascii_case(name)) {
                    self.headers.insert(name.clone(), value);
                }
            }
            Place::Metadata(namespace, path) => {
                let is_there =
                    |known: &MetadataValue| known.namespace == *namespace && known.path == *path;
                if !self.metadata.iter().any(is_there) {
                    self.metadata.push(MetadataValue {
                        namespace: namespace.clone(),
                        path: path.clone(),
                        value,
                    });
                }
            }
            Place::Property(_) => {}
        }
    }
}

impl Place {
    fn of_property(segments: Vec<String>) -> Self {
        let texts: Vec<_> = segments.iter().map(String::as_str).collect();
        match texts.as_slice() {
            ["request", "headers", name] => Self::Header((*name).to_owned()),
            ["metadata", "filter_metadata", namespace, path @ ..] if !path.is_empty() => {
                let path = path.iter().map(|segment| (*segment).to_owned());
                Self::Metadata((*namespace).to_owned(), path.collect())
            }
            texts => Self::Property(texts.join(".")),
        }
    }

    /// What the fact is called where it is stated: the header, or the last member on the way.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Header(name) | Self::Property(name) => name,
            Self::Metadata(namespace, path) => path.last().unwrap_or(namespace),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Metadata(namespace, path) => {
                write!(f, "the metadata `{namespace}:{}`", path.join("."))
            }
            Self::Property(name) => write!(f, "the property `{name}`"),
        }
    }
}

/// Puts a value into a JSON object, under members that are made where they are missing.
pub fn put_member(object: &mut Value, path: &[String], value: Value) {
    let mut place = object;
    for member in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(members) = place.as_object_mut() else {
            return;
        };
        place = members.entry(member.as_str()).or_insert(Value::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_put_where_the_configuration_says_that_they_are_stated() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
        let jwt = |claim: &str| json!({"property": ["metadata", "filter_metadata", "jwt", "payload", claim]});
        let configuration = json!({
            "identity": jwt("org"),
            "attributes": {"edition": {"header": "X-Edition"}, "agents": {"property": ["source", "port"]}},
        });
        let sources = mapping.sources(&configuration);
        let told: Vec<_> = sources
            .iter()
            .map(|source| format!("{}: {}", source.field, source.place))
            .collect();
        assert_eq!(
            told,
            [
                "organization: the metadata `jwt:payload.org`",
                "edition: the header `X-Edition`",
                "agents: the property `source.port`",
            ]
        );
        let names: Vec<_> = sources.iter().map(|source| source.place.name()).collect();
        assert_eq!(names, ["org", "X-Edition", "source.port"]);
        let filled = mapping.clone().with_sources(&sources);
        assert_eq!(filled.wanted(), ["body", "edition", "organization"]);
        assert_eq!(mapping.way_to_organizations(), ["organizations"]);
        let header = json!({"identity": {"property": ["request", "headers", "orgId"]}});
        let place = &mapping.sources(&header)[0].place;
        assert_eq!(*place, Place::Header("orgId".to_owned()));
    }

    #[test]
    fn a_value_is_put_under_members_that_are_made() {
        let mut object = json!({"a": 1, "b": {"c": 2}});
        put_member(&mut object, &["b".to_owned(), "d".to_owned()], json!("x"));
        put_member(&mut object, &["a".to_owned(), "e".to_owned()], json!("y"));
        assert_eq!(object, json!({"a": {"e": "y"}, "b": {"c": 2, "d": "x"}}));
    }
}
