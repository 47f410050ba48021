//! Programs out of Debian's packages, unpacked below `target/` and not installed: no service is started, and nobody must be root.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::program::Program;
use crate::artifacts::target;

/// How long apt waits for a server that does not answer, and how often it tries.
const PATIENCE: [&str; 2] = ["-oAcquire::http::Timeout=20", "-oAcquire::Retries=1"];

/// The installed program of this name, or the one in these packages. There is none where neither is to be had, which is said.
pub(super) fn program(name: &str, packages: &[&str]) -> anyhow::Result<Option<Program>> {
    if let Some(path) = installed(name) {
        return Ok(Some(Program::at(path, None)));
    }
    if installed("apt-get").is_none() || installed("dpkg-deb").is_none() {
        return Ok(None);
    }
    let folder = target().join("programs").join(format!("debian-{name}"));
    if !folder.is_dir()
        && let Err(why) = unpack(packages, &folder)
    {
        let packages = packages.join(" ");
        eprintln!(
            "cannot fetch {name} from Debian's packages, so what needs it is not tested (or install it: apt-get install {packages}): {why:#}"
        );
        return Ok(None);
    }
    let places = ["usr/bin", "usr/sbin"].map(|place| folder.join(place).join(name));
    let path = places.into_iter().find(|path| path.is_file());
    let path = path.with_context(|| format!("{} has no {name}", folder.display()))?;
    Ok(Some(Program::at(path, libraries(&folder)?)))
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Fetches the packages, and the libraries that are not installed, which apt checks against Debian's signatures.
fn unpack(packages: &[&str], folder: &Path) -> anyhow::Result<()> {
    let parent = folder.parent().context("no folder to unpack to")?;
    fs::create_dir_all(parent)?;
    let fresh = tempfile::Builder::new()
        .prefix("debian-")
        .tempdir_in(parent)?;
    let downloads = fresh.path().join("packages");
    fs::create_dir(&downloads)?;
    let download = || {
        let wanted = wanted(packages)?;
        let arguments = PATIENCE.map(str::to_owned).into_iter();
        let arguments = arguments.chain(["download".to_owned()]).chain(wanted);
        run("apt-get", arguments, &downloads)
    };
    if download().is_err() {
        // A machine that has never looked does not know the packages.
        let arguments = PATIENCE.map(str::to_owned).into_iter();
        run(
            "apt-get",
            arguments.chain(["update".to_owned()]),
            &downloads,
        )?;
        download()?;
    }
    let root = fresh.path().join("root");
    for package in fs::read_dir(&downloads)? {
        let path = |path: &Path| path.display().to_string();
        let arguments = ["-x".to_owned(), path(&package?.path()), path(&root)];
        run("dpkg-deb", arguments, &downloads)?;
    }
    match fs::rename(&root, folder) {
        // Somebody else was faster, with the same.
        Err(_) if folder.is_dir() => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// The packages themselves, and whatever libraries they need that are not installed.
fn wanted(packages: &[&str]) -> anyhow::Result<Vec<String>> {
    let output = Command::new("apt-cache")
        .args(["depends", "--important", "--recurse"])
        .args(packages)
        .output()
        .context("cannot run apt-cache")?;
    ensure!(output.status.success(), "apt-cache depends failed");
    let text = String::from_utf8(output.stdout)?;
    let mut wanted: Vec<String> = Vec::new();
    for line in text.lines() {
        let library = line.starts_with("lib") && !is_installed(line)?;
        if library || packages.contains(&line) {
            wanted.push(line.to_owned());
        }
    }
    Ok(wanted)
}

fn is_installed(package: &str) -> anyhow::Result<bool> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .context("cannot run dpkg-query")?;
    Ok(output.stdout.starts_with(b"installed"))
}

fn run(
    program: &str,
    arguments: impl IntoIterator<Item = String>,
    folder: &Path,
) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program}: {}", complaint.trim());
    Ok(())
}

/// The folder with the libraries that came along, if any did: Debian has one for each kind of machine.
fn libraries(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let all = folder.join("usr/lib");
    if !all.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(all)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with("-gnu") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
