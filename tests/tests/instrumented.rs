//! What is put into a module to watch it changes nothing that anybody can see: every scenario of the filter and of the hosts' guests
//! goes the same way as without.

use std::path::Path;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{module, root, scripted};
use host_sim::runner::run;
use host_sim::scenario::Scenario;
use host_sim::{LoadError, Module, SimTarget};

/// Loads a module with something in it.
type Load = fn(&[u8]) -> Result<Module, LoadError>;

const WATCHED: [(&str, Load); 2] = [
    ("its coverage", |bytes| Module::covered(bytes)),
    ("its profile", |bytes| Module::profiled(bytes)),
];

#[test]
fn the_filter_does_the_same() -> anyhow::Result<()> {
    let compared = compare(&module()?, &root().join("tests/scenarios"))?;
    ensure!(compared > 200, "only {compared} scenarios");
    Ok(())
}

#[test]
fn other_plugins_do_the_same() -> anyhow::Result<()> {
    let scripted_one = compare(&scripted()?, &root().join("tests/scripted/scenarios"))?;
    let mut guests = 0_usize;
    for entry in std::fs::read_dir(root().join("tests/guests"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wat") {
            guests = guests.saturating_add(compare(&path, &path.with_extension(""))?);
        }
    }
    ensure!(
        scripted_one > 10 && guests > 10,
        "only {scripted_one} and {guests} scenarios"
    );
    Ok(())
}

/// How many scenarios there are in a folder, all of which go the same way with a module and with that module as it is watched.
fn compare(module: &Path, folder: &Path) -> anyhow::Result<usize> {
    let bytes = std::fs::read(module).with_context(|| module.display().to_string())?;
    let plain = SimTarget::new(Module::from_bytes(&bytes)?);
    let watched = WATCHED.map(|(what, load)| load(&bytes).map(|module| (what, module)));
    let mut files = Vec::new();
    find(folder, &mut files)?;
    for (number, file) in files.iter().enumerate() {
        let scenario = Scenario::from_file(file)?;
        let expected = format!("{:#?}", run(&scenario, &plain));
        // Profiles take long: some of many scenarios have to do.
        let some = if number % 10 == 0 { 2 } else { 1 };
        for watched in watched.iter().take(some) {
            let (what, module) = watched
                .as_ref()
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            let observed = format!("{:#?}", run(&scenario, &SimTarget::new(module.clone())));
            ensure!(
                observed == expected,
                "{}, with {what}: {observed}",
                file.display()
            );
        }
    }
    Ok(files.len())
}

/// All scenarios in a folder and below it.
fn find(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    Ok(())
}
