//! The logs, to be read as often as is needed: what comes on the standard input is kept in a file for that, which is gone when the program
//! ends.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use host_sim::access_log::Source;

/// All logs.
pub(super) struct Inputs {
    logs: Vec<PathBuf>,
    /// What has come on the standard input, once that is read.
    spool: RefCell<Option<File>>,
}

/// Keeps what it reads.
struct Tee<R> {
    input: R,
    spool: File,
}

impl Inputs {
    pub(super) fn new(logs: Vec<PathBuf>) -> Self {
        Self {
            logs,
            spool: RefCell::new(None),
        }
    }

    pub(super) fn logs(&self) -> &[PathBuf] {
        &self.logs
    }

    /// A log from its beginning.
    pub(super) fn open(&self, path: &Path) -> io::Result<Source> {
        if path != Path::new("-") {
            return Source::open(path);
        }
        if let Some(spool) = &*self.spool.borrow() {
            let mut file = spool.try_clone()?;
            file.rewind()?;
            return Source::from_reader(file);
        }
        let spool = nameless()?;
        let tee = Tee {
            input: io::stdin(),
            spool: spool.try_clone()?,
        };
        *self.spool.borrow_mut() = Some(spool);
        Source::from_reader(tee)
    }
}

/// A file that is in no folder any more.
pub(super) fn nameless() -> io::Result<File> {
    let name = format!("host-sim-replay-{}", process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.spool
            .write_all(buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}
