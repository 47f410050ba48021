//! The filter in Envoy's configuration: written into it, or delivered from a file that Envoy watches (extension config discovery).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use host_sim::target::{FailurePolicy, PluginSettings};
use serde_json::{Map, Value, json};

/// The first filter's name in the chain, and of what is delivered.
pub(super) const NAME: &str = "plugin";
const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// The filter without its configuration.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// In the chain.
    pub(super) name: String,
    pub(super) settings: PluginSettings,
    pub(super) module: PathBuf,
}

impl Filter {
    /// The element of `http_filters` with this configuration.
    pub(super) fn fixed(&self, config: &str) -> Value {
        json!({ "name": self.name, "typed_config": self.typed_config(config) })
    }

    fn typed_config(&self, config: &str) -> Value {
        let settings = &self.settings;
        json!({
            "@type": TYPE,
            "config": {
                "name": settings.name,
                "root_id": settings.root_id,
                "vm_config": {
                    "vm_id": settings.vm_id,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": self.module } },
                    "configuration": text(&settings.vm_configuration),
                    "environment_variables": { "key_values": settings.environment },
                },
                "allow_on_headers_stop_iteration": settings.allow_on_headers_stop_iteration,
                "failure_policy": match settings.failure_policy {
                    FailurePolicy::FailClosed => "FAIL_CLOSED",
                    FailurePolicy::FailOpen => "FAIL_OPEN",
                    FailurePolicy::FailReload => "FAIL_RELOAD",
                },
                "reload_config": settings.reload_after_ms.map(|milliseconds| {
                    let seconds = f64::from(milliseconds) / 1000.0;
                    json!({ "backoff": { "base_interval": format!("{seconds}s") } })
                }),
                "configuration": text(config),
                "capability_restriction_config": settings.capabilities.as_ref().map(|allowed| {
                    let allowed = allowed.iter().map(|name| (name.clone(), json!({})));
                    json!({ "allowed_capabilities": allowed.collect::<Map<_, _>>() })
                }),
            },
        })
    }
}

fn text(text: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

/// A filter whose configuration is in a file, which is replaced while Envoy runs.
#[derive(Debug)]
pub(super) struct Delivery {
    filter: Filter,
    /// The folder that Envoy watches; the file is in it.
    folder: PathBuf,
}

impl Delivery {
    /// A delivery through a new folder below this one.
    pub(super) fn new(filter: Filter, parent: &Path) -> io::Result<Self> {
        let folder = parent.join("delivery");
        fs::create_dir(&folder)?;
        Ok(Self { filter, folder })
    }

    /// The element of `http_filters`.
    pub(super) fn discovery(&self) -> Value {
        json!({ "name": NAME, "config_discovery": {
            "config_source": { "path_config_source": {
                "path": self.file(),
                "watched_directory": { "path": self.folder },
            } },
            "type_urls": [TYPE],
        } })
    }

    /// Puts this configuration in the place of the one before, in one move: Envoy never reads half a file.
    pub(super) fn deliver(&self, config: &str) -> anyhow::Result<()> {
        let document = json!({ "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": NAME,
            "typed_config": self.filter.typed_config(config),
        }] });
        let next = self.folder.join("next.json");
        fs::write(&next, document.to_string())?;
        fs::rename(&next, self.file()).context("cannot replace the filter's configuration")
    }

    fn file(&self) -> PathBuf {
        self.folder.join("filter.json")
    }
}
