//! Chromium itself: the one that `CHROMIUM` names, the installed one, or Debian's, installed here.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

/// The program, installed if it is missing and may be.
///
/// # Errors
///
/// When there is none to be had.
pub(crate) fn obtain() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "CHROMIUM names {}, which is no file",
            path.display()
        );
        return Ok(path);
    }
    if let Some(path) = installed() {
        return Ok(path);
    }
    install().context("there is no Chromium: install it (on Debian: apt-get install chromium), or name one with CHROMIUM=")?;
    installed().context("Debian's package has no program `chromium`")
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join("chromium"))
        .find(|program| program.is_file())
}

fn install() -> anyhow::Result<()> {
    let id = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot run id")?;
    if id.stdout.trim_ascii() != b"0" {
        bail!("only root can install packages");
    }
    for arguments in [
        ["update", "--quiet"].as_slice(),
        &[
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            "chromium",
        ],
    ] {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .context("cannot run apt-get")?;
        ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}
