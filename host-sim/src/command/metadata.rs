//! Dynamic metadata as the command line says it: what filters before the one that runs say of every request.

use std::collections::BTreeMap;

use clap::Args;
use host_sim::forecast::put_member;
use serde_json::Value;

/// What filters before this one say.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MetadataOptions {
    /// What a filter before this one says of every request (dynamic metadata), as in
    /// --metadata 'envoy.filters.http.jwt_authn:payload.org=acme'; := takes JSON, as in payload.agents:=12. May be repeated
    #[arg(long, value_name = "NAMESPACE:PATH=TEXT", value_parser = said, help_heading = "The request")]
    metadata: Vec<Said>,
}

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    namespace: String,
    path: Vec<String>,
    value: Value,
}

/// The namespace and the path before the `=` of an argument, and what is behind it.
pub(crate) fn apart(text: &str) -> Result<(String, Vec<String>, &str), String> {
    let expected = "metadata is written as `namespace:path.to.member=value`";
    let (place, value) = text.split_once('=').ok_or(expected)?;
    let (namespace, path) = place
        .trim_end_matches(':')
        .split_once(':')
        .ok_or(expected)?;
    if namespace.is_empty() || path.split('.').any(str::is_empty) {
        return Err(expected.to_owned());
    }
    let path = path.split('.').map(str::to_owned).collect();
    Ok((namespace.to_owned(), path, value))
}

fn said(text: &str) -> Result<Said, String> {
    let (namespace, path, value) = apart(text)?;
    let is_json = text
        .split('=')
        .next()
        .is_some_and(|place| place.ends_with(':'));
    let value = if is_json {
        serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?
    } else {
        Value::String(value.to_owned())
    };
    Ok(Said {
        namespace,
        path,
        value,
    })
}

impl MetadataOptions {
    /// One object for each namespace.
    pub(crate) fn namespaces(&self) -> Vec<(String, Value)> {
        let mut namespaces: BTreeMap<&str, Value> = BTreeMap::new();
        for said in &self.metadata {
            let object = namespaces.entry(&said.namespace).or_default();
            put_member(object, &said.path, said.value.clone());
        }
        let namespaces = namespaces.into_iter();
        namespaces
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_of_a_namespace_make_one_object() {
        let arguments = [
            "jwt:payload.org=acme",
            "jwt:payload.agents:=12",
            "other:a=b=c",
        ];
        let options = MetadataOptions {
            metadata: arguments.map(|text| said(text).unwrap()).to_vec(),
        };
        let expected = [
            (
                "jwt".to_owned(),
                json!({"payload": {"org": "acme", "agents": 12}}),
            ),
            ("other".to_owned(), json!({"a": "b=c"})),
        ];
        assert_eq!(options.namespaces(), expected);
        let expected = "metadata is written as `namespace:path.to.member=value`";
        for wrong in ["jwt", "jwt=a", ":a=b", "jwt:a..b=c"] {
            assert_eq!(said(wrong), Err(expected.to_owned()), "{wrong}");
        }
        assert_eq!(
            said("jwt:a:=b"),
            Err("not JSON: expected value at line 1 column 1".to_owned())
        );
    }
}
