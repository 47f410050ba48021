//! What is put into a module to watch it changes nothing that anybody can see: every scenario of the filter and of the hosts' guests
//! goes the same way as without. And the lines that are seen then are those that the compiler's own instrumentation sees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{compiled, module, root, scripted};
use host_sim::runner::run;
use host_sim::scenario::Scenario;
use host_sim::target::Request;
use host_sim::{LoadError, Module, SimTarget, Simulator};

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
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
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

/// How often each line was executed.
type Counts = BTreeMap<u32, u64>;

/// Without optimization, so that lines are lines. The head of a loop is looked at once more than rustc counts, and of a line with several
/// parts rustc may count one that is executed less often.
#[test]
fn lines_are_executed_where_rustc_counts_them() -> anyhow::Result<()> {
    let source = root().join("tests/guests/lines.rs");
    let folder = tempfile::tempdir()?;
    let own = by_rustc(&source, folder.path())?;
    let counted = by_host_sim(&source, folder.path())?;
    let text = std::fs::read_to_string(&source)?;
    let lines: Vec<_> = text.lines().collect();
    let (mut both, mut same) = (0_usize, 0_usize);
    for (line, count) in &counted {
        let text = lines.get(usize::try_from(*line)?.saturating_sub(1));
        let text = text.context("no such line")?.trim();
        // Braces, where what is behind them is executed, and what only the module has.
        let Some(expected) = own.get(line).filter(|_| text != "}") else {
            continue;
        };
        ensure!(
            (*count > 0) == (*expected > 0),
            "line {line}: {count}, by rustc {expected}: {text}"
        );
        ensure!(
            count >= expected,
            "line {line}: {count}, by rustc {expected}: {text}"
        );
        both = both.saturating_add(1);
        same = same.saturating_add(usize::from(count == expected));
    }
    let missed = counted.values().filter(|count| **count == 0).count();
    ensure!(both > 75 && missed > 5, "only {both} and {missed} lines");
    ensure!(
        same.saturating_mul(100) > both.saturating_mul(85),
        "{same} of {both} lines"
    );
    Ok(())
}

/// What the compiler's own instrumentation counts of the source on this machine.
fn by_rustc(source: &Path, folder: &Path) -> anyhow::Result<Counts> {
    let main = format!(
        "#[path = {source:?}] mod lines;\nfn main() {{ println!(\"{{}}\", lines::drive(6)); }}\n"
    );
    let at = |name: &str| folder.join(name);
    std::fs::write(at("main.rs"), main)?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut build = Command::new(&rustc);
    build.args([
        "--edition",
        "2024",
        "-Cinstrument-coverage",
        "-Copt-level=0",
        "-o",
    ]);
    output(build.args([at("main"), at("main.rs")]))?;
    output(Command::new(at("main")).env("LLVM_PROFILE_FILE", at("raw")))?;
    let libraries = output(Command::new(&rustc).args(["--print", "target-libdir"]))?;
    let tools = Path::new(libraries.trim()).with_file_name("bin");
    let merge = tools.join("llvm-profdata");
    ensure!(
        merge.is_file(),
        "there is no {}: rustup component add llvm-tools",
        merge.display()
    );
    let data = at("data");
    output(
        Command::new(merge)
            .arg("merge")
            .arg("-o")
            .args([&data, &at("raw")]),
    )?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export
        .args(["export", "--format=lcov", "--instr-profile"])
        .arg(data);
    counts(&output(export.args([&at("main"), source]))?)
}

/// The lines in a tracefile of one source file.
fn counts(lcov: &str) -> anyhow::Result<Counts> {
    let lines = lcov.lines().filter_map(|line| line.strip_prefix("DA:"));
    lines
        .map(|line| {
            let (line, count) = line.split_once(',').context("no count")?;
            Ok((line.parse()?, count.parse()?))
        })
        .collect()
}

/// What is counted of the source in a module, in one request.
fn by_host_sim(source: &Path, folder: &Path) -> anyhow::Result<Counts> {
    let flags = ["-Cdebuginfo=1", "-Copt-level=0"];
    let bytes = std::fs::read(compiled(source, folder, "lines.wasm", &flags)?)?;
    let module = Module::covered(&bytes)?;
    let mut simulator = Simulator::builder(&module).start()?;
    let answer = simulator.exchange(&Request::default())?;
    assert_eq!(answer.status, 200);
    drop(simulator);
    let coverage = module.coverage()?.only(|path| Path::new(path) == source);
    let lcov = coverage.lcov();
    counts(&lcov)
}

/// What a program writes.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}
