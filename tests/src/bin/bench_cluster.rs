//! `make bench-cluster`: measures what it costs to share an allotment among Envoys, prints it as Markdown, and stores it in
//! `target/bench/`.
//!
//! It takes about two minutes and stops by itself. `BENCH=quick` takes half a minute, to try it out.

use std::env;
use std::fs;

use anyhow::bail;
use api_credits_tests::artifacts::{self, Artifacts};
use api_credits_tests::bench::cluster::{Effort, measure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let effort = match env::var("BENCH").as_deref() {
        Err(_) | Ok("") => Effort::FULL,
        Ok("quick") => Effort::QUICK,
        Ok(other) => bail!("BENCH={other} is unknown: expected quick, or nothing"),
    };
    let report = measure(&Artifacts::obtain()?, effort).await?;
    let folder = artifacts::target().join("bench");
    fs::create_dir_all(&folder)?;
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(folder.join("cluster.json"), json)?;
    let markdown = report.markdown();
    fs::write(folder.join("cluster.md"), &markdown)?;
    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    {
        println!("{markdown}");
    }
    Ok(())
}
