//! Where a log comes from: a file or the standard input, packed with gzip or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// How much of a log is looked at to tell its format.
const LOOKED_AT: usize = 64 * 1024;

/// The first bytes of whatever gzip has packed (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// An open log, unpacked.
pub struct Source {
    input: BufReader<Box<dyn Read + Send>>,
    size: Option<u64>,
    progress: Progress,
}

/// How much of a source has been read, for whoever watches from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

struct Counted<R> {
    input: R,
    progress: Progress,
}

impl Source {
    /// Opens a file; `-` is the standard input.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::from_reader(io::stdin());
        }
        let file = File::open(path)?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file);
        let size = size.map(|metadata| metadata.len());
        Ok(Self {
            size,
            ..Self::from_reader(file)?
        })
    }

    /// Whatever can be read.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn from_reader(input: impl Read + Send + 'static) -> io::Result<Self> {
        let progress = Progress::default();
        let counted = Counted {
            input,
            progress: progress.clone(),
        };
        let mut raw = BufReader::with_capacity(LOOKED_AT, counted);
        let is_packed = raw.fill_buf()?.starts_with(GZIP);
        let unpacked: Box<dyn Read + Send> = if is_packed {
            Box::new(MultiGzDecoder::new(raw))
        } else {
            Box::new(raw)
        };
        Ok(Self {
            input: BufReader::with_capacity(LOOKED_AT, unpacked),
            size: None,
            progress,
        })
    }

    /// How it begins, without taking that away. A slow input may show less of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn beginning(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    /// How long it is, in bytes as they are stored, if that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// How much has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The unpacked bytes.
    #[must_use]
    pub fn into_input(self) -> impl BufRead + Send {
        self.input
    }
}

impl Progress {
    /// How many bytes as they are stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.progress.0.fetch_add(bytes, Ordering::Relaxed);
        Ok(read)
    }
}
