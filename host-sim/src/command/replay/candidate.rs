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

    /// The configuration as a document, with those organizations alone that something might spare refusals: also those that a directory describes
    /// are listed there, unless their calls describe them, for then it is not asked.
    pub(super) fn document_of(&self, organizations: &[Box<Organization>]) -> Value {
        let concerned = organizations.iter().filter(|organization| {
            organization.refused_by_cost() > 0 || organization.refused_by_concurrency() > 0
        });
        let names = concerned.clone().map(|concerned| concerned.name.as_str());
        let mut document = self.configuration.document_of(&names.collect());
        if let Some(directory) = &self.directory {
            let facts = self.sources.get(1..).unwrap_or_default();
            let looked_up = concerned.filter(|organization| !organization.states(facts));
            let names = looked_up.map(|organization| organization.name.as_str());
            directory.list(&mut document, &names.collect());
        }
        document
    }

    /// Such a document, changed, as a configuration that lists what the directory says: all of it, or only what wishes set. `None` without a
    /// directory.
    pub(super) fn listing(&self, configuration: &[u8], only_wished: bool) -> Option<Arc<[u8]>> {
        let directory = self.directory.as_ref()?;
        if !only_wished {
            return Some(configuration.into());
        }
        let mut document = serde_json::from_slice(configuration).ok()?;
        directory.reduce(&mut document, &self.configuration.organizations);
        Some(document.to_string().into_bytes().into())
    }

    /// What it is simulated with, under a configuration that may be such a document, changed. What is listed there of a directory, the directory says.
    pub(super) fn builder(&self, module: &Module, configuration: &Arc<[u8]>) -> Builder {
        if let Some(directory) = &self.directory
            && !Arc::ptr_eq(configuration, &self.configuration.bytes)
            && let Ok(mut document) = serde_json::from_slice(configuration)
        {
            let described = directory.unlist(&mut document, &self.configuration.organizations);
            let mut services = self.services.clone();
            services.retain(|service| service.cluster != described.cluster);
            services.push(described);
            let configuration = document.to_string().into_bytes().into();
            return self
                .builder_as_it_is(module, &configuration)
                .services(services);
        }
        self.builder_as_it_is(module, configuration)
    }

    /// The same under a configuration that stays as it is.
    pub(super) fn builder_as_it_is(&self, module: &Module, configuration: &Arc<[u8]>) -> Builder {
        let builder = self.plugin.builder(module).untraced();
        builder
            .log_level(LogLevel::Warn)
            .shared_configuration(configuration)
            .services(self.services.clone())
    }
}
