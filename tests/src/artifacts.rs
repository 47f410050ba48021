//! What the tests run: the module as it ships, and the pinned Envoy.
//!
//! All are made here and not by an earlier command, so that a test never runs on a stale module and never passes because
//! a program is missing. Environment variables name others: `API_CREDITS_MODULE` a module, `API_CREDITS_HEADERS_MODULE`
//! the one that reads no bodies, `API_CREDITS_RESPONSES_MODULE` the one that reads responses, `API_CREDITS_OLDER_MODULE` an older one, `ENVOY` an Envoy.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The files that tests run.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// `api_credits.wasm`.
    pub module: PathBuf,
    /// The Envoy program.
    pub envoy: PathBuf,
}

impl Artifacts {
    /// Builds the module and fetches Envoy, as far as they are not there already.
    ///
    /// # Errors
    ///
    /// When the module does not compile or there is no Envoy to be had.
    pub fn obtain() -> anyhow::Result<Self> {
        Ok(Self {
            module: module()?,
            envoy: envoy()?,
        })
    }
}

/// The root of the checkout.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The module, built as `make run` builds it. Cargo does nothing when nothing has changed.
///
/// # Errors
///
/// When it does not compile.
pub fn module() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("API_CREDITS_MODULE") {
        return existing(PathBuf::from(path), "API_CREDITS_MODULE");
    }
    build("api-credits", &[])
}

/// The plugin that does nothing, made with the SDK, which the filter is measured against.
///
/// # Errors
///
/// When it does not compile.
pub fn sdk_noop() -> anyhow::Result<PathBuf> {
    build("sdk-noop", &[])
}

/// The plugin that does what its configuration says.
///
/// # Errors
///
/// When it does not compile.
pub fn scripted() -> anyhow::Result<PathBuf> {
    build("scripted", &[])
}

/// The module of a commit of this repository, whose sources stay in the folder `tree`, as a work tree, and what is built of them beside it.
///
/// # Errors
///
/// When the commit is not there, or does not compile.
pub fn module_at(commit: &str, tree: &Path) -> anyhow::Result<PathBuf> {
    let git = |arguments: &[&str], at: &Path| {
        let status = Command::new("git").args(arguments).current_dir(at).status();
        let status = status.context("cannot run git")?;
        ensure!(status.success(), "git {} failed", arguments.join(" "));
        anyhow::Ok(())
    };
    if tree.is_dir() {
        git(&["checkout", "--quiet", "--detach", commit], tree)?;
    } else {
        let path = tree.display().to_string();
        git(&["worktree", "prune"], root())?;
        git(
            &["worktree", "add", "--quiet", "--detach", &path, commit],
            root(),
        )?;
    }
    let mut target = tree.as_os_str().to_owned();
    target.push("_target");
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
        .current_dir(tree)
        .status();
    ensure!(
        status.context("cannot run cargo")?.success(),
        "the module of {commit} does not build"
    );
    Ok(PathBuf::from(target).join("wasm32-wasip1/wasm/api_credits.wasm"))
}

/// The module of an older commit, whose records are still read, to run beside that of this one.
///
/// # Errors
///
/// When the commit is not there, as in a shallow clone, or does not compile.
pub fn older_module() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("API_CREDITS_OLDER_MODULE") {
        return existing(PathBuf::from(path), "API_CREDITS_OLDER_MODULE");
    }
    module_at(OLDER, &target().join("older"))
}

/// Whether [`older_module`] can be had: a shallow clone does not have its commit, which is said.
#[must_use]
pub fn has_older_module() -> bool {
    let known = env::var_os("API_CREDITS_OLDER_MODULE").is_some()
        || Command::new("git")
            .args(["cat-file", "-e", OLDER])
            .current_dir(root())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !known {
        eprintln!(
            "this clone does not have commit {OLDER}, so upgrades are not tested (git fetch --unshallow)"
        );
    }
    known
}

/// A commit with the filter before it was built on the SDK. A change of the records' layout has to name a later one.
const OLDER: &str = "059035487ddfd5619119660f051fa3fd293b2edd";

