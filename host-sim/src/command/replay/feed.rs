//! The calls of several logs as one: each log is read and parsed on a thread of its own, and whichever has the earliest call goes
//! first.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use host_sim::access_log::{
    CutOff, Entry, Fields, Format, Progress, Reader, Survey, Taken, Unread,
};
use host_sim::forecast::Strays;
use jiff::SignedDuration;

use super::names::{self, Wanted};
use super::spool::Inputs;

/// Lines that go from a reading thread to the replay at once.
const BATCH: usize = 512;

/// How many batches may lie ready.
const READY: usize = 4;

/// How long a log that nobody writes to keeps Ctrl-C from being noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// The most unread lines that are kept of a file.
const MOST_UNREAD: usize = 10;

type Batch = Result<Vec<Result<Entry, Unread>>, io::Error>;

/// All logs.
pub(super) struct Feed {
    streams: Vec<Stream>,
    /// Calls that are over, for the readers to write the next ones over.
    spare: Vec<Entry>,
    /// Whether there shall be no next call any more.
    interrupted: Arc<AtomicBool>,
}

/// How logs are read.
pub(super) struct Reading<'r> {
    /// Their format, if it is said.
    pub(super) format: Option<Format>,
    /// The names that are given.
    pub(super) fields: Fields,
    /// What is looked for among their names.
    pub(super) wanted: &'r Wanted,
    /// The least leap in time that is taken for an error.
    pub(super) leap: SignedDuration,
}

/// One log.
pub(super) struct Stream {
    pub(super) name: String,
    /// Its format, and what its lines are wrapped in.
    pub(super) format: String,
    /// What it is packed with.
    pub(super) packing: Option<&'static str>,
    /// What of it is taken for what.
    pub(super) taken: Vec<Taken>,
    /// Whether it ended before its end.
    pub(super) cut_off: CutOff,
    /// Calls of which something could not be read, and the first of them.
    pub(super) doubtful: u64,
    pub(super) first_doubtful: Vec<Unread>,
    /// How many lines were no calls.
    pub(super) unread: u64,
    /// The first of them.
    pub(super) first_unread: Vec<Unread>,
    /// The names of its values.
    pub(super) names: Vec<String>,
    /// Lines of a time that cannot be.
    pub(super) strays: Strays,
    size: Option<u64>,
    progress: Progress,
    batches: Receiver<Batch>,
    /// Where calls go that are over.
    over: Sender<Vec<Entry>>,
    ready: std::vec::IntoIter<Result<Entry, Unread>>,
    next: Option<Entry>,
    ended: bool,
}

impl Feed {
    /// Opens all logs.
    pub(super) fn open(
        inputs: &Inputs,
        reading: &Reading<'_>,
        interrupted: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let logs = inputs.logs().iter();
        let streams = logs.map(|log| Stream::open(log, inputs, reading));
        Ok(Self {
            streams: streams.collect::<Result<_, _>>()?,
            spare: Vec::new(),
            interrupted,
        })
    }

    /// The next call; `None` at the end, and as soon as somebody has interrupted it.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Entry>> {
        for stream in &mut self.streams {
            stream.fill(&mut self.spare, &self.interrupted)?;
        }
        if self.is_interrupted() {
            return Ok(None);
        }
        let first = self
            .streams
            .iter_mut()
            .filter(|stream| stream.next.is_some())
            .min_by_key(|stream| stream.next.as_ref().map(|entry| entry.started));
        Ok(first.and_then(|stream| stream.next.take()))
    }

    /// Where calls go that nobody needs any more.
    pub(super) fn spare(&mut self) -> &mut Vec<Entry> {
        &mut self.spare
    }

    /// Whether it ended before its end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// How long all of them are, in bytes as they are stored, if that is known.
    pub(super) fn size(&self) -> Option<u64> {
        self.streams.iter().map(|stream| stream.size).sum()
    }

    /// How much of that has been read.
    pub(super) fn position(&self) -> u64 {
        let read = self.streams.iter().map(|stream| stream.progress.bytes());
        read.fold(0, u64::saturating_add)
    }

    pub(super) fn into_streams(self) -> Vec<Stream> {
        self.streams
    }
}

