//! A service that describes organizations which the configuration does not list, as far as its answers are known.
//!
//! What it says of one is then looked at, and changed, as if the configuration listed it; the module gets it from the service all the same.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::mapping::Mapping;
use super::sources::put_member;
use crate::model::pattern::Pattern;
use crate::model::{Service, ServiceAnswer, ServiceBehaviour, Upstream};

/// JSON Pointers into the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryMapping {
    /// The service's cluster.
    pub cluster: Option<String>,
    /// Where it knows an organization: a path with `{id}` in it.
    pub path: Option<String>,
    /// The path where the configuration names none. This is no pointer.
    pub usual_path: Option<String>,
}

/// A directory and what it answers.
#[derive(Clone, Debug)]
pub struct Directory {
    service: Service,
    path: String,
    /// The members of the configuration that lead to the organizations that it lists.
    way: Vec<String>,
    /// The members of an organization that wishes set.
    wished: Vec<String>,
}

/// What an id does not say as it is in a path (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Directory {
    /// The directory that this configuration names, if it is one of these services and answers.
    #[must_use]
    pub fn of(mapping: &Mapping, configuration: &Value, services: &[Service]) -> Option<Self> {
        let of = &mapping.directory;
        let text = |pointer: &Option<String>| configuration.pointer(pointer.as_deref()?)?.as_str();
        let cluster = text(&of.cluster)?;
        let answers = |service: &&Service| {
            service.cluster == cluster && matches!(service.behaviour, ServiceBehaviour::Answers(_))
        };
        Some(Self {
            service: services.iter().find(answers)?.clone(),
            path: text(&of.path).or(of.usual_path.as_deref())?.to_owned(),
            way: mapping.way_to_organizations(),
            wished: mapping.configuration.wished(),
        })
        .filter(|directory| !directory.way.is_empty())
    }

    fn path_of(&self, name: &str) -> String {
        let id = utf8_percent_encode(name, ESCAPED).to_string();
        self.path.replace("{id}", &id)
    }

    /// Lists what it says of these organizations in the configuration, unless it is listed there.
    pub fn list(&self, configuration: &mut Value, names: &BTreeSet<&str>) {
        for name in names {
            let mut way = self.way.clone();
            way.push((*name).to_owned());
            let listed = way
                .iter()
                .try_fold(&*configuration, |at, member| at.get(member));
            let answer = self.service.behaviour.answer(&self.path_of(name));
            let answer = answer.filter(|answer| answer.status == 200 && listed.is_none());
            let said = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
            if let Some(said) = said.filter(Value::is_object) {
                put_member(configuration, &way, said);
            }
        }
    }

    /// Leaves of all organizations but those that are really `listed` only what wishes set: a directory may say more than a configuration may.
    pub fn reduce(&self, configuration: &mut Value, listed: &BTreeSet<String>) {
        let mut way = self.way.iter();
        let organizations = way.try_fold(configuration, |at, member| at.get_mut(member));
        let organizations = organizations.and_then(Value::as_object_mut);
        for (name, said) in organizations.into_iter().flatten() {
            if let Some(said) = said.as_object_mut().filter(|_| !listed.contains(name)) {
                said.retain(|member, _| self.wished.contains(member));
            }
        }
    }

    /// Takes all organizations but those that are really `listed` out of a configuration. The service says of them what stood there.
    #[must_use]
    pub fn unlist(&self, configuration: &mut Value, listed: &BTreeSet<String>) -> Service {
        let mut way = self.way.iter();
        let organizations = way.try_fold(configuration, |at, member| at.get_mut(member));
        let mut service = self.service.clone();
        if let (Some(Value::Object(organizations)), ServiceBehaviour::Answers(answers)) =
            (organizations, &mut service.behaviour)
        {
            organizations.retain(|name, said| {
                let stays = listed.contains(name);
                if !stays {
                    let answer = ServiceAnswer {
                        path: Pattern::Exactly(self.path_of(name)),
                        answer: Upstream {
                            status: 200,
                            body: said.to_string().into_bytes(),
                            ..Upstream::default()
                        },
                    };
                    answers.insert(0, answer);
                }
                stays
            });
        }
        service
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_directory_says_is_listed_and_said_again() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
        let answer = |path: &str, body: &str| ServiceAnswer {
            path: Pattern::Exactly(path.to_owned()),
            answer: Upstream {
                status: 200,
                body: body.as_bytes().to_vec(),
                ..Upstream::default()
            },
        };
        let services = [Service {
            cluster: "crm".to_owned(),
            behaviour: ServiceBehaviour::Answers(vec![
                answer("/organizations/a%2Fb", r#"{"edition": "Small", "id": 7}"#),
                answer("/organizations/listed", r#"{"edition": "Other"}"#),
                answer("/organizations/odd", "no object"),
            ]),
        }];
        let configuration = json!({
            "directory": {"cluster": "crm"},
            "organizations": {"listed": {"edition": "Large"}},
        });
        let directory = Directory::of(&mapping, &configuration, &services).unwrap();
        let mut seen = configuration.clone();
        directory.list(
            &mut seen,
            &BTreeSet::from(["a/b", "listed", "odd", "unknown"]),
        );
        let listed = json!({"listed": {"edition": "Large"}, "a/b": {"edition": "Small", "id": 7}});
        assert_eq!(seen["organizations"], listed);
        let mut reduced = seen.clone();
        directory.reduce(&mut reduced, &BTreeSet::from(["listed".to_owned()]));
        let listed = json!({"listed": {"edition": "Large"}, "a/b": {"edition": "Small"}});
        assert_eq!(reduced["organizations"], listed);
        seen["organizations"]["a/b"]["edition"] = json!("Large");
        let service = directory.unlist(&mut seen, &BTreeSet::from(["listed".to_owned()]));
        assert_eq!(seen, configuration);
        let body =
            |path: &str| String::from_utf8(service.behaviour.answer(path).unwrap().body).unwrap();
        let changed = r#"{"edition":"Large","id":7}"#;
        assert_eq!(body("/organizations/a%2Fb"), changed);
        assert_eq!(body("/organizations/odd"), "no object");
        let other = json!({"directory": {"cluster": "other"}});
        assert!(Directory::of(&mapping, &other, &services).is_none());
    }
}