/// The folder for what is built.
#[must_use]
pub fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The module with the feature `crash_on_demand`, which makes a worker crash on a call that asks for it. It is built apart, so that
/// it is never taken for the one that is shipped.
///
/// # Errors
///
/// When it does not compile.
pub fn crashing_module() -> anyhow::Result<PathBuf> {
    with_feature("crash_on_demand")
}

/// The module that reads no bodies, built as `make headers` builds it: apart, so that it is never taken for the other one.
///
/// # Errors
///
/// When it does not compile.
pub fn headers_module() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("API_CREDITS_HEADERS_MODULE") {
        return existing(PathBuf::from(path), "API_CREDITS_HEADERS_MODULE");
    }
    with_feature("headers_only")
}

/// The module that reads responses behind their heads, built as `make responses` builds it.
///
/// # Errors
///
/// When it does not compile.
pub fn responses_module() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("API_CREDITS_RESPONSES_MODULE") {
        return existing(PathBuf::from(path), "API_CREDITS_RESPONSES_MODULE");
    }
    with_feature("responses")
}

/// A module of one Rust source, built in this folder, by the compiler that builds the others.
///
/// # Errors
///
/// When it does not compile.
pub fn compiled(
    source: &Path,
    folder: &Path,
    name: &str,
    flags: &[&str],
) -> anyhow::Result<PathBuf> {
    let module = folder.join(name);
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--crate-type", "cdylib", "--target", "wasm32-wasip1"])
        .args(["--edition", "2024", "-O", "-Cpanic=abort"])
        .args(flags)
        .arg("-o")
        .args([&module, source])
        .status()
        .context("cannot run rustc")?;
    ensure!(status.success(), "{} does not compile", source.display());
    Ok(module)
}

/// The command `host-sim`, as the tests of its own package build it, so that nothing is compiled twice.
///
/// # Errors
///
/// When it does not compile.
pub fn host_sim() -> anyhow::Result<PathBuf> {
    let arguments = [
        "test",
        "--no-run",
        "--locked",
        "--quiet",
        "--workspace",
        "--all-features",
        "--test",
        "command",
    ];
    built(&arguments.map(OsStr::new), "host-sim")
}

/// The filter's module with a feature that the shipped one does not have.
fn with_feature(feature: &str) -> anyhow::Result<PathBuf> {
    let apart = target().join(feature);
    let options = [
        OsStr::new("--features"),
        OsStr::new(feature),
        OsStr::new("--target-dir"),
        apart.as_os_str(),
    ];
    build("api-credits", &options)
}

/// The module of a package.
fn build(package: &str, options: &[&OsStr]) -> anyhow::Result<PathBuf> {
    let arguments = [
        "build",
        "--locked",
        "--quiet",
        "--profile",
        "wasm",
        "--target",
        "wasm32-wasip1",
        "-p",
        package,
    ];
    let arguments = [&arguments.map(OsStr::new), options].concat();
    built(&arguments, &format!("{}.wasm", package.replace('-', "_")))
}

/// What cargo builds under this name.
fn built(arguments: &[&OsStr], name: &str) -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "{name} does not build");
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message.get("reason").and_then(Value::as_str) == Some("compiler-artifact")
        })
        .filter_map(|message| message.get("filenames").and_then(Value::as_array).cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| {
            file.file_name()
                .is_some_and(|found| found == OsStr::new(name))
        })
        .with_context(|| format!("cargo built no {name}"))
}

/// The Envoy that `ENVOY` names, or the one that `make run` would fetch.
///
/// # Errors
///
/// When there is none to be had.
pub fn envoy() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("ENVOY").filter(|path| !path.is_empty()) {
        return existing(PathBuf::from(path), "ENVOY");
    }
    let output = Command::new(root().join("envoy/fetch"))
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run envoy/fetch (it needs Python 3)")?;
    ensure!(output.status.success(), "there is no Envoy");
    existing(
        PathBuf::from(String::from_utf8(output.stdout)?.trim_end()),
        "envoy/fetch",
    )
}

fn existing(path: PathBuf, named_by: &str) -> anyhow::Result<PathBuf> {
    ensure!(
        path.is_file(),
        "{named_by} names {}, which is no file",
        path.display()
    );
    // Whoever runs it may be in another folder.
    Ok(path.canonicalize()?)
}
