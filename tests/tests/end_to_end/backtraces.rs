//! What Envoy logs of a filter that traps, and what `host-sim symbolize` makes of it.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{bail, ensure};
use api_credits_tests::artifacts::{Artifacts, compiled, host_sim, root};
use api_credits_tests::envoy::{EnvoyTarget, Served};
use host_sim::target::{Request, Session as _, Setup};

use crate::World;

/// Envoy runs the module with the names of its functions or with the least that makes it write a backtrace, and the lines are those of
/// the twin.
pub(crate) fn what_envoy_logs_of_a_crash_is_found_in_the_source(
    world: &World,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let source = root().join("host-sim/tests/command/source/shop.rs");
    let build = |name: &str, flags: &[&str]| compiled(&source, folder.path(), name, flags);
    let twin = build("twin.wasm", &["-Cdebuginfo=1"])?;
    let named = build("named.wasm", &["-Cstrip=debuginfo"])?;
    let stripped = build("stripped.wasm", &["-Cstrip=symbols"])?;
    let mut bytes = std::fs::read(&stripped)?;
    // A name section with the name of a function that is not on the stack.
    bytes.extend(b"\x00\x0b\x04name\x01\x04\x01\x03\x01f");
    let hinted = folder.path().join("hinted.wasm");
    std::fs::write(&hinted, bytes)?;

    for (module, status) in [(named, 0), (hinted, 0), (stripped, 1)] {
        let artifacts = Artifacts {
            module: module.clone(),
            ..world.artifacts.clone()
        };
        let log = folder.path().join("envoy.log");
        std::fs::write(&log, log_of_a_crash(artifacts)?)?;
        let output = Command::new(host_sim()?)
            .arg("symbolize")
            .args([OsStr::new("--plugin"), module.as_os_str()])
            .args([OsStr::new("--symbols"), twin.as_os_str()])
            .arg(&log)
            .output()?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert_eq!(output.status.code(), Some(status), "{said}");
        ensure!(
            said.contains("Function: proxy_on_request_headers failed: "),
            "{said}"
        );
        let found = |function: &str, line: u32| {
            said.contains(&format!(" {function} ({}:{line}:", source.display()))
        };
        assert_eq!(found("shop::shop::fail", 20), status == 0, "{said}");
        assert_eq!(found("shop::shop::check", 14), status == 0, "{said}");
        assert_eq!(found("shop::shop::price", 7), status == 0, "{said}");
        assert_eq!(found("proxy_on_request_headers", 26), status == 0, "{said}");
    }
    Ok(())
}

/// What Envoy logs when the module traps at a request.
fn log_of_a_crash(artifacts: Artifacts) -> anyhow::Result<String> {
    let envoy = EnvoyTarget::new(artifacts)?;
    let Served::Running(mut session) = envoy.serve(&Setup::default())? else {
        bail!("Envoy does not start the module");
    };
    let answer = session.exchange(&Request::default())?;
    assert_eq!(answer.status, 503);
    session.envoy_log()
}
