//! A line taken apart: its values, each in the slot for what its name stands for, and the entry that they make.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::entry::{Entry, Unread, WhyUnread};
use super::fields::{Fields, NOT_IN_LOG};
use super::part::{Part, Slot, Unit};
use super::{duration, time};

/// What a value says. Formats that know numbers tell them as such, which most of them stay.
#[derive(Clone, Debug)]
pub(super) enum Told<'l> {
    Text(Cow<'l, str>),
    Number(u64),
    Real(f64),
}

/// The values of a line.
#[derive(Debug, Default)]
pub(super) struct Values<'l> {
    start: Ranked<'l>,
    end: Ranked<'l>,
    date: Ranked<'l>,
    request: Ranked<'l>,
    method: Ranked<'l>,
    path: Ranked<'l>,
    query: Ranked<'l>,
    status: Ranked<'l>,
    duration: Ranked<'l>,
    unit: Option<Unit>,
    /// The pieces of the duration, as far as they have been put.
    pieces: Option<Duration>,
    wanted: Vec<Ranked<'l>>,
    /// Whether something in the line was no UTF-8 and has been replaced.
    replaced: bool,
}

#[derive(Clone, Debug, Default)]
struct Ranked<'l>(Option<(usize, Told<'l>)>);

impl Told<'_> {
    fn is_in_log(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty() && *text != NOT_IN_LOG,
            Self::Number(_) | Self::Real(_) => true,
        }
    }

    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Real(number) => Cow::Owned(number.to_string()),
        }
    }
}

impl<'l> Ranked<'l> {
    /// Whether a value is surer than what is there.
    fn yields_to(&self, rank: usize) -> bool {
        self.0.as_ref().is_none_or(|(other, _)| *other > rank)
    }

    fn told(&self) -> Option<&Told<'l>> {
        self.0.as_ref().map(|(_, told)| told)
    }

    fn get(&self) -> Option<Cow<'_, str>> {
        self.told().map(Told::text)
    }
}

impl<'l> Values<'l> {
    pub(super) fn new(fields: &Fields) -> Self {
        Self {
            wanted: vec![Ranked::default(); fields.wanted()],
            ..Self::default()
        }
    }

    /// Notes that something was no UTF-8, and that U+FFFD stands in its place.
    pub(super) fn note_replaced(&mut self, replaced: bool) {
        self.replaced |= replaced;
    }

    /// Notes a value under everything that its name stands for.
    pub(super) fn put(&mut self, slots: &[Slot], told: Told<'l>) {
        let Some((last, others)) = slots.split_last().filter(|_| told.is_in_log()) else {
            return;
        };
        for slot in others {
            self.put_in(*slot, told.clone());
        }
        self.put_in(*last, told);
    }

    fn put_in(&mut self, Slot { part, rank }: Slot, told: Told<'l>) {
        let place = match part {
            Part::Start | Part::Time => &mut self.start,
            Part::End => &mut self.end,
            Part::Date => &mut self.date,
            Part::Request => &mut self.request,
            Part::Method => &mut self.method,
            Part::Path => &mut self.path,
            Part::Query => &mut self.query,
            Part::Status => &mut self.status,
            Part::Duration(unit) => {
                if self.duration.yields_to(rank) {
                    self.unit = Some(unit);
                }
                &mut self.duration
            }
            Part::Piece(unit) => {
                if let Some(piece) = duration::read(&told, unit) {
                    let sum = self.pieces.unwrap_or_default().saturating_add(piece);
                    self.pieces = Some(sum);
                }
                return;
            }
            Part::Value(index) => match self.wanted.get_mut(index) {
                Some(place) => place,
                None => return,
            },
        };
        if place.yields_to(rank) {
            place.0 = Some((rank, told));
        }
    }

    /// The call that they tell of, written over one of these entries if there is any.
    pub(super) fn entry(self, fields: &Fields, spare: &mut Vec<Entry>) -> Result<Entry, WhyUnread> {
        let (request, method, path) = (self.request.get(), self.method.get(), self.path.get());
        let target = Target::read(request.as_deref(), method.as_deref(), path.as_deref())?;
        let status = self.status(fields)?;
        let (taken, doubt) = self.duration();
        let (started, duration) = self.times(fields, taken)?;
        let mut entry = spare.pop().unwrap_or_else(|| Entry {
            started,
            duration,
            method: String::new(),
            path: String::new(),
            status,
            values: Vec::new(),
            doubt: None,
        });
        (entry.started, entry.duration, entry.status) = (started, duration, status);
        entry.doubt = doubt.map(|why| Box::new(Unread::of_doubt(why)));
        target.method.clone_into(&mut entry.method);
        target.path.clone_into(&mut entry.path);
        if let Some(query) = self.query.get()
            && !entry.path.contains('?')
        {
            if !query.starts_with('?') {
                entry.path.push('?');
            }
            entry.path.push_str(&query);
        }
        entry.values.resize(self.wanted.len(), None);
        for (index, (place, Ranked(value))) in entry.values.iter_mut().zip(&self.wanted).enumerate()
        {
            let text = value.as_ref().map(|(_, told)| told.text());
            let text = match text {
                None => fields.derived(index, target.authority, target.path),
                text => text,
            };
            let text = text.as_deref().and_then(|text| fields.cut(index, text));
            match text {
                Some(text) => text.clone_into(place.get_or_insert_default()),
                None => *place = None,
            }
        }
        if self.replaced {
            let mut texts = entry.values.iter().flatten().chain([&entry.path]);
            if texts.any(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
                return Err(WhyUnread::NotText);
            }
        }
        Ok(entry)
    }

