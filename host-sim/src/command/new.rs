//! `host-sim new`: a first scenario to change.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use crate::command::output::{say, show};
use anyhow::Context as _;
use clap::Args;

/// What `host-sim new` is told.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// Write it to this file, which must not exist; otherwise it is printed
    #[arg(value_name = "SCENARIO.toml")]
    file: Option<PathBuf>,
}

/// The scenario, with all steps that one can take.
pub(crate) const TEMPLATE: &str = include_str!("new/template.toml");

impl New {
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let Some(path) = &self.file else {
            show!("{TEMPLATE}");
            return Ok(true);
        };
        let place = || path.display().to_string();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .with_context(place)?;
        file.write_all(TEMPLATE.as_bytes()).with_context(place)?;
        say!(
            "run it:  host-sim run --plugin FILTER.wasm {}",
            path.display()
        );
        Ok(true)
    }
}
