//! Waits for a debugger, and tells it where the module's source is.
//!
//! The engine compiles the module to machine code in the memory of this process, which no debugger knows of. It is written to a file with
//! its lines, and the scripts beside it load that file at the address at which the code is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use host_sim::Module;

/// How often to look whether one has come.
const INTERVAL: Duration = Duration::from_millis(100);

/// Writes `plugin.o`, `plugin.gdb` and `plugin.lldb` into a folder, and goes on once a debugger says so.
pub(super) fn wait(module: &Module, folder: &Path) -> anyhow::Result<()> {
    let place = || folder.display().to_string();
    fs::create_dir_all(folder).with_context(place)?;
    let folder = fs::canonicalize(folder).with_context(place)?;
    let (image, address) = module.image()?;
    let object = folder.join("plugin.o");
    let write = |file: PathBuf, bytes: &[u8]| {
        fs::write(&file, bytes).with_context(|| file.display().to_string())
    };
    write(object.clone(), &image)?;
    let object = object.display();
    // Traps of the module are signals, which the engine handles.
    let gdb = format!(
        "set breakpoint pending on\nhandle SIGILL SIGSEGV SIGFPE nostop noprint pass\nadd-symbol-file {object} -s .text {address:#x}\n"
    );
    let lldb = format!(
        "process handle SIGILL SIGSEGV SIGFPE --stop false --notify false --pass true\ntarget modules add {object}\ntarget modules load --file {object} .text {address:#x}\n"
    );
    write(folder.join("plugin.gdb"), gdb.as_bytes())?;
    write(folder.join("plugin.lldb"), lldb.as_bytes())?;
    let number = process::id();
    if is_debugged()? {
        // Stops it here; a debugger does not pass this signal on.
        let stopped = Command::new("kill")
            .args(["-TRAP", &number.to_string()])
            .status();
        if !stopped.context("cannot run kill")?.success() {
            bail!("cannot stop for the debugger");
        }
        // Any thread may get the signal, and this one must not go on before all stand still.
        thread::park_timeout(Duration::from_secs(1));
        return Ok(());
    }
    let scripts = folder.display();
    eprintln!("waiting for a debugger:");
    eprintln!("  gdb -p {number} -x {scripts}/plugin.gdb");
    eprintln!("  lldb -p {number} -s {scripts}/plugin.lldb");
    while !is_debugged()? {
        thread::park_timeout(INTERVAL);
    }
    Ok(())
}

/// Whether a debugger has this process.
fn is_debugged() -> anyhow::Result<bool> {
    const FILE: &str = "/proc/self/status";
    let status = fs::read_to_string(FILE).context("--debugger needs Linux: /proc/self/status")?;
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    Ok(tracer.is_some_and(|tracer| tracer.trim() != "0"))
}