    fn status(&self, fields: &Fields) -> Result<u16, WhyUnread> {
        let Some(status) = self.status.told() else {
            return Ok(200);
        };
        let number = match status {
            // HAProxy's for a call that it answered nothing.
            Told::Text(text) if text == "-1" => Some(0),
            Told::Text(text) => text.parse().ok(),
            Told::Number(number) => u16::try_from(*number).ok(),
            Told::Real(_) => None,
        };
        let number = number.ok_or_else(|| WhyUnread::Invalid {
            what: "status",
            value: status.text().into_owned(),
            expected: "a number such as 200",
        })?;
        Ok(if fields.is_of_departed_client(number) {
            0
        } else {
            number
        })
    }

    /// How long the call took, if that is known, and why not if something is there that cannot be read.
    fn duration(&self) -> (Option<Duration>, Option<WhyUnread>) {
        let (Some(told), Some(unit)) = (self.duration.told(), self.unit) else {
            return (self.pieces, None);
        };
        match duration::read(told, unit) {
            Some(duration) => (Some(duration), None),
            None => {
                let doubt = WhyUnread::Invalid {
                    what: "duration",
                    value: told.text().into_owned(),
                    expected: "a number, or one with its unit such as 12ms",
                };
                (None, Some(doubt))
            }
        }
    }

    /// When the call came and how long it took: what a log does not say follows from its end.
    fn times(
        &self,
        fields: &Fields,
        taken: Option<Duration>,
    ) -> Result<(Timestamp, Option<Duration>), WhyUnread> {
        let (start, end) = (self.start.told(), self.end.told());
        let read = |told: &Told<'l>| {
            let dated = match (told, self.date.told()) {
                (Told::Text(time), Some(date)) if is_time_of_day(time) => {
                    Some(Told::Text(Cow::Owned(format!("{}T{time}", date.text()))))
                }
                _ => None,
            };
            let told = dated.as_ref().unwrap_or(told);
            time::read(told, fields.zone()).ok_or_else(|| WhyUnread::Invalid {
                what: "time",
                value: told.text().into_owned(),
                expected: "RFC 3339, day/Mon/year:hour:minute:second zone, or seconds since 1970",
            })
        };
        match (start, end) {
            (None, None) => Err(WhyUnread::Missing { what: "time" }),
            (Some(start), None) => Ok((read(start)?, taken)),
            (Some(start), Some(end)) => {
                let start = read(start)?;
                let until_end = || {
                    let taken = read(end).ok()?.duration_since(start);
                    Duration::try_from(taken).ok()
                };
                Ok((start, taken.or_else(until_end)))
            }
            (None, Some(end)) => {
                let end = read(end)?;
                let start = end.checked_sub(taken.unwrap_or_default());
                Ok((start.unwrap_or(end), taken))
            }
        }
    }
}

/// `12:00:00`, which says nothing without its day.
fn is_time_of_day(text: &str) -> bool {
    matches!(text.as_bytes(), [_, _, b':', ..] | [_, b':', ..])
}

/// What was called.
struct Target<'v> {
    method: &'v str,
    path: &'v str,
    authority: Option<&'v str>,
}

impl<'v> Target<'v> {
    /// The method and the path, of which one may stand in the request line alone.
    fn read(
        request: Option<&'v str>,
        method: Option<&'v str>,
        path: Option<&'v str>,
    ) -> Result<Self, WhyUnread> {
        // A whole request line may be called anything.
        let is_line = |path: &&str| path.contains(" HTTP/") && !path.starts_with('/');
        let request = request.or(path.filter(is_line));
        let path = path.filter(|path| !is_line(path));
        let mut of_request = request.unwrap_or_default().split(' ');
        let (first, second) = (of_request.next(), of_request.next());
        let method = method.or(first).filter(|method| !method.is_empty());
        let method = method.ok_or(WhyUnread::Missing { what: "method" })?;
        if !method
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
        {
            return Err(WhyUnread::Invalid {
                what: "method",
                value: method.to_owned(),
                expected: "one such as GET",
            });
        }
        let path = path.or(second);
        let path = path.ok_or(WhyUnread::Missing { what: "path" })?;
        let (authority, path) = apart(path);
        if !path.starts_with('/') && path != "*" {
            return Err(WhyUnread::Invalid {
                what: "path",
                value: path.to_owned(),
                expected: "one that begins with /",
            });
        }
        Ok(Self {
            method,
            path,
            authority,
        })
    }
}

/// A whole URL's authority, and its path and query.
fn apart(url: &str) -> (Option<&str>, &str) {
    if url.starts_with('/') {
        return (None, url);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return (None, url);
    };
    if !matches!(scheme, "http" | "https" | "ws" | "wss" | "h2") {
        return (None, url);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let path = if path.is_empty() { "/" } else { path };
    (Some(authority), path)
}
