//! A body on its way out, to a client or to the upstream: what the simulation puts in, a connection takes out when it can.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use h2::Reason;
use http::{HeaderMap, HeaderName};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How many bytes may wait for a connection until no more are read for it.
const ENOUGH: usize = 256 * 1024;

/// Where the simulation puts a body. Dropping it ends the body.
#[derive(Debug)]
pub(super) struct Outlet {
    pieces: UnboundedSender<io::Result<Frame<Bytes>>>,
    level: Arc<Level>,
}

/// The body, as a connection sees it.
#[derive(Debug)]
pub(super) struct OutletBody {
    pieces: UnboundedReceiver<io::Result<Frame<Bytes>>>,
    level: Arc<Level>,
}

/// How much waits in an outlet.
#[derive(Debug, Default)]
pub(super) struct Level {
    bytes: AtomicUsize,
    changes: Notify,
}

impl Level {
    /// Waits until more may be put in.
    pub(super) async fn low(&self) {
        loop {
            let changes = self.changes.notified();
            if self.bytes.load(Ordering::Acquire) < ENOUGH {
                return;
            }
            changes.await;
        }
    }

    fn take(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.changes.notify_waiters();
    }
}

/// A body and the place to put it.
pub(super) fn outlet() -> (Outlet, OutletBody) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let level = Arc::<Level>::default();
    let outlet = Outlet {
        pieces: sender,
        level: Arc::clone(&level),
    };
    (outlet, OutletBody { pieces, level })
}

impl Outlet {
    /// More of the body. Whoever does not want it any more gets nothing.
    pub(super) fn data(&self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        self.level.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
        let _ = self.pieces.send(Ok(Frame::data(Bytes::from(bytes))));
    }

    /// The trailers behind it.
    pub(super) fn trailers(&self, fields: &[(String, String)]) {
        let _ = self.pieces.send(Ok(Frame::trailers(header_map(fields))));
    }

    /// It breaks off, which resets the stream for this reason.
    pub(super) fn break_off(&self, reason: Reason) {
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason));
        let _ = self.pieces.send(Err(reset));
    }

    /// How much waits in it.
    pub(super) fn level(&self) -> Arc<Level> {
        Arc::clone(&self.level)
    }
}

impl Drop for OutletBody {
    fn drop(&mut self) {
        // Nobody waits for somebody who has gone away.
        self.level.bytes.store(0, Ordering::Release);
        self.level.changes.notify_waiters();
    }
}

impl Body for OutletBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.pieces.poll_recv(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            self.level.take(bytes.len());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_closed() && self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let waiting = u64::try_from(self.level.bytes.load(Ordering::Acquire)).unwrap_or(0);
        let mut hint = SizeHint::new();
        hint.set_lower(waiting);
        hint
    }
}

fn header_map(fields: &[(String, String)]) -> HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            Some((name, value.parse().ok()?))
        })
        .collect()
}
