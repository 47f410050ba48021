//! A configuration that is tried: what a replay of it is made of.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use host_sim::forecast::{Directory, Mapping, Organization, Replay, Source, Tally};
use host_sim::target::{LogLevel, Service};
use host_sim::{Builder, Module, Simulator};
use serde_json::Value;

use super::configuration::Configuration;
use super::names::{self, Wanted};
use super::summary::LogSummary;
use crate::command::plugin::Plugin;

/// A configuration that is tried.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) plugin: Plugin,
    pub(super) configuration: Configuration,
    services: Vec<Service>,
    directory: Option<Directory>,
    pub(super) mapping: Mapping,
    /// Where its configuration says that facts are stated.
    sources: Vec<Source>,
}

/// The fields that lines must have for all of these.
pub(super) fn fields_of(candidates: &[Candidate]) -> Vec<String> {
    let wanted = candidates
        .iter()
        .flat_map(|candidate| candidate.mapping.wanted());
    let settling = candidates
        .iter()
        .flat_map(|candidate| candidate.configuration.settling.values().cloned());
    let wanted: BTreeSet<_> = wanted.chain(settling).collect();
    wanted.into_iter().collect()
}

/// What is looked for among the names of a log.
pub(super) fn looked_for(candidates: &[Candidate]) -> Wanted {
    let first = candidates.first();
    Wanted {
        sources: first.map_or_else(Vec::new, |candidate| candidate.sources.clone()),
        settling: candidates
            .iter()
            .flat_map(|candidate| candidate.configuration.settling.values().cloned())
            .collect(),
        organizations: candidates
            .iter()
            .map(|candidate| Arc::clone(&candidate.configuration.organizations))
            .collect(),
    }
}

impl Candidate {
    pub(super) fn new(
        name: String,
        mut plugin: Plugin,
        mapping: &Mapping,
        services: Vec<Service>,
    ) -> Self {
        let configuration = Configuration::new(&plugin.configuration, mapping);
        plugin.configuration = Vec::new();
        let sources = mapping.sources(&configuration.document);
        Self {
            name,
            directory: Directory::of(mapping, &configuration.document, &services),
            configuration,
            plugin,
            services,
            mapping: mapping.clone().with_sources(&sources),
            sources,
        }
    }

    /// A log that names nobody whom the configuration knows says nothing of who would be refused.
    pub(super) fn ensure_callers_are_known(
        &self,
        tally: &Tally,
        log: &LogSummary,
    ) -> anyhow::Result<()> {
        let organizations = tally.organizations();
        let field = self.mapping.organization.names().next().unwrap_or_default();
        let names = log.names();
        if organizations
            .iter()
            .all(|organization| !organization.is_named)
        {
            let place = self.sources.first().map(|source| &source.place);
            bail!("{}", names::nobody(field, place, &names));
        }
        let by_identity = &self.mapping.verdicts.by_identity;
        let of_identity = |reason: &str| by_identity.iter().any(|by| by == reason);
        let unknown = |organization: &Organization| {
            let mut reasons = organization.refusals.keys();
            organization.calls() == organization.refused() && reasons.all(of_identity)
        };
        if organizations.iter().map(Box::as_ref).all(unknown) {
            let mut named = organizations
                .iter()
                .filter(|organization| organization.is_named);
            let first = named
                .next()
                .map_or("", |organization| organization.name.as_str());
            bail!(
                "{}: nobody whom the log names is known to the configuration, such as {first:?}; the names in the log are {}: say which \
                 one names who called with --field {field}=NAME",
                self.name,
                names.join(", ")
            );
        }
        Ok(())
    }

    /// A replay of a simulation of it that has just started.
    pub(super) fn replay(&self, simulator: Simulator, wanted: &[String]) -> Replay {
        let path = self.configuration.details_path.clone();
        let replay = Replay::new(simulator, &self.mapping, wanted, path);
        let replay = replay.with_settling(self.configuration.settling.clone());
        let replay = replay.with_kinds_priced_by_head(self.configuration.priced_by_head.clone());
        replay.with_kinds_priced_by_body(self.configuration.priced_by_body.clone())
    }

    /// The configuration as a document, with these organizations alone: also those that a directory describes are listed there.
    pub(super) fn document_of(&self, names: &BTreeSet<&str>) -> Value {
        let mut document = self.configuration.document_of(names);
        if let Some(directory) = &self.directory {
            directory.list(&mut document, names);
        }
        document
    }

    /// What it is simulated with, under a configuration that may be such a document, changed.
    pub(super) fn builder(&self, module: &Module, configuration: &Arc<[u8]>) -> Builder {
        let builder = self.plugin.builder(module).untraced();
        let builder = builder.log_level(LogLevel::Warn);
        let mut services = self.services.clone();
        if let Some(directory) = &self.directory
            && !Arc::ptr_eq(configuration, &self.configuration.bytes)
            && let Ok(mut document) = serde_json::from_slice(configuration)
        {
            let described = directory.unlist(&mut document, &self.configuration.organizations);
            services.retain(|service| service.cluster != described.cluster);
            services.push(described);
            let configuration = document.to_string();
            return builder.configuration(configuration).services(services);
        }
        builder
            .shared_configuration(configuration)
            .services(services)
    }
}
