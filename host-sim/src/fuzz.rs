//! Looks for what breaks a plugin: makes up calls, bodies and their pieces, orders, clocks, answers of upstreams and services, and
//! configurations, and watches for a VM that dies, a callback that never returns, a call that is held for ever, memory that grows for ever and
//! [invariants](crate::scenario::Invariant) that do not hold.
//!
//! Everything follows from a seed: the same module, scenarios and settings find the same in every run. What reaches code that nothing before has
//! reached ([`Module::covered`] counts its blocks) is kept, and made into more. What is found is made as small as it gets, and is a scenario.
//!
//! ```
//! use std::path::Path;
//! use host_sim::fuzz::{Fuzzer, Settings};
//! use host_sim::scenario::Scenario;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Traps at every DELETE.
//! # let module = br#"(module
//! #     (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
//! #     (memory (export "memory") 1)
//! #     (data (i32.const 16) ":method")
//! #     (func (export "proxy_abi_version_0_2_1"))
//! #     (func (export "malloc") (param i32) (result i32) i32.const 1024)
//! #     (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
//! #         (drop (call $get (i32.const 0) (i32.const 16) (i32.const 7) (i32.const 0) (i32.const 4)))
//! #         (if (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 68)) (then unreachable))
//! #         i32.const 0))"#;
//! let start = Scenario::from_toml("about = 'A call.'\n[[step]]\nrequest = {}", Path::new("start.toml"))?;
//! let mut fuzzer = Fuzzer::new(module, &[start], Settings::default())?;
//! let found = (0..1000).find_map(|_| fuzzer.round());
//! let found = found.expect("a fault");
//! assert_eq!(found.fault.to_string(), "proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed");
//! assert!(found.scenario.contains("method = \"DELETE\""), "{}", found.scenario);
//! # Ok(())
//! # }
//! ```

mod act;
mod execution;
mod fault;
mod generate;
mod mutate;
mod shrink;
mod words;
mod write;

use crate::guest::module::{LoadError, Module};
use crate::model::random::Random;
use crate::scenario::sim_target::SimTarget;
use crate::scenario::target::{Setup, TargetError};
use crate::scenario::{Scenario, ScenarioError};
use act::Act;
use execution::Execution;
use words::Words;

pub use fault::Fault;

/// How to look.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What everything follows from.
    pub seed: u64,
    /// The most steps that a scenario gets.
    pub steps: usize,
    /// After how many instructions a callback counts as one that never returns.
    pub instructions: u64,
    /// Whether configurations are made up as well, from those that there are.
    pub configurations: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 24,
            instructions: 200_000_000,
            configurations: true,
        }
    }
}

/// What breaks the plugin.
#[derive(Clone, Debug)]
pub struct Found {
    /// What goes wrong.
    pub fault: Fault,
    /// The smallest scenario with it, as the text of a file.
    pub scenario: String,
    /// How many steps it has, and how many it had.
    pub steps: (usize, usize),
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// Envoy would not load the module.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The files of a scenario cannot be read.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The simulator cannot do what a scenario wants.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The plugin does not even start.
    #[error("{scenario}: the plugin does not start: {why}")]
    Start {
        /// The scenario's file.
        scenario: String,
        /// Why not.
        why: String,
    },
    /// There is no scenario to begin with.
    #[error("there is no scenario to begin with whose configuration is accepted")]
    Nothing,
}

/// A scenario to begin with.
struct Base {
    setup: Setup,
    scenario: Scenario,
}

/// Steps that reached something new.
struct Kept {
    base: usize,
    acts: Vec<Act>,
}

/// Looks for what breaks a plugin, round by round.
pub struct Fuzzer {
    module: Module,
    target: SimTarget,
    settings: Settings,
    bases: Vec<Base>,
    random: Random,
    words: Words,
    corpus: Vec<Kept>,
    /// Steps that are still to be tried as they are.
    seeds: Vec<Kept>,
    /// Classes of how often each block was executed in a round, one bit for each, of all rounds.
    reached: Vec<u8>,
    before: Vec<u64>,
    rounds: u64,
    calls: u64,
}

impl Fuzzer {
    /// Begins with these scenarios: what they set up, and their steps as far as steps are made up. One whose configuration is to be refused
    /// is passed over.
    ///
    /// # Errors
    ///
    /// When the module cannot be loaded, a file cannot be read, or the plugin does not start.
    pub fn new(
        module: &[u8],
        scenarios: &[Scenario],
        settings: Settings,
    ) -> Result<Self, FuzzError> {
        let module = Module::covered(module)?;
        let target = SimTarget::new(module.clone());
        let mut words = Words::of_module(module.code());
        let (mut bases, mut seeds) = (Vec::new(), Vec::new());
        for scenario in scenarios
            .iter()
            .filter(|scenario| !scenario.steps().is_empty())
        {
            let mut setup = scenario.setup()?;
            // Each is given a worker to compete with.
            setup.reconfigures = true;
            words.add_setup(&setup);
            let acts = act::of_steps(scenario, &mut words);
            let base = bases.len();
            seeds.push(Kept { base, acts });
            bases.push(Base {
                setup,
                scenario: scenario.clone(),
            });
        }
        if bases.is_empty() {
            return Err(FuzzError::Nothing);
        }
        seeds.reverse();
        let mut fuzzer = Self {
            random: Random::seeded(settings.seed),
            module,
            target,
            settings,
            bases,
            words,
            corpus: Vec::new(),
            seeds,
            reached: Vec::new(),
            before: Vec::new(),
            rounds: 0,
            calls: 0,
        };
        fuzzer.learn()?;
        Ok(fuzzer)
    }

