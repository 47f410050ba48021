//! Every scenario on every host: `tests/scenarios/a/b.toml` becomes the tests `sim::a/b` and `envoy::a/b`.
//!
//! Those in `tests/scenarios` are about the module that ships. Those in `tests/guests/a` are about the hosts, which are to treat
//! the guest `tests/guests/a.wat` alike; they are called `sim::guests/a/b` and `envoy::guests/a/b`. Those in `tests/crashes` are about
//! the module with workers that crash when a call or its answer asks for it, in the header `x-crash-when`; those in `tests/headers`
//! about the module that reads no bodies, those in `tests/responses` about the one that reads responses behind their heads; those in `tests/scripted/scenarios` about the hosts, by what `tests/scripted` is told to do.
//!
//! With `ENVOY_VERSION=1.36` and an `ENVOY` of that version (`make test-envoys`), each scenario is one test: both hosts run it, the simulator with
//! the rules of that version, and are to see the same, whether the scenario holds there or not; those that do not are named in the end.
//!
//! `cargo test --test scenarios envoy::a` runs some of them. A scenario that a host cannot run, because a step needs what
//! only the other one can do, is shown as ignored there; a missing Envoy is a failure.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs, thread};

use anyhow::Context as _;
use api_credits_tests::artifacts::{
    Artifacts, crashing_module, headers_module, responses_module, root, scripted,
};
use api_credits_tests::envoy::EnvoyTarget;
use host_sim::report::{Mismatch, Report};
use host_sim::runner::run;
use host_sim::scenario::Scenario;
use host_sim::target::Target;
use host_sim::{EnvoyVersion, Module, SimTarget};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        // Most of a scenario's time is Envoy's start and waiting for its answers.
        arguments.test_threads = thread::available_parallelism()
            .ok()
            .map(|cores| cores.get().saturating_mul(2));
    }
    let version = match env::var("ENVOY_VERSION") {
        Ok(version) => Some(version.parse().map_err(anyhow::Error::msg)?),
        Err(_) => None,
    };
    let artifacts = Artifacts::obtain()?;
    let guests = tempfile::tempdir()?;
    let mut suites = vec![Suite {
        name: String::new(),
        folder: root().join("tests/scenarios"),
        module: artifacts.module.clone(),
    }];
    suites.push(Suite {
        name: "crashes/".to_owned(),
        folder: root().join("tests/crashes"),
        module: crashing_module()?,
    });
    suites.push(Suite {
        name: "headers/".to_owned(),
        folder: root().join("tests/headers"),
        module: headers_module()?,
    });
    suites.push(Suite {
        name: "responses/".to_owned(),
        folder: root().join("tests/responses"),
        module: responses_module()?,
    });
    suites.push(Suite {
        name: "scripted/".to_owned(),
        folder: root().join("tests/scripted/scenarios"),
        module: scripted()?,
    });
    suites.extend(of_guests(guests.path())?);
    let differing = Arc::<Mutex<BTreeSet<String>>>::default();
    let mut trials = Vec::new();
    for suite in suites {
        trials.extend(suite.trials(&artifacts, version, &differing)?);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(version) = version {
        let differing = differing.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!(
            "Envoy {version}: {} of the scenarios do not hold, and both hosts agree in what they see instead:",
            differing.len()
        );
        for name in differing.iter() {
            eprintln!("  {name}");
        }
    }
    Ok(conclusion.exit_code())
}

/// Scenarios about one module.
struct Suite {
    /// What their names begin with.
    name: String,
    folder: PathBuf,
    module: PathBuf,
}

impl Suite {
    fn trials(
        &self,
        artifacts: &Artifacts,
        version: Option<EnvoyVersion>,
        differing: &Arc<Mutex<BTreeSet<String>>>,
    ) -> anyhow::Result<Vec<Trial>> {
        let artifacts = Artifacts {
            module: self.module.clone(),
            ..artifacts.clone()
        };
        let sim = SimTarget::new(Module::from_file(&self.module)?);
        let hosts: [Arc<dyn Target>; 2] = [
            Arc::new(sim.with_envoy(version.unwrap_or_default())),
            Arc::new(EnvoyTarget::new(artifacts)?),
        ];
        let mut trials = Vec::new();
        for path in files(&self.folder, "toml")? {
            let name = path.strip_prefix(&self.folder)?.with_extension("");
            let name = format!("{}{}", self.name, name.display());
            let scenario = Scenario::from_file(&path)
                .map(Arc::new)
                .map_err(|error| Failed::from(error.to_string()));
            if let Some(version) = version {
                let hosts = hosts.clone();
                let name = format!("{version}::{name}");
                trials.push(compared(name, scenario, hosts, Arc::clone(differing)));
                continue;
            }
            for host in &hosts {
                trials.push(trial(
                    format!("{}::{name}", host.name()),
                    scenario.clone(),
                    Arc::clone(host),
                ));
            }
        }
        Ok(trials)
    }
}

/// The scenarios about guests, which are written as text and go to `output` as Envoy loads them.
fn of_guests(output: &Path) -> anyhow::Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for text in files(&root().join("tests/guests"), "wat")? {
        let guest = text.file_stem().context("a guest without a name")?;
        let guest = guest.to_string_lossy().into_owned();
        let module = output.join(&guest).with_extension("wasm");
        fs::write(&module, wat::parse_file(&text)?)?;
        suites.push(Suite {
            name: format!("guests/{guest}/"),
            folder: text.with_extension(""),
            module,
        });
    }
    Ok(suites)
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
            Err(Failed::from(format!("{report:#}")))
        }
    };
    Trial::test(name, test).with_ignored_flag(missing)
}

/// A scenario in whose light both hosts are to look the same.
fn compared(
    name: String,
    scenario: Result<Arc<Scenario>, Failed>,
    hosts: [Arc<dyn Target>; 2],
    differing: Arc<Mutex<BTreeSet<String>>>,
) -> Trial {
    let mut needs = scenario.iter().flat_map(|scenario| scenario.needs());
    let missing = needs.any(|need| hosts.iter().any(|host| !host.supports(need)));
    let seen = name.clone();
    let test = move || {
        let scenario = scenario?;
        let [sim, envoy] = hosts.map(|host| {
            let report = run(scenario.as_ref(), host.as_ref());
            report.map_err(|error| format!("{error:#}"))
        });
        let differences = |report: &Result<Report, String>| match report {
            Ok(report) => report.mismatches.iter().map(seen_instead).collect(),
            Err(error) => vec![error.clone()],
        };
        let (expected, found) = (differences(&envoy), differences(&sim));
        if expected != found {
            return Err(Failed::from(format!(
                "Envoy: {expected:#?}\nsimulator: {found:#?}"
            )));
        }
        if !expected.is_empty() {
            let mut differing = differing.lock().unwrap_or_else(PoisonError::into_inner);
            differing.insert(seen);
        }
        Ok(())
    };
    Trial::test(name, test).with_ignored_flag(missing)
}

/// What was seen in place of what was expected. A log has more in it than what is looked for.
fn seen_instead(mismatch: &Mismatch) -> String {
    let observed = match mismatch.what.ends_with(".log") {
        true => "",
        false => &mismatch.observed,
    };
    format!("{:?} {}: {observed}", mismatch.step, mismatch.what)
}

/// All files of a kind below a folder, in the order of their names.
fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension() == Some(OsStr::new(extension)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
