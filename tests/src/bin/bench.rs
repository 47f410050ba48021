//! `make bench`: measures what the filter costs in Envoy, prints it as Markdown, and stores it in `target/bench/`.
//!
//! It takes about three minutes and stops by itself. `BENCH=quick` takes half a minute, to try it out,
//! `BENCH=long` about ten minutes. `BASE=COMMIT` builds the module of that commit too, and measures both in turn.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use api_credits_tests::artifacts::{self, Artifacts};
use api_credits_tests::bench::{
    measurement::{Effort, measure},
    report::Report,
    row::{Build, Modules},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let effort = match env::var("BENCH").as_deref() {
        Err(_) | Ok("") => Effort::FULL,
        Ok("quick") => Effort::QUICK,
        Ok("long") => Effort::LONG,
        Ok(other) => bail!("BENCH={other} is unknown: expected quick, long, or nothing"),
    };
    let folder = artifacts::target().join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let artifacts = Artifacts::obtain()?;
    let sdk_noop = artifacts::sdk_noop()?;
    let headers = artifacts::headers_module()?;
    let (bare_hostcalls, bare_counter) = (bare("hostcalls")?, bare("counter")?);
    let base = match env::var("BASE") {
        Ok(commit) if !commit.is_empty() => Some(built_at(&commit, &folder)?),
        _ => None,
    };
    let modules = Modules {
        api_credits: &artifacts.module,
        headers: &headers,
        sdk_noop: &sdk_noop,
        bare_hostcalls: &bare_hostcalls,
        bare_counter: &bare_counter,
        base: base
            .as_ref()
            .map(|(module, example)| Build { module, example }),
    };
    let module_bytes = fs::metadata(&artifacts.module)?.len();
    let mut observations = measure(&artifacts.envoy, modules, effort).await?;
    let report = Report::of(&mut observations, module_bytes);
    store(
        folder.join("envoy.json"),
        serde_json::to_string_pretty(&report)?,
    )?;
    let markdown = report.markdown();
    store(folder.join("envoy.md"), &markdown)?;
    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    {
        println!("{markdown}");
    }
    Ok(())
}

/// The module of a commit, and its example of a configuration. Its sources stay in `folder`, as a work tree of this repository.
fn built_at(commit: &str, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let tree = folder.join("base");
    let git = |arguments: &[&str], at: &Path| {
        let status = Command::new("git").args(arguments).current_dir(at).status();
        let status = status.context("cannot run git")?;
        ensure!(status.success(), "git {} failed", arguments.join(" "));
        anyhow::Ok(())
    };
    if tree.is_dir() {
        git(&["checkout", "--quiet", "--detach", commit], &tree)?;
    } else {
        let path = tree.display().to_string();
        git(&["worktree", "prune"], artifacts::root())?;
        git(
            &["worktree", "add", "--quiet", "--detach", &path, commit],
            artifacts::root(),
        )?;
    }
    let target = folder.join("base_target");
    // Cargo would take that of this commit, whose tree is around the other.
    let linker = tree.join("plugin/link");
    let linker = if linker.is_file() {
        linker
    } else {
        PathBuf::from("rust-lld")
    };
    let status = Command::new("cargo")
        .args(["build", "--locked", "--quiet", "--profile", "wasm"])
        .args(["--target", "wasm32-wasip1", "-p", "api-credits"])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_TARGET_WASM32_WASIP1_LINKER", linker)
        .current_dir(&tree)
        .status();
    ensure!(
        status.context("cannot run cargo")?.success(),
        "the module of {commit} does not build"
    );
    let module = target.join("wasm32-wasip1/wasm/api_credits.wasm");
    Ok((module, tree.join("envoy/filter.json")))
}

/// A module without logic, which is written as text, as Envoy loads it.
fn bare(name: &str) -> anyhow::Result<PathBuf> {
    let text = artifacts::root().join(format!("tests/bare/{name}.wat"));
    let module = artifacts::target().join(format!("bench/bare_{name}.wasm"));
    let bytes = wat::parse_file(&text).with_context(|| text.display().to_string())?;
    store(module.clone(), bytes)?;
    Ok(module)
}

fn store(file: PathBuf, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))
}
