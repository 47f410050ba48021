//! The plugin that a command runs: its module, its configuration and Envoy's settings, from flags or from an Envoy configuration.

mod envoy_yaml;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use host_sim::target::{FailurePolicy, PluginSettings};
use host_sim::{Builder, EnvoyVersion, Module, Simulator};
use serde_json::Value;

use super::metadata::MetadataOptions;
use envoy_yaml::{Chain, Found, Manager};
pub(crate) use envoy_yaml::{Clusters, Protocol};

/// Which plugin to run, and with what.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PluginOptions {
    /// The filter, as Envoy loads it
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: Option<PathBuf>,
    /// The file with its configuration, which the filter gets as it is
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its configuration itself
    #[arg(long, value_name = "TEXT", conflicts_with = "config")]
    config_text: Option<String>,
    /// Take the module, the configuration and all settings from an Envoy configuration (flags go before it)
    #[arg(long, value_name = "FILE")]
    envoy_yaml: Option<PathBuf>,
    /// Which filter of that configuration, when it has several of wasm; otherwise all of them run, in their order
    #[arg(long, value_name = "NAME", requires = "envoy_yaml")]
    filter: Option<String>,
    /// Which root context of the module
    #[arg(long, value_name = "ID")]
    root_id: Option<String>,
    /// How requests are treated once the VM has failed
    #[arg(long, value_enum)]
    failure_policy: Option<Policy>,
    /// Show the filter the body of a request whose headers it holds, as with `allow_on_headers_stop_iteration: true` in Envoy
    #[arg(long, conflicts_with = "envoy_yaml")]
    allow_on_headers_stop_iteration: bool,
    /// The version of Envoy whose rules are followed, 1.36 to 1.40
    #[arg(long, value_name = "VERSION", default_value_t = EnvoyVersion::NEWEST)]
    envoy: EnvoyVersion,
    /// How many workers
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    workers: u32,
    /// After how many seconds a callback counts as one that never returns; 0 is never, as in Envoy
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    callback_timeout: u64,
    #[arg(skip)]
    symbols: SymbolsOptions,
    /// What filters before it say of every request, by namespace.
    #[arg(skip)]
    metadata: Vec<(String, Value)>,
    /// Whether it has been told what of the Envoy configuration is not simulated.
    #[arg(skip)]
    told: Arc<AtomicBool>,
}

/// Where names come from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SymbolsOptions {
    /// The same module before its names were stripped: functions are told by name, file and line
    #[arg(long, value_name = "TWIN.wasm")]
    pub(crate) symbols: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    #[value(name = "fail-closed")]
    Closed,
    #[value(name = "fail-open")]
    Open,
    #[value(name = "fail-reload")]
    Reload,
}

/// A plugin, with all that it is started with.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    /// The module's file.
    pub(crate) file: PathBuf,
    pub(crate) symbols: SymbolsOptions,
    pub(crate) configuration: Vec<u8>,
    /// Files that it depends on.
    pub(crate) files: Vec<PathBuf>,
    settings: PluginSettings,
    /// The version of Envoy whose rules are followed.
    pub(crate) envoy: EnvoyVersion,
    workers: u32,
    time_limit: Option<Duration>,
    manager: Manager,
    /// The clusters of the Envoy configuration.
    pub(crate) clusters: Clusters,
    metadata: Vec<(String, Value)>,
    /// The filters behind it.
    behind: Vec<Behind>,
}

/// A filter behind the first one.
#[derive(Clone, Debug)]
struct Behind {
    module: Module,
    settings: PluginSettings,
    configuration: Vec<u8>,
}

impl PluginOptions {
    /// The same with this file for the configuration.
    pub(crate) fn with_config(mut self, file: Option<&PathBuf>) -> Self {
        if let Some(file) = file {
            self.config = Some(file.clone());
            self.config_text = None;
        }
        self
    }

    /// The same behind filters that say this of every request.
    pub(crate) fn with_metadata(mut self, metadata: &MetadataOptions) -> Self {
        self.metadata = metadata.namespaces();
        self
    }

    /// The same with the names of a twin.
    pub(crate) fn with_symbols(mut self, symbols: &SymbolsOptions) -> Self {
        self.symbols = symbols.clone();
        self
    }

    /// What the configuration is called: its file.
    pub(crate) fn config_name(&self) -> String {
        let file = self.config.as_ref().or(self.envoy_yaml.as_ref());
        let name = file.map(|file| file.display().to_string());
        name.unwrap_or_else(|| "the configuration".to_owned())
    }

    /// The same with this file for the filter.
    pub(crate) fn with_module(mut self, file: Option<&PathBuf>) -> anyhow::Result<Self> {
        match (file, &self.plugin) {
            (Some(file), Some(other)) => bail!(
                "two filters are named, {} and --plugin {}: one is enough",
                file.display(),
                other.display()
            ),
            (Some(file), None) => self.plugin = Some(file.clone()),
            (None, _) => {}
        }
        Ok(self)
    }

