//! The command's parts: one file for each thing that it does, and what several of them need.

pub(crate) mod bench;
pub(crate) mod check;
mod diagnostic;
pub(crate) mod inspect;
pub(crate) mod new;
mod plugin;
mod request;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod trace;
mod watch;

use std::path::Path;

use anyhow::bail;
use host_sim::{Module, Simulator, StartError};

use diagnostic::Pointed;
use plugin::Plugin;

/// Says on the standard error output what is wrong with the input, and where.
pub(crate) fn print_error(error: &anyhow::Error) {
    match error.downcast_ref::<Pointed>() {
        Some(pointed) => eprint!("{}", pointed.rendered()),
        None => eprintln!("error: {error:#}"),
    }
}

/// The module in this file. What is wrong with a module says which file it is in.
fn load(plugin: &Path) -> anyhow::Result<Module> {
    Module::from_file(plugin).map_err(|error| match error {
        host_sim::LoadError::Read { .. } => anyhow::Error::msg(error),
        error => anyhow::anyhow!("{}: {error}", plugin.display()),
    })
}

/// A simulation that has started, for commands that need one.
fn started(outcome: Result<Simulator, StartError>, plugin: &Plugin) -> anyhow::Result<Simulator> {
    let name = plugin.name();
    match outcome {
        Ok(simulator) => Ok(simulator),
        Err(StartError::Rejected { log }) => {
            bail!(
                "{name} refuses its configuration: {}",
                check::reasons(&log).join("\n")
            )
        }
        Err(StartError::Failed { failure, log }) => {
            let logged: String = log.iter().map(|line| format!("\n  {line}")).collect();
            bail!("{name}: {failure}{logged}")
        }
        Err(error) => bail!("{name}: {error}"),
    }
}
