//! A debugger of the machine in the source of a filter, by `host-sim trace --debugger`.

use std::fs;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{compiled, host_sim, root};
use api_credits_tests::engine::program::Program;

use crate::World;

pub(crate) fn gdb_stops_in_the_source_of_a_filter(_: &World) -> anyhow::Result<()> {
    stops_in_the_source(false)
}

pub(crate) fn gdb_stops_in_the_source_of_a_stripped_filter_with_a_twin(
    _: &World,
) -> anyhow::Result<()> {
    stops_in_the_source(true)
}

/// Stops at a line of a function that is inlined, says who called it, and goes on to the end.
fn stops_in_the_source(stripped: bool) -> anyhow::Result<()> {
    let gdb = Program::gdb()?;
    let gdb =
        gdb.context("no gdb is installed, and there are no Debian packages to take it from")?;
    let folder = tempfile::tempdir()?;
    let source = root().join("host-sim/tests/command/source/shop.rs");
    let compile = |name, strip| {
        let flags = ["-Cdebuginfo=2", "-Copt-level=0", strip];
        compiled(&source, folder.path(), name, &flags)
    };
    let twin = compile("twin.wasm", "-Cstrip=none")?;
    let module = match stripped {
        true => compile("shipped.wasm", "-Cstrip=symbols")?,
        false => twin.clone(),
    };
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
        .args(["--path", "/a", "--symbols"])
        .arg(&twin)
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

/// The same with the other debugger.
pub(crate) fn lldb_stops_in_the_source_of_a_filter(_: &World) -> anyhow::Result<()> {
    let lldb = Program::lldb()?;
    let lldb =
        lldb.context("no lldb is installed, and there are no Debian packages to take it from")?;
    let folder = tempfile::tempdir()?;
    let source = root().join("host-sim/tests/command/source/shop.rs");
    let flags = ["-Cdebuginfo=2", "-Copt-level=0"];
    let module = compiled(&source, folder.path(), "shop.wasm", &flags)?;
    let scripts = folder.path().join("scripts");
    let script = folder.path().join("session.lldb");
    fs::write(
        &script,
        format!(
            "settings set auto-confirm true\nrun\ncommand source {}/plugin.lldb\nbreakpoint set --file shop.rs --line 13\ncontinue\n\
             thread backtrace --count 3\nbreakpoint delete\ncontinue\n",
            scripts.display()
        ),
    )?;
    let mut command = lldb.command(folder.path())?;
    // Where it looks for its server if nobody says so, there is only one that is installed.
    let server = lldb
        .root()
        .map(|root| root.join("usr/lib/llvm-19/bin/lldb-server"));
    if let Some(server) = server.filter(|server| server.is_file()) {
        command.env("LLDB_DEBUGSERVER_PATH", server);
    }
    command
        .args(["--batch", "--no-lldbinit", "--source"])
        .arg(&script)
        .arg("--")
        .arg(host_sim()?)
        .arg("trace")
        .arg(&module)
        .args(["--path", "/a"])
        .arg(format!("--debugger={}", scripts.display()))
        .status()
        .context("cannot run lldb")?;
    let said = fs::read_to_string(folder.path().join("log"))?;
    for expected in [
        "-> 13  \t        if items > 3 {",
        "(items=6) at shop.rs:13:12",
        "(items=6) at shop.rs:7:9",
        "exited with status = 1",
    ] {
        ensure!(
            said.contains(expected),
            "no {expected:?} in what lldb says:\n{said}"
        );
    }
    Ok(())
}
