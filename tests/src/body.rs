//! A message body in chunks, with trailers: what the client and the upstream of the tests send.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhow::Context as _;
use host_sim::target::octets;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::oneshot;

/// Chunks that are written one by one, and trailers after them.
#[derive(Debug)]
pub struct Chunks {
    data: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// Whether what was handed out so far has been written.
    flushed: bool,
    /// What lets the end go, if it is kept back.
    end: Option<oneshot::Receiver<()>>,
}

impl Chunks {
    /// A body of these chunks and trailers. Neither means no body at all.
    #[must_use]
    pub fn new(chunks: impl IntoIterator<Item = Bytes>, trailers: HeaderMap) -> Self {
        let trailers = (!trailers.is_empty()).then_some(trailers);
        Self {
            data: chunks
                .into_iter()
                .filter(|chunk| !chunk.is_empty())
                .collect(),
            trailers,
            flushed: true,
            end: None,
        }
    }

    /// The same without an end until this is sent, or its sender is gone.
    #[must_use]
    pub fn until(self, end: oneshot::Receiver<()>) -> Self {
        Self {
            end: Some(end),
            ..self
        }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        // The connection writes what it has whenever the body makes it wait, so that chunks stay apart.
        if !mem::replace(&mut self.flushed, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(data) = self.data.pop_front() {
            self.flushed = false;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(end) = &mut self.end {
            ready!(Pin::new(end).poll(context)).unwrap_or_default();
            self.end = None;
        }
        let trailers = self.trailers.take();
        self.flushed = false;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none() && self.end.is_none()
    }

    /// Known for a single chunk, which is then sent with `content-length`.
    fn size_hint(&self) -> SizeHint {
        if self.end.is_some() {
            return SizeHint::default();
        }
        match (self.data.len(), self.data.front(), &self.trailers) {
            (0, _, None) => SizeHint::with_exact(0),
            (1, Some(chunk), None) => {
                SizeHint::with_exact(u64::try_from(chunk.len()).unwrap_or(u64::MAX))
            }
            _ => SizeHint::default(),
        }
    }
}

/// Header fields in the order given, several values of a name kept apart.
///
/// # Errors
///
/// When a name or a value cannot be sent over HTTP.
pub fn header_map(fields: &[(String, String)]) -> anyhow::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let header = HeaderName::from_bytes(name.as_bytes())
            .with_context(|| format!("header name {name:?}"))?;
        map.append(
            header,
            HeaderValue::from_bytes(&octets::bytes(value))
                .with_context(|| format!("value of header {name}: {value:?}"))?,
        );
    }
    Ok(map)
}

/// The reverse of [`header_map`]. Bytes that are not UTF-8 are kept.
#[must_use]
pub fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), octets::text(value.as_bytes())))
        .collect()
}
