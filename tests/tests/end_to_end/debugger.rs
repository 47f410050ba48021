//! A debugger of the machine in the source of a filter, by `host-sim trace --debugger`.

use std::fs;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{compiled, host_sim, root};
use api_credits_tests::engine::program::Program;

use crate::World;

/// Stops at a line of a function that is inlined, says who called it, and goes on to the end.
pub(crate) fn gdb_stops_in_the_source_of_a_filter(_: &World) -> anyhow::Result<()> {
    let gdb = Program::gdb()?;
    let gdb =
        gdb.context("no gdb is installed, and there are no Debian packages to take it from")?;
    let folder = tempfile::tempdir()?;
    let source = root().join("host-sim/tests/command/source/shop.rs");
    let module = compiled(
        &source,
        folder.path(),
        "shop.wasm",
        &["-Cdebuginfo=2", "-Copt-level=0"],
    )?;
    let scripts = folder.path().join("scripts");
    let script = folder.path().join("session.gdb");
    fs::write(
        &script,
        format!(
            "set confirm off\nset pagination off\nset debuginfod enabled off\nrun\nsource {}/plugin.gdb\nbreak shop.rs:13\ncontinue\nbacktrace 3\nstep\ninfo source\ndelete\ncontinue\n",
            scripts.display()
        ),
    )?;
    gdb.command(folder.path())?
        .args(["-batch", "-nx", "-x"])
        .arg(&script)
        .arg("--args")
        .arg(host_sim()?)
        .arg("trace")
        .arg(&module)
        .args(["--path", "/a"])
        .arg(format!("--debugger={}", scripts.display()))
        .status()
        .context("cannot run gdb")?;
    let said = fs::read_to_string(folder.path().join("log"))?;
    for expected in [
        "shop::shop::price (items=6) at ",
        "13\t        if items > 3 {",
        "proxy_on_request_headers (headers=6) at ",
        "14\t            fail()",
        "exited with code 01",
    ] {
        ensure!(
            said.contains(expected),
            "no {expected:?} in what gdb says:\n{said}"
        );
    }
    Ok(())
}
