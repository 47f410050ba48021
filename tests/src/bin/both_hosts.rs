//! Runs a scenario with several modules, each on the simulator and on the pinned Envoy.

use std::path::PathBuf;
use std::process::ExitCode;

use api_credits_tests::artifacts::{Artifacts, envoy};
use api_credits_tests::envoy::EnvoyTarget;
use clap::Parser;
use host_sim::scenario::Scenario;
use host_sim::target::Target;
use host_sim::{Module, SimTarget, runner};

/// Run a scenario with each of these modules on both hosts, and say what differs.
#[derive(Debug, Parser)]
struct Arguments {
    /// The scenario.
    scenario: PathBuf,
    /// The modules.
    #[arg(required = true)]
    modules: Vec<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn main() -> anyhow::Result<ExitCode> {
    let Arguments { scenario, modules } = Arguments::parse();
    let scenario = Scenario::from_file(&scenario)?;
    let envoy = envoy()?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for module in modules {
        let name = module.display().to_string();
        let sim = SimTarget::new(Module::from_file(&module)?);
        let artifacts = Artifacts {
            module,
            envoy: envoy.clone(),
        };
        let envoy = EnvoyTarget::new(artifacts)?;
        for target in [&sim as &dyn Target, &envoy] {
            let report = runner::run(&scenario, target)?;
            print!("{name} on {}: {report}", target.name());
            let count = if report.is_good() {
                &mut passed
            } else {
                &mut failed
            };
            *count = count.saturating_add(1);
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
