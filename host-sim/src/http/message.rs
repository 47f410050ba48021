//! One HTTP message, request or response, on its way through the filter: what has arrived, what is held, what the plugin may
//! see, and what has passed.
//!
//! This mirrors the part of Envoy's filter manager that one filter can observe (`ActiveStreamFilterBase` in
//! `filter_manager.cc`): three states of iteration, one buffer, and the rule that continuing from a body callback also releases
//! held headers.

use std::collections::VecDeque;

use crate::abi::{DataStatus, HeadersStatus, TrailersStatus};
use crate::http::header_map::HeaderMap;

/// What a peer sends after the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Data { bytes: Vec<u8>, end: bool },
    Trailers(HeaderMap),
}

/// What the filter lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Headers { end: bool },
    Data { bytes: Vec<u8>, end: bool },
    Trailers,
}

/// A part of a message, each with its own callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Headers,
    Body,
    Trailers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Iteration {
    /// Parts pass as they come.
    Continue,
    /// Parts are shown to the filter, and held.
    StopSingle,
    /// Parts are held unseen.
    StopAll,
}

/// What of the body the plugin sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyView {
    Nothing,
    Chunk,
    Buffered,
}

/// The buffer limit is exceeded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) headers: HeaderMap,
    /// Trailers that have arrived or that the plugin added.
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether the plugin may edit the headers now (Envoy's pointer is set).
    pub(crate) headers_visible: bool,
    /// Whether the plugin may edit the trailers now.
    pub(crate) trailers_visible: bool,
    /// What the filter has let pass and nobody has taken yet.
    pub(crate) passed: VecDeque<Passed>,
    /// Bytes of the body that have arrived so far.
    pub(crate) received: usize,
    inbox: VecDeque<Frame>,
    headers_delivered: bool,
    headers_continued: bool,
    iteration: Iteration,
    chunk: Vec<u8>,
    chunk_end: bool,
    buffered: Option<Vec<u8>>,
    view: BodyView,
    /// Whether the end of the message has been seen.
    ended: bool,
    /// Whether the peer waits at the limit instead of failing.
    watermark: bool,
    limit: usize,
    closed: bool,
    /// Whether the plugin paused the headers and the body behind them is hidden, which nobody has asked about yet.
    hides_body: bool,
}

impl Message {
    pub(crate) fn new(
        headers: HeaderMap,
        frames: impl IntoIterator<Item = Frame>,
        limit: usize,
    ) -> Self {
        let inbox: VecDeque<_> = frames.into_iter().collect();
        Self {
            headers,
            trailers: None,
            headers_visible: false,
            trailers_visible: false,
            passed: VecDeque::new(),
            ended: inbox.is_empty(),
            received: 0,
            inbox,
            headers_delivered: false,
            headers_continued: false,
            iteration: Iteration::Continue,
            chunk: Vec::new(),
            chunk_end: false,
            buffered: None,
            view: BodyView::Nothing,
            watermark: false,
            limit,
            closed: false,
            hides_body: false,
        }
    }

    /// A message of which more comes later, at least its end.
    pub(crate) fn streaming(
        headers: HeaderMap,
        frames: impl IntoIterator<Item = Frame>,
        limit: usize,
    ) -> Self {
        Self {
            ended: false,
            ..Self::new(headers, frames, limit)
        }
    }

    /// More of it comes.
    pub(crate) fn arrive(&mut self, frame: Frame) {
        if !self.closed {
            self.inbox.push_back(frame);
        }
    }

    /// Whether all of it has come.
    pub(crate) fn is_complete(&self) -> bool {
        let is_last = |frame: &Frame| match frame {
            Frame::Data { end, .. } => *end,
            Frame::Trailers(_) => true,
        };
        self.ended || self.chunk_end || self.inbox.back().is_some_and(is_last)
    }

    /// Whether Envoy has taken in all of it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many bytes have come that the filter has not been shown or that it holds.
    pub(crate) fn backlog(&self) -> usize {
        let size = |frame: &Frame| match frame {
            Frame::Data { bytes, .. } => bytes.len(),
            Frame::Trailers(_) => 0,
        };
        let waiting: usize = self.inbox.iter().map(size).sum();
        waiting.saturating_add(self.buffered.as_ref().map_or(0, Vec::len))
    }

