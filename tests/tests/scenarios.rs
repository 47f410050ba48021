//! Every scenario on every host: `tests/scenarios/a/b.toml` becomes the tests `sim::a/b` and `envoy::a/b`.
//!
//! `cargo test --test scenarios envoy::a` runs some of them. A scenario that a host cannot run, because a step needs what
//! only the other one can do, is shown as ignored there; a missing Envoy is a failure.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{fs, thread};

use anyhow::Context as _;
use api_credits_tests::artifacts::{Artifacts, root};
use api_credits_tests::envoy::EnvoyTarget;
use host_sim::runner::run;
use host_sim::scenario::Scenario;
use host_sim::target::Target;
use host_sim::{Module, SimTarget};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        // Most of a scenario's time is Envoy's start and waiting for its answers.
        arguments.test_threads = thread::available_parallelism()
            .ok()
            .map(|cores| cores.get().saturating_mul(2));
    }
    let artifacts = Artifacts::obtain()?;
    let module = Module::from_file(&artifacts.module)?;
    let hosts: [Arc<dyn Target>; 2] = [
        Arc::new(SimTarget::new(module)),
        Arc::new(EnvoyTarget::new(artifacts)?),
    ];

    let folder = root().join("tests/scenarios");
    let mut trials = Vec::new();
    for path in scenarios(&folder)? {
        let name = path
            .strip_prefix(&folder)?
            .with_extension("")
            .display()
            .to_string();
        let scenario = Scenario::from_file(&path)
            .map(Arc::new)
            .map_err(|error| Failed::from(error.to_string()));
        for host in &hosts {
            trials.push(trial(
                format!("{}::{name}", host.name()),
                scenario.clone(),
                Arc::clone(host),
            ));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trial(name: String, scenario: Result<Arc<Scenario>, Failed>, host: Arc<dyn Target>) -> Trial {
    let missing = scenario
        .iter()
        .flat_map(|scenario| scenario.needs())
        .any(|need| !host.supports(need));
    let test = move || {
        let report = run(scenario?.as_ref(), host.as_ref()).map_err(|error| error.to_string())?;
        if report.is_good() {
            Ok(())
        } else {
            Err(Failed::from(report))
        }
    };
    Trial::test(name, test).with_ignored_flag(missing)
}

/// All scenario files below a folder, in the order of their names.
fn scenarios(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(scenarios(&path)?);
        } else if path.extension() == Some(OsStr::new("toml")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
