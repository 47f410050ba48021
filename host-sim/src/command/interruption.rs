//! Ctrl-C, for commands that have something to say before they end.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context as _;

/// The exit status of programs that Ctrl-C has ended, as shells know it: 128 and the number of the signal.
pub(crate) const STATUS: u8 = 130;

/// The command was ended by Ctrl-C, and has said what it knew.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Something that becomes true once somebody presses Ctrl-C. The second time ends the program at once.
///
/// # Errors
///
/// When the system does not tell of signals.
pub(crate) fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("listening for Ctrl-C")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    thread::spawn(move || {
        runtime.block_on(async {
            // Without signals nobody can interrupt, and the command goes on to its end.
            while tokio::signal::ctrl_c().await.is_ok() {
                if flag.swap(true, Ordering::Relaxed) {
                    process::exit(STATUS.into());
                }
            }
        });
    });
    Ok(interrupted)
}
