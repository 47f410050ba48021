//! What must hold whatever bytes arrive, as functions of bytes that panic where it does not.
//!
//! Each is a target of cargo-fuzz (`fuzz_targets`, with seeds in `corpus`). `make test` tries each with its seeds and some thousand
//! inputs made from them, always the same ones; `make fuzz` lets libFuzzer look for others, for as long as it is given.
//!
//! None only says that nothing panics: what is read is compared with a plainer reader, written back, or priced by what a backend
//! would make of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "what does not hold is a panic, which is how a fuzzer is told"
)]

mod bodies;
mod configuration;
mod directory;
mod headers;
pub mod inputs;
mod modules;
mod paths;
mod records;
mod resp;

use std::process::ExitCode;

pub use bodies::bodies;
pub use configuration::configuration;
pub use directory::directory;
pub use headers::headers;
pub use modules::modules;
pub use paths::paths;
pub use records::records;
pub use resp::resp;

/// A function that panics where something does not hold of these bytes.
pub type Target = fn(&[u8]);

/// All targets under their names.
pub const TARGETS: [(&str, Target); 8] = [
    ("configuration", configuration),
    ("paths", paths),
    ("bodies", bodies),
    ("records", records),
    ("directory", directory),
    ("resp", resp),
    ("headers", headers),
    ("modules", modules),
];

/// Tries the files that the command is given, such as what a fuzzer has found: one that does not hold is a panic.
#[must_use]
#[expect(clippy::print_stderr, reason = "it is a command")]
pub fn try_files(target: Target) -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        eprintln!("which files? To fuzz: cargo fuzz run NAME (in tests/), or make fuzz");
        return ExitCode::from(2);
    }
    for file in files {
        match std::fs::read(&file) {
            Ok(bytes) => target(&bytes),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

/// The first lines of an input, up to the number of them, and what follows.
fn lines<const N: usize>(data: &[u8]) -> ([&[u8]; N], &[u8]) {
    let mut rest = data;
    let lines = std::array::from_fn(|_| {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.get(1..).unwrap_or_default();
        line
    });
    (lines, rest)
}
