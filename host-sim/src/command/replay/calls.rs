//! The calls of all logs, in the order of time.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use host_sim::access_log::Entry;
use host_sim::forecast::Reordering;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::feed::{Feed, Reading};
use super::spool::Inputs;

/// The most calls that are held back to be put in order.
pub(super) const MOST_HELD_BACK: usize = 200_000;

/// Where they are read.
pub(super) struct Calls<'l> {
    pub(super) inputs: &'l Inputs,
    pub(super) reading: &'l Reading<'l>,
    /// By how much they may stand out of order.
    pub(super) window: Duration,
}

/// Takes calls. One that nobody needs any more goes back to where they come from.
pub(super) type Take<'t> = &'t mut dyn FnMut(Entry, &mut Feed) -> anyhow::Result<()>;

impl Calls<'_> {
    /// Hands all calls over, until somebody interrupts it, and gives what is known of the logs then.
    pub(super) fn hand_over(
        &self,
        interrupted: Arc<AtomicBool>,
        take: Take<'_>,
    ) -> anyhow::Result<(Feed, Reordering)> {
        let mut feed = Feed::open(self.inputs, self.reading, interrupted)?;
        let mut now = Timestamp::MIN;
        // One that comes too late is taken at the time of the call before.
        let mut take = |mut entry: Entry, feed: &mut Feed| {
            now = now.max(entry.started);
            entry.started = now;
            take(entry, feed)
        };
        let mut reordering = Reordering::new(self.window, MOST_HELD_BACK);
        while let Some(entry) = feed.next()? {
            reordering.put(entry);
            while let Some(entry) = reordering.pop() {
                take(entry, &mut feed)?;
            }
        }
        while !feed.is_interrupted()
            && let Some(entry) = reordering.pop_any()
        {
            take(entry, &mut feed)?;
        }
        Ok((feed, reordering))
    }
}

/// A bar for files, which have an end, and a count of bytes for anything else. It is shown on terminals only.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Nothing is shown before it is known how long the logs are.
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// So far the logs have been read.
    pub(super) fn show(&mut self, feed: &Feed) {
        let bar = self.0.get_or_insert_with(|| {
            let template = match feed.size() {
                Some(_) => "{bar:40} {percent} %  {bytes} of {total_bytes}  {eta} left",
                None => "{spinner} {bytes}  {elapsed}",
            };
            let bar = feed
                .size()
                .map_or_else(ProgressBar::no_length, ProgressBar::new);
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        bar.set_position(feed.position());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
