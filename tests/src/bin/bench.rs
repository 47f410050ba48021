//! `make bench`: measures what the filter costs in Envoy, prints it as Markdown, and stores it in `target/bench/`.
//!
//! It takes about three minutes and stops by itself. `BENCH=quick` takes half a minute, to try it out,
//! `BENCH=long` about ten minutes. `BASE=COMMIT` builds the module of that commit too, and measures both in turn.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
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
        Ok(commit) if !commit.is_empty() => {
            let tree = folder.join("base");
            let module = artifacts::module_at(&commit, &tree)?;
            Some((module, tree.join("envoy/filter.json")))
        }
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
