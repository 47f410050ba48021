//! Generated requests through one filter on the simulator and on the real Envoy: clients and upstreams are to see the same.
//!
//! The filter is `guests/exerciser.wat`, which does what a header of the request asks for. Requests follow from fixed seeds, so that every run
//! sends the same ones; one that is treated differently is made as small as possible before it is shown. Differences that are known
//! are listed in `known.rs`; they are run as well, and must differ.

mod case;
mod known;
mod observation;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use api_credits_tests::artifacts::Artifacts;
use api_credits_tests::envoy::EnvoyTarget;
use host_sim::scenario::ConfigText;
use host_sim::target::{
    Exchange, Filter, Holder, PluginSettings, Session, Setup, Started, Target, TargetError,
};
use host_sim::{Module, SimTarget};
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::time::Instant;

use case::Case;
use observation::Observation;

/// How many requests follow from one seed; each seed has an Envoy of its own.
const REQUESTS: usize = 300;

/// How long to look for a smaller request that is treated differently as well; one that hangs takes Envoy's time-out.
const PATIENCE: Duration = Duration::from_secs(20);

/// The seeds.
const SEEDS: [u8; 4] = [1, 2, 3, 4];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let artifacts = Artifacts::obtain()?;
    let folder = tempfile::tempdir()?;
    let module = folder.path().join("exerciser.wasm");
    let bytes = wat::parse_str(include_str!("../../guests/exerciser.wat"))?;
    std::fs::write(&module, &bytes)?;
    let hosts = Arc::new(Hosts {
        sim: SimTarget::new(Module::from_bytes(&bytes)?),
        envoy: EnvoyTarget::new(Artifacts {
            module,
            ..artifacts
        })?,
    });
    let mut trials = Vec::new();
    for seed in SEEDS {
        let hosts = Arc::clone(&hosts);
        let name = format!("generated/seed_{seed}");
        trials.push(Trial::test(name, move || {
            hosts
                .generated(seed)
                .map_err(|error| Failed::from(format!("{error:#}")))
        }));
    }
    for known in known::all() {
        let hosts = Arc::clone(&hosts);
        let name = format!("known/{}", known.name);
        trials.push(Trial::test(name, move || {
            let outcome = hosts.differ(&known.case, known.why);
            outcome.map_err(|error| Failed::from(format!("{error:#}")))
        }));
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// The two hosts.
struct Hosts {
    sim: SimTarget,
    envoy: EnvoyTarget,
}

/// What two hosts treat differently.
struct Difference {
    text: String,
    /// Whether one of them failed, so that nothing more can be asked of it.
    failed: bool,
}

/// The two hosts, running.
struct Running {
    sim: Box<dyn Session>,
    envoy: Box<dyn Session>,
}

impl Hosts {
    fn start(&self) -> anyhow::Result<Running> {
        let setup = Setup {
            filters: vec![Filter {
                plugin: PluginSettings {
                    allow_on_headers_stop_iteration: true,
                    ..PluginSettings::default()
                },
                config: ConfigText::verbatim("{}"),
                ..Filter::default()
            }],
            properties: vec!["seen".to_owned()],
            ..Setup::default()
        };
        let start = |target: &dyn Target| match target.start(&setup)? {
            Started::Running(session) => Ok(session),
            Started::Rejected(refusal) => bail!("the exerciser is refused: {refusal:?}"),
        };
        Ok(Running {
            sim: start(&self.sim)?,
            envoy: start(&self.envoy)?,
        })
    }

    /// Sends the requests that follow from a seed; none may be treated differently.
    fn generated(&self, seed: u8) -> anyhow::Result<()> {
        let mut running = self.start()?;
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let strategy = case::any();
        for number in 0..REQUESTS {
            let mut tree = strategy
                .new_tree(&mut runner)
                .map_err(|reason| anyhow::anyhow!("{reason}"))?;
            let Some(difference) = running.difference(&tree.current())? else {
                continue;
            };
            if difference.failed {
                bail!(
                    "request {number}:\n{:#?}\n{}",
                    tree.current(),
                    difference.text
                );
            }
            let mut smallest = tree.current();
            let mut smaller = tree.simplify();
            let patience = Instant::now().checked_add(PATIENCE);
            while smaller && Some(Instant::now()) < patience {
                match running.difference(&tree.current())? {
                    Some(Difference { failed: true, text }) => {
                        bail!(
                            "request {number}, made smaller:\n{:#?}\n{text}",
                            tree.current()
                        )
                    }
                    Some(_) => {
                        smallest = tree.current();
                        smaller = tree.simplify();
                    }
                    None => smaller = tree.complicate(),
                }
            }
            let difference = running.difference(&smallest)?;
            let text = difference
                .map(|difference| difference.text)
                .unwrap_or_default();
            bail!("request {number}, made smaller:\n{smallest:#?}\n{text}");
        }
        Ok(())
    }

    /// Sends a request that is known to be treated differently.
    fn differ(&self, case: &Case, why: &str) -> anyhow::Result<()> {
        self.start()?
            .difference(case)?
            .map(drop)
            .with_context(|| format!("there is no difference any more; delete the entry ({why})"))
    }
}

impl Running {
    /// What differs, in words.
    fn difference(&mut self, case: &Case) -> anyhow::Result<Option<Difference>> {
        // What earlier requests did does not matter.
        self.sim.trace();
        let sim = Observation::of(observed(self.sim.as_mut(), case));
        let envoy = Observation::of(observed(self.envoy.as_mut(), case));
        Ok((sim != envoy).then(|| {
            let trace: Vec<_> = self.sim.trace().iter().map(ToString::to_string).collect();
            let trace = trace.join("\n  ");
            Difference {
                text: format!(
                    "the simulator saw {sim:#?}\nEnvoy saw {envoy:#?}\nthe simulator did\n  {trace}"
                ),
                failed: sim.failed.is_some() || envoy.failed.is_some(),
            }
        }))
    }
}

/// What a host does with a case. Of one that the client leaves, what the filter tells of it afterwards.
fn observed(host: &mut dyn Session, case: &Case) -> Result<Exchange, TargetError> {
    let request = case.request();
    if !case.leaves {
        return host.exchange(&request);
    }
    host.open("call", &request, 1, Holder::Upstream)?;
    host.disconnect("call", case.departure)?;
    let tell = Case {
        script: ['?', '-', '-', '-', '-', '-'],
        ..Case::plain()
    };
    host.exchange(&tell.request())
}
