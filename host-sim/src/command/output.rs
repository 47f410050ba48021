//! What the command prints. Whoever reads it may stop reading, as `head` does; then the command says nothing more, and goes on to its
//! end: how it exits still tells what it has found.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write as _};

use serde::Serialize;

/// Prints as `print!` does.
macro_rules! show {
    ($($arguments:tt)*) => { $crate::command::output::write(format_args!($($arguments)*)) };
}

/// Prints as `println!` does.
macro_rules! say {
    ($($arguments:tt)*) => {
        $crate::command::output::write(format_args!("{}\n", format_args!($($arguments)*)))
    };
}

pub(crate) use {say, show};

/// Writes to the standard output, unless nobody reads it any more.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    write_with(|output| output.write_fmt(text));
}

/// Prints a document as JSON piece by piece, and a new line.
pub(crate) fn say_json(document: &impl Serialize) {
    write_with(|output| {
        let mut buffered = BufWriter::new(output);
        serde_json::to_writer_pretty(&mut buffered, document)?;
        buffered.write_all(b"\n")?;
        buffered.flush()
    });
}

fn write_with(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) {
    let mut output = io::stdout().lock();
    let written = write(&mut output).and_then(|()| output.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            std::process::exit(2);
        }
    }
}
