//! What the command prints. Whoever reads it may stop reading, as `head` does; then the command says nothing more, and goes on to its
//! end: how it exits still tells what it has found.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

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
    let mut output = io::stdout().lock();
    let written = output.write_fmt(text).and_then(|()| output.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            std::process::exit(2);
        }
    }
}
