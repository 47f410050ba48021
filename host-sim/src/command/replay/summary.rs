//! Everything that a replay tells, for the table, the page and the JSON document alike.

use host_sim::access_log::{Entry, Taken, Unread};
use host_sim::forecast::{Change, Forecast, Reordering};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::feed::Feed;
use super::number::Zone;
use super::warning::warnings;

/// What is told.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ReplayReport {
    /// What is to be known before any number is believed.
    pub(super) warnings: Vec<String>,
    pub(super) log: LogSummary,
    /// One for each configuration.
    pub(super) forecasts: Vec<Forecast>,
    /// What the second one changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changes: Option<Vec<Change>>,
}

/// What there was in the log.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub(super) struct LogSummary {
    /// Calls.
    pub(super) calls: u64,
    /// When the first one came.
    #[schemars(with = "Option<String>")]
    pub(super) first: Option<Timestamp>,
    /// When the last one came.
    #[schemars(with = "Option<String>")]
    pub(super) last: Option<Timestamp>,
    /// Lines that could not be read.
    pub(super) unread: u64,
    /// Calls that stood behind one that had come later, and were put in order.
    pub(super) out_of_order: u64,
    /// Calls that stood too far behind for that, and were taken later than they had come.
    pub(super) late: u64,
    /// Lines that were set aside, because their time cannot be.
    pub(super) astray: u64,
    /// The time of the first of them.
    #[schemars(with = "Option<String>")]
    pub(super) first_astray: Option<Timestamp>,
    /// The window in seconds that would do, when so many calls stood out of order that the numbers are wrong.
    pub(super) window_needed: Option<i64>,
    /// Whether it was interrupted before its end.
    pub(super) interrupted: bool,
    /// Whether no call took any time, so that nothing can be said of calls at the same time.
    pub(super) without_durations: bool,
    /// Calls of which it is not known how long they took.
    pub(super) calls_without_duration: u64,
    pub(super) files: Vec<File>,
    /// The zone in which people are told times: that of the configuration.
    #[schemars(with = "String")]
    pub(super) zone: Zone,
}

/// A file.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct File {
    pub(super) name: String,
    /// Its format, and what its lines are wrapped in.
    pub(super) format: String,
    /// What it is packed with.
    pub(super) packing: Option<&'static str>,
    /// What of it is taken for what.
    pub(super) taken: Vec<TakenFor>,
    /// Whether it ended before its end: what was whole is forecast.
    pub(super) cut_off: bool,
    /// Calls of which something could not be read.
    pub(super) doubtful: u64,
    /// The first of them.
    pub(super) first_doubtful: Vec<UnreadLine>,
    /// Lines that tell of no call.
    pub(super) unread: u64,
    /// The first of them.
    pub(super) first_unread: Vec<UnreadLine>,
    #[serde(skip)]
    names: Vec<String>,
}

/// What is taken for a part of a call.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct TakenFor {
    /// The part, as `--field` names it.
    pub(super) field: String,
    /// The names in the log.
    pub(super) names: Vec<String>,
    /// What is assumed of it.
    pub(super) meaning: String,
    /// Whether that is only likely.
    pub(super) guessed: bool,
    /// Whether these are times without parts of a second.
    pub(super) to_the_second: bool,
}

/// A line that could not be read.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct UnreadLine {
    pub(super) line: u64,
    pub(super) why: String,
    pub(super) text: String,
}

impl File {
    /// Its format, what its lines are wrapped in, and what it is packed with.
    pub(super) fn whole_format(&self) -> String {
        match self.packing {
            Some(packing) => format!("{}, {packing}", self.format),
            None => self.format.clone(),
        }
    }
}

impl UnreadLine {
    fn new(unread: &Unread) -> Self {
        Self {
            line: unread.line,
            why: unread.why.to_string(),
            text: unread.text.clone(),
        }
    }
}

impl TakenFor {
    fn new(taken: Taken) -> Self {
        Self {
            guessed: taken.is_guessed(),
            to_the_second: taken.is_to_the_second(),
            field: taken.part,
            names: taken.names,
            meaning: taken.meaning,
        }
    }
}

impl LogSummary {
    /// Counts a call, in the order of time.
    pub(super) fn count(&mut self, entry: &Entry) {
        if self.calls == 0 {
            self.without_durations = true;
        }
        self.without_durations &= entry.duration.is_none_or(|duration| duration.is_zero());
        let unknown = u64::from(entry.duration.is_none());
        self.calls_without_duration = self.calls_without_duration.saturating_add(unknown);
        self.calls = self.calls.saturating_add(1);
        self.first = Some(
            self.first
                .map_or(entry.started, |first| first.min(entry.started)),
        );
        self.last = Some(
            self.last
                .map_or(entry.started, |last| last.max(entry.started)),
        );
    }

    /// The log has ended.
    pub(super) fn finish(&mut self, feed: Feed, reordering: &Reordering) {
        self.out_of_order = reordering.reordered().saturating_sub(reordering.late());
        self.late = reordering.late();
        self.interrupted = feed.is_interrupted();
        let mut behind = reordering.behind();
        for stream in feed.into_streams() {
            self.astray = self.astray.saturating_add(stream.strays.found());
            self.first_astray = self.first_astray.or(stream.strays.first());
            if is_many(stream.strays.found(), self.calls) {
                behind = behind.max(stream.strays.behind());
            }
            self.unread = self.unread.saturating_add(stream.unread);
            let shown = |unread: &[Unread]| unread.iter().map(UnreadLine::new).collect();
            self.files.push(File {
                first_unread: shown(&stream.first_unread),
                first_doubtful: shown(&stream.first_doubtful),
                doubtful: stream.doubtful,
                taken: stream.taken.into_iter().map(TakenFor::new).collect(),
                cut_off: stream.cut_off.is_so(),
                format: stream.format,
                packing: stream.packing,
                unread: stream.unread,
                name: stream.name,
                names: stream.names,
            });
        }
        let misplaced = self.late.saturating_add(self.astray);
        self.window_needed =
            is_many(misplaced, self.calls).then(|| behind.as_secs().saturating_add(1));
    }

    /// How long it is from the first call to the last one.
    pub(super) fn covered(&self) -> Option<SignedDuration> {
        Some(self.last?.duration_since(self.first?))
    }

    /// The names of the values in all files, each once.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.files.iter().flat_map(|file| &file.names) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// The first line that could not be read, as the end of a message.
    pub(super) fn first_unread(&self) -> String {
        let file = self.files.iter().find(|file| !file.first_unread.is_empty());
        let first = file.and_then(|file| Some((&file.name, file.first_unread.first()?)));
        first.map_or_else(String::new, |(name, unread)| {
            format!(": {name}:{}: {}", unread.line, unread.why)
        })
    }
}

/// Whether so many calls of all are in the wrong place that no number is to be believed: more than 1 %.
fn is_many(misplaced: u64, calls: u64) -> bool {
    misplaced.saturating_mul(100) > calls
}

impl ReplayReport {
    pub(super) fn new(log: LogSummary, forecasts: Vec<Forecast>) -> Self {
        let changes = match forecasts.as_slice() {
            [one, two, ..] => Some(one.changes(two)),
            _ => None,
        };
        let mut document = Self {
            warnings: Vec::new(),
            log,
            forecasts,
            changes,
        };
        document.warnings = warnings(&document);
        document
    }
}
