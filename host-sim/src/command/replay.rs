//! `host-sim replay`: what a plugin would have done to the calls of an access log, organization by organization.

mod advice;
mod answer;
mod calls;
mod candidate;
mod chart;
mod configuration;
mod course;
mod feed;
mod kept;
mod names;
mod number;
mod options;
mod page;
mod proof;
mod pruned;
mod shift;
mod spool;
mod starter;
mod summary;
mod table;
mod threads;
mod threshold;
mod warning;
mod watchdog;
mod without;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, bail};
use host_sim::Module;
use host_sim::forecast::{Forecast, Mapping, remedies};

use super::interruption::{self, Interrupted};
use crate::command::output::{say, say_json, show};
use calls::Calls;
use candidate::{fields_of, looked_for};
use course::{Again, Replayed, replay};
use number::Zone;
pub(crate) use options::Replay;
use proof::Proof;
use shift::{Matter, Tried};
use spool::Inputs;
use starter::Starter;
use summary::ReplayReport;
use watchdog::{Watchdog, Work};

impl Replay {
    /// Whether the numbers can be believed: not when the log was too far out of order.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if self.print_mapping {
            show!("{}", Mapping::DEFAULT);
            return Ok(true);
        }
        if self.json_schema {
            let schema = schemars::schema_for!(ReplayReport);
            say!("{}", serde_json::to_string_pretty(&schema)?);
            return Ok(true);
        }
        let mapping = self.mapping()?;
        let plugin = self
            .plugin
            .resolve()?
            .with_bodies_of_held_requests(&self.plugin);
        let bytes = fs::read(&plugin.file).with_context(|| plugin.name().to_string())?;
        // Instructions are not counted: a filter that never returns is noticed by the clock, which takes no time.
        let module = Module::unmetered(&bytes).with_context(|| plugin.name().to_string())?;
        let module = super::with_symbols(module, &self.symbols)?;
        let candidates = self.candidates(plugin, &mapping)?;
        let timeout = Duration::from_secs(self.timeout);
        let watchdog = Watchdog::begin(timeout);
        for candidate in &candidates {
            // What is refused is told before a long log is read.
            let builder = || candidate.builder(&module, &candidate.configuration.bytes);
            let start = || builder().start_workers();
            super::started(watchdog.watch(Work::Start, start), &candidate.plugin)?;
        }
        let wanted = fields_of(&candidates);
        let as_they_are = candidates.iter().map(|candidate| Tried {
            candidate,
            configuration: &candidate.configuration.bytes,
            only: None,
        });
        let matter = Matter {
            tried: &as_they_are.collect::<Vec<_>>(),
            module: &module,
            wanted: &wanted,
            timeout,
            threads: self.threads,
        };
        let looked_for = looked_for(&candidates);
        let calls = Calls {
            inputs: &Inputs::new(self.logs()?),
            reading: &self.reading(&wanted, &looked_for)?,
            window: Duration::from_secs(self.window),
        };
        let Replayed { tallies, log, kept } = run(&calls, matter, &interruption::listen()?)?;
        let mut forecasts = Vec::new();
        for (candidate, tally) in candidates.iter().zip(tallies) {
            let configuration = candidate.document_of(tally.organizations());
            let at = log.first.unwrap_or_default();
            let starter = Starter::new(candidate, &module, &watchdog, &configuration, at);
            let start = |configuration: &[u8], at| starter.start(configuration, at);
            let mut remedies = remedies(
                tally.organizations(),
                &candidate.mapping,
                &configuration,
                candidate.configuration.details_path.as_deref(),
                &start,
            )?;
            if let Some(first) = log.first.filter(|_| !log.interrupted) {
                let again = Again {
                    calls: &calls,
                    kept: kept.as_ref(),
                    first,
                    organizations: tally.organizations(),
                };
                let proof = Proof {
                    organizations: tally.organizations(),
                    mapping: &candidate.mapping,
                    configuration: &configuration,
                    is_taken: &|configuration| start(configuration, first).is_ok(),
                    replay: &|trials| {
                        let tried = trials.iter().map(|trial| Tried {
                            candidate,
                            configuration: &trial.configuration,
                            only: Some(&trial.numbers),
                        });
                        again.replay(Matter {
                            tried: &tried.collect::<Vec<_>>(),
                            ..matter
                        })
                    },
                };
                proof.of(&mut remedies)?;
            }
            forecasts.push(Forecast::new(&candidate.name, tally, remedies));
        }
        let document = ReplayReport::new(log, forecasts);
        if let Some(file) = &self.html {
            fs::write(file, page::html(&document)?).with_context(|| file.display().to_string())?;
        }
        if self.json {
            say_json(&document);
        } else {
            show!("{}", table::text(&document, self.top));
        }
        if document.log.interrupted {
            return Err(Interrupted.into());
        }
        let broken = self
            .fail_if
            .iter()
            .filter_map(|limit| limit.broken_by(&document));
        let broken: Vec<_> = broken.collect();
        for reason in &broken {
            eprintln!("failed: {reason}");
        }
        Ok(document.log.window_needed.is_none() && broken.is_empty())
    }
}

/// Runs all calls through all candidates.
fn run(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Replayed> {
    let mut replayed = replay(calls, matter, interrupted)?;
    let log = &mut replayed.log;
    let zone = matter.tried.first();
    let zone = zone.and_then(|tried| tried.candidate.configuration.zone.as_deref());
    log.zone = Zone::named(zone);
    if log.calls == 0 && log.interrupted {
        return Err(Interrupted.into());
    }
    if log.calls == 0 {
        bail!("no line of the log tells of a call{}", log.first_unread());
    }
    for (tried, tally) in matter.tried.iter().zip(&replayed.tallies) {
        tried.candidate.ensure_callers_are_known(tally, log)?;
    }
    Ok(replayed)
}
