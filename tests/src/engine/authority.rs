//! A certificate authority of the tests' own, and the certificate of a server by the name in `envoy/engine.yaml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// An authority and the one certificate that it has signed. Its files are gone when it is dropped.
#[derive(Debug)]
pub struct Authority {
    /// The authority's own certificate, which clients trust (PEM).
    pub own_certificate: PathBuf,
    /// The server's certificate, for `credits.example` (PEM).
    pub certificate: PathBuf,
    /// The server's key (PEM).
    pub key: PathBuf,
    _folder: TempDir,
}

impl Authority {
    /// Makes one, and a certificate for a day.
    ///
    /// # Errors
    ///
    /// When there is no `openssl` or it fails.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("api-credits-test-")
            .tempdir()?;
        let extensions = "subjectAltName=DNS:credits.example\n";
        fs::write(folder.path().join("extensions"), extensions)?;
        for arguments in [
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=authority -keyout authority.key -out authority.pem",
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=engine -keyout engine.key -out engine.csr",
            "x509 -req -in engine.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 1 -extfile extensions -out engine.pem",
        ] {
            openssl(arguments, folder.path())?;
        }
        let file = |name| folder.path().join(name);
        Ok(Self {
            own_certificate: file("authority.pem"),
            certificate: file("engine.pem"),
            key: file("engine.key"),
            _folder: folder,
        })
    }
}

fn openssl(arguments: &str, folder: &Path) -> anyhow::Result<()> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("cannot run openssl (on Debian: apt-get install openssl)")?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "openssl {arguments}: {complaint}");
    Ok(())
}