    /// What the plugin asks for in the scenarios that there are: names of headers, clusters.
    fn learn(&mut self) -> Result<(), FuzzError> {
        for index in 0..self.bases.len() {
            let Some(base) = self.bases.get(index) else {
                break;
            };
            let builder = self.target.builder(&base.setup)?;
            let mut simulator = builder.start().map_err(|error| FuzzError::Start {
                scenario: base.scenario.path.display().to_string(),
                why: error.to_string(),
            })?;
            let acts = self.seeds.iter().find(|seed| seed.base == index);
            for act in acts.iter().flat_map(|seed| &seed.acts) {
                if let Some(request) = act.request() {
                    // Whatever comes of it is seen in the rounds.
                    let _ = simulator.exchange(request);
                }
            }
            self.words.add_trace(&simulator.take_trace());
            let missing = simulator.calls_to_missing_services();
            self.words.add_clusters(missing.into_keys());
        }
        Ok(())
    }

    /// One scenario more, and what it breaks if it does. Its fault is made as small as it gets, which takes many executions.
    pub fn round(&mut self) -> Option<Found> {
        self.rounds = self.rounds.saturating_add(1);
        let next = self.next();
        let base = self.bases.get(next.base)?;
        let execution = Execution::of(base, &next.acts, self);
        self.calls = self.calls.saturating_add(execution.calls);
        let is_new = self.is_new();
        let mut fault = execution.fault;
        // Repeating takes many calls; the first ones tell most.
        let is_early = self.corpus.len() < 32 || self.random.below(8) == 0;
        if fault.is_none() && is_new && is_early {
            let growth = execution::growth(self.bases.get(next.base)?, &next.acts, self);
            self.calls = self.calls.saturating_add(growth.calls);
            fault = growth.fault;
            self.is_new();
        }
        if let Some(fault) = fault {
            return Some(self.found(&next, fault));
        }
        if is_new {
            self.corpus.push(next);
        }
        None
    }

    /// How many scenarios were made up.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// How many calls were made in them.
    #[must_use]
    pub fn executions(&self) -> u64 {
        self.calls
    }

    /// How many scenarios reached something new.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.corpus.len()
    }

    /// How many blocks of the module's code were reached, and how many there are.
    #[must_use]
    pub fn reached(&self) -> (usize, usize) {
        let reached = self.reached.iter().filter(|classes| **classes != 0);
        (reached.count(), self.reached.len())
    }

    /// What is tried next.
    fn next(&mut self) -> Kept {
        if let Some(seed) = self.seeds.pop() {
            return seed;
        }
        let random = &mut self.random;
        // Of two parents the one that takes less time, mostly.
        let mut parent = random.below(self.corpus.len().max(1));
        let rival = random.below(self.corpus.len().max(1));
        let passing = |place: usize| self.corpus.get(place).map(|kept| act::passing(&kept.acts));
        if passing(rival) < passing(parent) && random.below(4) != 0 {
            parent = rival;
        }
        match self.corpus.get(parent) {
            Some(parent) if random.below(8) != 0 => {
                let other = random.below(self.corpus.len());
                let other = self.corpus.get(other).map(|kept| kept.acts.as_slice());
                let mut acts = parent.acts.clone();
                let maker = self.bases.get(parent.base).map(|base| &base.setup);
                mutate::mutate(
                    &mut acts,
                    other.unwrap_or_default(),
                    random,
                    &self.words,
                    maker,
                    &self.settings,
                );
                Kept {
                    base: parent.base,
                    acts,
                }
            }
            _ => {
                let base = random.below(self.bases.len());
                let setup = self.bases.get(base).map(|base| &base.setup);
                let acts = generate::acts(random, &self.words, setup, &self.settings);
                Kept { base, acts }
            }
        }
    }

    /// Whether the last VMs have executed something that none before has, or in another order of magnitude.
    fn is_new(&mut self) -> bool {
        let counts = self.module.counts();
        self.reached.resize(counts.len(), 0);
        self.before.resize(counts.len(), 0);
        let mut new = false;
        for ((count, before), reached) in counts.iter().zip(&mut self.before).zip(&mut self.reached)
        {
            let class = class(count.saturating_sub(*before));
            *before = *count;
            new |= class & !*reached != 0;
            *reached |= class;
        }
        new
    }

    /// The smallest scenario with this fault.
    fn found(&mut self, kept: &Kept, fault: Fault) -> Found {
        let steps = kept.acts.len();
        let Some(base) = self.bases.get(kept.base) else {
            return Found {
                fault,
                scenario: String::new(),
                steps: (steps, steps),
            };
        };
        let mut calls = 0;
        let acts = shrink::smallest(base, &kept.acts, &fault, self, &mut calls);
        let text = write::scenario(base, &acts, &fault, self);
        let found = Found {
            fault,
            scenario: text,
            steps: (acts.len(), steps),
        };
        self.calls = self.calls.saturating_add(calls);
        self.is_new();
        found
    }
}

/// The order of magnitude of a count, as a bit.
fn class(count: u64) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3..=7 => 4,
        8..=31 => 8,
        32..=255 => 16,
        256..=4095 => 32,
        4096..=65535 => 64,
        _ => 128,
    }
}
