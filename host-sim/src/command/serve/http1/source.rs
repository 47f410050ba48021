//! Where bytes of a connection come from.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How many bytes a head may have. The simulation has a limit of its own, and Envoy's can be no higher than this.
const LONGEST_HEAD: usize = 8 * 1024 * 1024;

/// The reading half of a connection, and what has been read ahead.
#[derive(Debug)]
pub(super) struct Source<R> {
    from: R,
    pub(super) buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Source<R> {
    pub(super) fn new(from: R, buffer: Vec<u8>) -> Self {
        Self { from, buffer }
    }

    /// Reads more; says whether there was any.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.from.read_buf(&mut self.buffer).await? > 0)
    }

    /// The bytes up to the empty line behind a head, or as many as a head may have; `None` if the connection ends before there are any. Empty
    /// lines before it do not count.
    pub(super) async fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let blank = self.buffer.iter();
            let blank = blank.take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let blank = blank.count();
            self.buffer.drain(..blank);
            if let Some(end) = end_of_head(&self.buffer) {
                let rest = self.buffer.split_off(end);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Ok(Some(std::mem::take(&mut self.buffer)));
            }
            if !self.fill().await? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// The reading half, if nothing has been read ahead.
    pub(super) fn into_inner(self) -> Option<R> {
        self.buffer.is_empty().then_some(self.from)
    }
}

/// Behind the first empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (at, _) in lines {
        let next = at.saturating_add(1);
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next.saturating_add(1)),
            Some([b'\r', b'\n', ..]) => return Some(next.saturating_add(2)),
            _ => {}
        }
    }
    None
}