    /// Reads everything that the options name.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the Envoy configuration has no such filter.
    pub(crate) fn resolve(&self) -> anyhow::Result<Plugin> {
        let (found, behind, clusters) = self.read()?;
        let Some(file) = self.plugin.clone().or(found.module) else {
            if self.envoy_yaml.is_some() {
                bail!("the filter's code is not a local file: name it with --plugin");
            }
            bail!("there is no filter: name it with --plugin FILTER.wasm, or --envoy-yaml");
        };
        let mut files = vec![file.clone()];
        files.extend(self.envoy_yaml.clone());
        files.extend(self.config.clone());
        files.extend(self.symbols.symbols.clone());
        let configuration = match (&self.config, &self.config_text) {
            (Some(file), _) => fs::read(file).with_context(|| file.display().to_string())?,
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => found.configuration,
        };
        if configuration.starts_with(b"\0asm") {
            bail!(
                "{}: a WebAssembly module is no configuration: name the filter with --plugin, and its configuration apart",
                self.config_name()
            );
        }
        let mut settings = found.settings;
        if let Some(root_id) = &self.root_id {
            settings.root_id.clone_from(root_id);
        }
        settings.allow_on_headers_stop_iteration |= self.allow_on_headers_stop_iteration;
        match self.failure_policy {
            Some(Policy::Closed) => settings.failure_policy = FailurePolicy::FailClosed,
            Some(Policy::Open) => settings.failure_policy = FailurePolicy::FailOpen,
            Some(Policy::Reload) => settings.failure_policy = FailurePolicy::FailReload,
            None => {}
        }
        Ok(Plugin {
            file,
            symbols: self.symbols.clone(),
            configuration,
            files,
            settings,
            envoy: self.envoy,
            workers: self.workers,
            time_limit: time_limit(self.callback_timeout),
            manager: found.manager,
            clusters,
            metadata: self.metadata.clone(),
            behind,
        })
    }

    /// What an Envoy configuration says of the filter, and of those behind it.
    fn read(&self) -> anyhow::Result<(Found, Vec<Behind>, Clusters)> {
        let Some(file) = &self.envoy_yaml else {
            return Ok(Default::default());
        };
        let Chain {
            found,
            unsimulated,
            others,
            clusters,
        } = envoy_yaml::read(file, self.filter.as_deref(), self.envoy)?;
        if !self.told.swap(true, Ordering::Relaxed) {
            if !others.is_empty() {
                eprintln!("not simulated, and passed over: {}", others.join(", "));
            }
            for (line, what) in unsimulated {
                eprintln!(
                    "{}:{line}: not simulated, and passed over: {what}",
                    file.display()
                );
            }
        }
        let mut filters = found.into_iter();
        let first = filters.next().unwrap_or_default();
        let mut behind = Vec::new();
        for next in filters {
            let about_one = self.plugin.is_some()
                || self.config.is_some()
                || self.config_text.is_some()
                || self.root_id.is_some()
                || self.failure_policy.is_some();
            if about_one {
                bail!(
                    "{}: several filters are of wasm, and --plugin, --config, --config-text, --root-id and --failure-policy are \
                     about one: choose it with --filter",
                    file.display()
                );
            }
            let Some(module) = next.module else {
                bail!(
                    "{}: the code of filter `{}` is not a local file: choose another with --filter",
                    file.display(),
                    next.settings.name
                );
            };
            behind.push(Behind {
                module: super::load(&module)?,
                settings: next.settings,
                configuration: next.configuration,
            });
        }
        Ok((first, behind, clusters))
    }
}

/// How long a callback may take.
pub(crate) fn time_limit(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

impl Plugin {
    /// A simulation of it, and of the filters behind it.
    pub(crate) fn builder(&self, module: &Module) -> Builder {
        let mut builder = Simulator::builder(module)
            .settings(self.settings.clone())
            .configuration(&self.configuration)
            .time_limit(self.time_limit)
            .connection_manager(self.manager.settings.clone())
            .route(self.manager.route.clone())
            .upgrades(self.manager.upgrades.clone())
            .timeouts(self.manager.timeouts)
            .envoy(self.envoy)
            .workers(self.workers);
        for (namespace, value) in &self.metadata {
            builder = builder.metadata(namespace, value.clone());
        }
        for next in &self.behind {
            let settings = next.settings.clone();
            builder = builder.filter(&next.module, settings, &next.configuration);
        }
        builder
    }

    /// The same in an Envoy that shows the filter bodies of requests whose headers it holds, unless its configuration is known.
    pub(crate) fn with_bodies_of_held_requests(mut self, options: &PluginOptions) -> Self {
        self.settings.allow_on_headers_stop_iteration |= options.envoy_yaml.is_none();
        self
    }

    /// The module, compiled.
    pub(crate) fn load(&self) -> anyhow::Result<Module> {
        self.with_symbols(super::load(&self.file)?)
    }

    /// The same module, with the names of the twin.
    pub(crate) fn with_symbols(&self, module: Module) -> anyhow::Result<Module> {
        super::with_symbols(module, &self.symbols)
    }

    /// How many workers it is to have.
    pub(crate) fn workers(&self) -> u32 {
        self.workers.max(1)
    }

    /// How long a callback may take.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// As messages call it: its file.
    pub(crate) fn name(&self) -> std::path::Display<'_> {
        self.file.display()
    }
}