    /// No further part matters.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.inbox.clear();
        self.view = BodyView::Nothing;
    }

    /// Which part is held, if any, and with it everything behind it.
    pub(crate) fn held(&self) -> Option<Part> {
        match self.iteration {
            Iteration::Continue => None,
            _ if self.closed => None,
            _ if !self.headers_continued => Some(Part::Headers),
            _ if self.trailers.is_some() => Some(Part::Trailers),
            _ => Some(Part::Body),
        }
    }

    /// The next part that the plugin is to be shown. While everything is held, parts arrive unseen.
    pub(crate) fn next_part(&mut self) -> Result<Option<Part>, TooLarge> {
        if self.closed {
            return Ok(None);
        }
        if !self.headers_delivered {
            return Ok(Some(Part::Headers));
        }
        if self.iteration == Iteration::StopAll {
            return self.arrive_unseen().map(|()| None);
        }
        // The peer waits until what is held has passed.
        if self.watermark && self.over_limit() {
            return Ok(None);
        }
        Ok(match self.inbox.pop_front() {
            Some(Frame::Data { bytes, end }) => {
                self.received = self.received.saturating_add(bytes.len());
                (self.chunk, self.chunk_end) = (bytes, end);
                Some(Part::Body)
            }
            Some(Frame::Trailers(trailers)) => {
                self.trailers = Some(trailers);
                Some(Part::Trailers)
            }
            None => None,
        })
    }

    /// Buffers what comes while everything is held, up to the limit, behind which the peer waits.
    fn arrive_unseen(&mut self) -> Result<(), TooLarge> {
        while let Some(Frame::Data { .. }) = self.inbox.front() {
            if self.watermark && self.over_limit() {
                break;
            }
            let Some(Frame::Data { bytes, end }) = self.inbox.pop_front() else {
                break;
            };
            self.received = self.received.saturating_add(bytes.len());
            self.buffered.get_or_insert_default().extend(bytes);
            self.ended |= end;
            self.check_limit()?;
        }
        Ok(())
    }

    fn over_limit(&self) -> bool {
        self.buffered
            .as_ref()
            .is_some_and(|buffered| buffered.len() > self.limit)
    }

    fn check_limit(&self) -> Result<(), TooLarge> {
        if !self.watermark && self.over_limit() {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }

    /// The headers are about to be shown: how many there are, and whether they are all.
    pub(crate) fn begin_headers(&mut self) -> (u32, bool) {
        self.headers_delivered = true;
        self.headers_visible = true;
        (self.headers.len(), self.ended)
    }

    pub(crate) fn end_headers(&mut self, status: HeadersStatus) {
        match status {
            HeadersStatus::Continue => {
                self.headers_visible = false;
                self.pass_headers(self.ended);
            }
            HeadersStatus::StopIteration => self.iteration = Iteration::StopSingle,
            HeadersStatus::StopAllAndBuffer => {
                (self.iteration, self.watermark) = (Iteration::StopAll, false)
            }
            HeadersStatus::StopAllAndWatermark => {
                (self.iteration, self.watermark) = (Iteration::StopAll, true)
            }
        }
    }

    /// The plugin has paused the headers, and whatever it wants of the body is hidden until it resumes them.
    pub(crate) fn hide_body(&mut self) {
        self.hides_body = true;
    }

    /// Whether that is still so; says it once.
    pub(crate) fn take_hides_body(&mut self) -> bool {
        self.held() == Some(Part::Headers) && std::mem::take(&mut self.hides_body)
    }

    /// A piece of the body is about to be shown: how much body the plugin sees, and whether it is all. While the body is being
    /// buffered, the plugin sees the whole buffer.
    pub(crate) fn begin_body(&mut self) -> Result<(u32, bool), TooLarge> {
        self.ended |= self.chunk_end;
        if self.view == BodyView::Buffered {
            self.buffer_chunk();
            self.check_limit()?;
        } else {
            self.view = BodyView::Chunk;
        }
        let size = self.body().map_or(0, |body| body.len());
        Ok((u32::try_from(size).unwrap_or(u32::MAX), self.chunk_end))
    }

    fn buffer_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        self.buffered.get_or_insert_default().extend(chunk);
    }

    pub(crate) fn end_body(&mut self, status: DataStatus) -> Result<(), TooLarge> {
        self.view = BodyView::Nothing;
        match status {
            DataStatus::Continue if self.iteration == Iteration::Continue => {
                let end = self.chunk_end && self.trailers.is_none();
                self.passed.push_back(Passed::Data {
                    bytes: std::mem::take(&mut self.chunk),
                    end,
                });
                if self.chunk_end && self.trailers.is_some() {
                    self.passed.push_back(Passed::Trailers);
                }
            }
            DataStatus::Continue => {
                self.buffer_chunk();
                self.resume();
            }
            DataStatus::StopAndBuffer | DataStatus::StopAndWatermark => {
                self.iteration = Iteration::StopSingle;
                self.watermark = status == DataStatus::StopAndWatermark;
                self.buffer_chunk();
                if status == DataStatus::StopAndBuffer {
                    self.view = BodyView::Buffered;
                }
                self.check_limit()?;
            }
            DataStatus::StopNoBuffer => {
                self.iteration = Iteration::StopSingle;
                self.chunk.clear();
                if self.ended {
                    self.buffered.get_or_insert_default();
                }
            }
        }
        Ok(())
    }

    /// The trailers are about to be shown: how many there are.
    pub(crate) fn begin_trailers(&mut self) -> u32 {
        self.ended = true;
        self.trailers_visible = true;
        self.trailers.as_ref().map_or(0, HeaderMap::len)
    }

    pub(crate) fn end_trailers(&mut self, status: TrailersStatus) {
        match status {
            TrailersStatus::StopIteration => self.iteration = Iteration::StopSingle,
            TrailersStatus::Continue if self.iteration == Iteration::Continue => {
                self.trailers_visible = false;
                self.passed.push_back(Passed::Trailers);
            }
            TrailersStatus::Continue => {
                self.trailers_visible = false;
                self.resume();
            }
        }
    }

    /// Headers pass once: they may have been resumed from within their own callback.
    fn pass_headers(&mut self, end: bool) {
        if !self.headers_continued {
            self.headers_continued = true;
            self.passed.push_back(Passed::Headers { end });
        }
    }

    /// Lets pass what is held. From within a callback this comes before what the callback returns, as in Envoy: pausing after
    /// it holds what is still to come. What was held unseen is shown to the plugin first, as one piece.
    pub(crate) fn resume(&mut self) {
        if self.closed || !self.headers_delivered {
            return;
        }
        let unseen = self.iteration == Iteration::StopAll;
        let held = self.iteration != Iteration::Continue;
        self.iteration = Iteration::Continue;
        self.view = BodyView::Nothing;
        self.watermark = false;
        let trailers =
            self.trailers.is_some() || matches!(self.inbox.front(), Some(Frame::Trailers(_)));
        self.pass_headers(self.ended && self.buffered.is_none() && !trailers);
        let end = self.ended && !trailers;
        match self.buffered.take() {
            Some(bytes) if unseen => self.inbox.push_front(Frame::Data { bytes, end }),
            Some(bytes) => self.passed.push_back(Passed::Data { bytes, end }),
            None => {}
        }
        if self.trailers.is_some() && held {
            self.passed.push_back(Passed::Trailers);
        }
    }

    /// The body that the plugin sees now.
    pub(crate) fn body(&self) -> Option<&Vec<u8>> {
        match self.view {
            BodyView::Nothing => None,
            BodyView::Chunk => Some(&self.chunk),
            BodyView::Buffered => self.buffered.as_ref(),
        }
    }

    /// The body that the plugin may edit now.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self.view {
            BodyView::Nothing => None,
            BodyView::Chunk => Some(&mut self.chunk),
            BodyView::Buffered => self.buffered.as_mut(),
        }
    }

    /// The trailers that the plugin may edit now. In the callback for the end of the body Envoy makes them on demand.
    pub(crate) fn trailers_mut(&mut self) -> Option<&mut HeaderMap> {
        if self.trailers.is_none() && self.view != BodyView::Nothing && self.ended {
            self.trailers = Some(HeaderMap::default());
            self.trailers_visible = true;
        }
        if self.trailers_visible {
            self.trailers.as_mut()
        } else {
            None
        }
    }

    /// Envoy forgets its pointers.
    pub(crate) fn hide(&mut self) {
        self.headers_visible = false;
        self.trailers_visible = false;
        self.view = BodyView::Nothing;
    }
}