impl Stream {
    fn open(path: &Path, inputs: &Inputs, reading: &Reading<'_>) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let mut source = inputs.open(path).with_context(|| name.clone())?;
        let packing = source.packing();
        let detect = |beginning: &[u8]| match &reading.format {
            Some(format) => Some(format.clone().found_in(beginning, &reading.fields)),
            None => Format::detect(beginning, &reading.fields),
        };
        let beginning = source.beginning(|beginning| detect(beginning).is_some());
        let beginning = beginning.with_context(|| name.clone())?;
        let format = detect(beginning).ok_or_else(|| unknown_format(&name, beginning))?;
        let fields = reading.fields.clone();
        let survey = Survey::of(beginning, &format, &fields);
        let fields = names::find(reading.wanted, &survey, &format, fields, &name)?;
        let (size, progress, cut_off) = (source.size(), source.progress(), source.cut_off());
        let (sender, batches) = sync_channel(READY);
        let (over, taken_back) = channel();
        let mut reader =
            Reader::new(source.into_input(), &format, &fields).with_cut_off(cut_off.clone());
        thread::spawn(move || {
            loop {
                reader.take_back(taken_back.try_iter().flatten());
                let mut batch = Vec::with_capacity(BATCH);
                while batch.len() < BATCH {
                    match reader.next_line() {
                        Ok(Some(line)) => batch.push(line),
                        Ok(None) => {
                            // Nobody listens any more if this fails, nor below.
                            let _ = sender.send(Ok(batch));
                            return;
                        }
                        Err(error) => {
                            let _ = sender
                                .send(Ok(batch))
                                .and_then(|()| sender.send(Err(error)));
                            return;
                        }
                    }
                }
                if sender.send(Ok(batch)).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name,
            format: format.to_string(),
            packing,
            taken: survey.taken(&format, &fields),
            cut_off,
            doubtful: 0,
            first_doubtful: Vec::new(),
            unread: 0,
            first_unread: Vec::new(),
            names: survey.names().map(str::to_owned).collect(),
            strays: Strays::new(reading.leap),
            size,
            progress,
            batches,
            over,
            ready: Vec::new().into_iter(),
            next: None,
            ended: false,
        })
    }

    /// Has its next call ready, unless there is none or nobody wants one.
    fn fill(&mut self, spare: &mut Vec<Entry>, interrupted: &AtomicBool) -> anyhow::Result<()> {
        while self.next.is_none() && !self.ended && !interrupted.load(Ordering::Relaxed) {
            self.next = self.strays.pop();
            if self.next.is_some() {
                return Ok(());
            }
            match self.ready.next() {
                Some(Ok(mut entry)) => {
                    if let Some(doubt) = entry.doubt.take() {
                        self.doubtful = self.doubtful.saturating_add(1);
                        if self.first_doubtful.len() < MOST_UNREAD {
                            self.first_doubtful.push(*doubt);
                        }
                    }
                    self.strays.put(entry);
                }
                Some(Err(unread)) => {
                    self.unread = self.unread.saturating_add(1);
                    if self.first_unread.len() < MOST_UNREAD {
                        self.first_unread.push(unread);
                    }
                }
                None => match self.batches.recv_timeout(GLANCE) {
                    Ok(batch) => {
                        self.ready = batch.with_context(|| self.name.clone())?.into_iter();
                        // Its reader needs as many again, unless it has read all.
                        let _ = self.over.send(std::mem::take(spare));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        self.strays.finish();
                        self.next = self.strays.pop();
                        self.ended = self.next.is_none();
                    }
                },
            }
        }
        Ok(())
    }
}

fn unknown_format(name: &str, beginning: &[u8]) -> anyhow::Error {
    let first = beginning.split(|byte| *byte == b'\n').next();
    let first = String::from_utf8_lossy(first.unwrap_or_default().trim_ascii_end());
    let shown: String = first.chars().take(120).collect();
    if beginning.is_empty() {
        return anyhow!("{name}: the log is empty");
    }
    anyhow!(
        "{name}: the format cannot be told by the beginning {shown:?}: no line of it is of any known format, nor a heading with the names \
         of columns; say which one it is with --format (one of {}), or describe a line, as in \
         --format '<remote> <user> [<time>] \"<request>\" <status> <duration>'",
        Format::names().collect::<Vec<_>>().join(", ")
    )
}
