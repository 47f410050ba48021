//! The body of an answer whose end may have to wait, or may never come.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::body::Chunks;

/// A body that is sent at once, and an end that may come later.
pub struct Reply {
    data: Chunks,
    end: Option<End>,
}

/// When the end is due, and what it is: trailers, of which there may be none, or an error, which cuts the body off by closing the
/// connection (HTTP/1) or resetting the stream (HTTP/2).
pub type End = Pin<Box<dyn Future<Output = io::Result<HeaderMap>> + Send>>;

impl Reply {
    /// A body that ends by itself.
    #[must_use]
    pub fn whole(data: Chunks) -> Self {
        Self { data, end: None }
    }

    /// A body that ends so, and whose length is therefore not stated.
    #[must_use]
    pub fn until(data: Chunks, end: End) -> Self {
        let end = Some(end);
        Self { data, end }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(frame) = ready!(Pin::new(&mut self.data).poll_frame(context)) {
            return Poll::Ready(Some(frame.map_err(|never| match never {})));
        }
        let Some(end) = &mut self.end else {
            return Poll::Ready(None);
        };
        let trailers = ready!(end.as_mut().poll(context));
        self.end = None;
        Poll::Ready(match trailers {
            Ok(trailers) if trailers.is_empty() => None,
            Ok(trailers) => Some(Ok(Frame::trailers(trailers))),
            Err(cut) => Some(Err(cut)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() && self.data.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            Some(_) => SizeHint::default(),
            None => self.data.size_hint(),
        }
    }
}
