//! Which version of HTTP an Envoy configuration's clusters speak.

use std::collections::BTreeMap;

use host_sim::target::HttpVersion;
use serde_json::{Map, Value};

use super::reading::member;

/// What a cluster speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1, as by default.
    #[default]
    One,
    /// HTTP/2.
    Two,
    /// The version of each client.
    AsClient,
}

/// The clusters of a configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters {
    by_name: BTreeMap<String, Protocol>,
    /// The one that the filter's route names.
    pub(super) of_route: Option<String>,
}

impl Protocol {
    /// The version that is spoken for a client of this one.
    pub(crate) fn spoken_with(self, client: HttpVersion) -> HttpVersion {
        self.version().unwrap_or(client)
    }

    /// The version, if it is always the same.
    pub(crate) fn version(self) -> Option<HttpVersion> {
        match self {
            Self::One => Some(HttpVersion::One),
            Self::Two => Some(HttpVersion::Two),
            Self::AsClient => None,
        }
    }
}

impl Clusters {
    /// Those of a document.
    pub(super) fn read(document: &Value) -> Self {
        let list = within(document.as_object(), &["static_resources"]);
        let list = list.and_then(|resources| member(resources, "clusters"));
        let clusters = list.and_then(Value::as_array).into_iter().flatten();
        let clusters = clusters.filter_map(Value::as_object);
        let by_name = clusters.filter_map(|cluster| {
            let name = member(cluster, "name")?.as_str()?;
            Some((name.to_owned(), protocol(cluster)))
        });
        Self {
            by_name: by_name.collect(),
            of_route: None,
        }
    }

    /// What a cluster speaks.
    pub(crate) fn protocol(&self, cluster: &str) -> Protocol {
        self.by_name.get(cluster).copied().unwrap_or_default()
    }

    /// What the upstream of the filter's route speaks.
    pub(crate) fn upstream(&self) -> Protocol {
        let cluster = self.of_route.as_ref();
        cluster.map_or(Protocol::default(), |cluster| self.protocol(cluster))
    }
}

fn within<'v>(
    mut object: Option<&'v Map<String, Value>>,
    path: &[&str],
) -> Option<&'v Map<String, Value>> {
    for name in path {
        object = object.and_then(|object| member(object, name)?.as_object());
    }
    object
}

fn protocol(cluster: &Map<String, Value>) -> Protocol {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let options = within(Some(cluster), &["typed_extension_protocol_options"]);
    let options = options.and_then(|options| options.get(OPTIONS)?.as_object());
    let explicit = ["explicit_http_config", "http2_protocol_options"];
    if within(options, &["use_downstream_protocol_config"]).is_some() {
        Protocol::AsClient
    } else if within(options, &explicit).is_some()
        || within(Some(cluster), &["http2_protocol_options"]).is_some()
    {
        Protocol::Two
    } else {
        Protocol::One
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_say_what_they_speak() {
        let options = |options: Value| serde_json::json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options });
        let document = serde_json::json!({ "static_resources": { "clusters": [
            { "name": "plain" },
            { "name": "one", "typed_extension_protocol_options":
                options(serde_json::json!({ "explicit_http_config": { "http_protocol_options": {} } })) },
            { "name": "two", "typedExtensionProtocolOptions":
                options(serde_json::json!({ "explicitHttpConfig": { "http2ProtocolOptions": {} } })) },
            { "name": "old", "http2_protocol_options": {} },
            { "name": "same", "typed_extension_protocol_options":
                options(serde_json::json!({ "use_downstream_protocol_config": { "http2_protocol_options": {} } })) },
        ] } });
        let mut clusters = Clusters::read(&document);
        for (name, expected) in [
            ("plain", Protocol::One),
            ("one", Protocol::One),
            ("two", Protocol::Two),
            ("old", Protocol::Two),
            ("same", Protocol::AsClient),
            ("unknown", Protocol::One),
        ] {
            assert_eq!(clusters.protocol(name), expected, "{name}");
        }
        assert_eq!(clusters.upstream(), Protocol::One);
        clusters.of_route = Some("two".to_owned());
        assert_eq!(clusters.upstream(), Protocol::Two);
    }
}
