//! Where a log comes from: a file or the standard input, packed with gzip, zstd or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// How much of a log is looked at to tell its format.
const LOOKED_AT: usize = 256 * 1024;

/// The first bytes of whatever gzip has packed (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of whatever zstd has packed (RFC 8878).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// An open log, unpacked.
pub struct Source {
    input: BufReader<Box<dyn Read + Send>>,
    /// What has been read of it to tell its format.
    beginning: Vec<u8>,
    packing: Option<&'static str>,
    is_file: bool,
    size: Option<u64>,
    progress: Progress,
    cut_off: CutOff,
}

/// How much of a source has been read, for whoever watches from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

/// Whether a packed log ended before its end. What was whole before that has been read.
#[derive(Clone, Debug, Default)]
pub struct CutOff(Arc<AtomicBool>);

struct Counted<R> {
    input: R,
    progress: Progress,
}

/// What a decoder gives, up to where it cannot go on.
struct Unpacked<R> {
    decoder: R,
    cut_off: CutOff,
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
            is_file: size.is_some(),
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
        let cut_off = CutOff::default();
        let counted = Counted {
            input,
            progress: progress.clone(),
        };
        let mut raw = BufReader::with_capacity(BUFFER, counted);
        let first = raw.fill_buf()?;
        let (is_gzip, is_zstd) = (first.starts_with(GZIP), first.starts_with(ZSTD));
        let unpacked: Box<dyn Read + Send> = if is_gzip {
            Box::new(Unpacked {
                decoder: MultiGzDecoder::new(raw),
                cut_off: cut_off.clone(),
            })
        } else if is_zstd {
            Box::new(Unpacked {
                decoder: zstd::stream::read::Decoder::with_buffer(raw)?,
                cut_off: cut_off.clone(),
            })
        } else {
            Box::new(raw)
        };
        Ok(Self {
            input: BufReader::with_capacity(BUFFER, unpacked),
            beginning: Vec::new(),
            packing: match (is_gzip, is_zstd) {
                (true, _) => Some("gzip"),
                (_, true) => Some("zstd"),
                _ => None,
            },
            is_file: false,
            size: None,
            progress,
            cut_off,
        })
    }

    /// How it begins, without taking that away: its first 256 KiB up to the end of a line. Where somebody is still writing it, less of it is
    /// enough if `is_enough` says so.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn beginning(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        let whole_lines = |bytes: &[u8]| {
            let last = bytes.iter().rposition(|byte| *byte == b'\n');
            last.map_or(bytes.len(), |at| at.saturating_add(1))
        };
        let mut ended = false;
        while !ended && self.beginning.len() < LOOKED_AT {
            let read = self.input.fill_buf()?;
            let length = read.len();
            ended = read.is_empty();
            self.beginning.extend_from_slice(read);
            self.input.consume(length);
            if !self.is_file && length < BUFFER {
                let lines = self.beginning.get(..whole_lines(&self.beginning));
                if is_enough(lines.unwrap_or_default()) {
                    break;
                }
            }
        }
        let end = if ended {
            self.beginning.len()
        } else {
            whole_lines(&self.beginning)
        };
        Ok(self.beginning.get(..end).unwrap_or_default())
    }

    /// What it is packed with.
    #[must_use]
    pub fn packing(&self) -> Option<&'static str> {
        self.packing
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

    /// Whether it ended before its end.
    #[must_use]
    pub fn cut_off(&self) -> CutOff {
        self.cut_off.clone()
    }

    /// The unpacked bytes.
    #[must_use]
    pub fn into_input(self) -> impl BufRead + Send {
        Cursor::new(self.beginning).chain(self.input)
    }
}

impl Progress {
    /// How many bytes as they are stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl CutOff {
    /// Whether that is so, as far as has been read.
    #[must_use]
    pub fn is_so(&self) -> bool {
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

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match self.decoder.read(buffer) {
            // A disk that cannot be read says so otherwise.
            Err(error)
                if matches!(
                    error.kind(),
                    InvalidData | InvalidInput | Other | UnexpectedEof
                ) && error.raw_os_error().is_none() =>
            {
                self.cut_off.0.store(true, Ordering::Relaxed);
                Ok(0)
            }
            outcome => outcome,
        }
    }
}
