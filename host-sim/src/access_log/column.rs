//! A line taken apart: its values, each in the slot for what its name stands for, and the entry that they make.

use std::borrow::Cow;
use std::time::Duration;

use super::entry::{Entry, WhyUnread};
use super::fields::{Fields, NOT_IN_LOG};
use super::time;

/// What a value tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Time,
    /// `GET /path HTTP/1.1`.
    Request,
    Method,
    Path,
    Status,
    Duration(Unit),
    /// The wanted value of this number.
    Value(usize),
}

/// What a duration is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

/// A part, and how sure a name stands for it: 0 is surest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) part: Part,
    pub(super) rank: usize,
}

/// What a value says. Formats that know numbers tell them as such, which most of them stay.
#[derive(Clone, Debug)]
pub(super) enum Told<'l> {
    Text(Cow<'l, str>),
    Number(u64),
}

/// The values of a line.
#[derive(Debug, Default)]
pub(super) struct Values<'l> {
    time: Ranked<'l>,
    request: Ranked<'l>,
    method: Ranked<'l>,
    path: Ranked<'l>,
    status: Ranked<'l>,
    duration: Ranked<'l>,
    unit: Option<Unit>,
    wanted: Vec<Ranked<'l>>,
}

#[derive(Clone, Debug, Default)]
struct Ranked<'l>(Option<(usize, Told<'l>)>);

impl Told<'_> {
    fn is_in_log(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty() && *text != NOT_IN_LOG,
            Self::Number(_) => true,
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
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
            Part::Time => &mut self.time,
            Part::Request => &mut self.request,
            Part::Method => &mut self.method,
            Part::Path => &mut self.path,
            Part::Status => &mut self.status,
            Part::Duration(unit) => {
                if self.duration.yields_to(rank) {
                    self.unit = Some(unit);
                }
                &mut self.duration
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
    pub(super) fn entry(self, spare: &mut Vec<Entry>) -> Result<Entry, WhyUnread> {
        let (request, method, path) = (self.request.get(), self.method.get(), self.path.get());
        let (method, path) = target(request.as_deref(), method.as_deref(), path.as_deref())?;
        let time = self.time.get().ok_or(WhyUnread::Missing { what: "time" })?;
        let started = time::read(&time).ok_or_else(|| WhyUnread::Invalid {
            what: "time",
            value: time.to_string(),
            expected: "RFC 3339, day/Mon/year:hour:minute:second zone, or seconds since 1970",
        })?;
        let status = self.status.told().map_or(Ok(200), |status| {
            let number = match status {
                Told::Text(text) => text.parse().ok(),
                Told::Number(number) => u16::try_from(*number).ok(),
            };
            number.ok_or_else(|| WhyUnread::Invalid {
                what: "status",
                value: status.text().into_owned(),
                expected: "a number such as 200",
            })
        })?;
        let duration = self.duration()?;
        let mut entry = spare.pop().unwrap_or_else(|| Entry {
            started,
            duration,
            method: String::new(),
            path: String::new(),
            status,
            values: Vec::new(),
        });
        (entry.started, entry.duration, entry.status) = (started, duration, status);
        method.clone_into(&mut entry.method);
        path.clone_into(&mut entry.path);
        entry.values.resize(self.wanted.len(), None);
        for (place, Ranked(value)) in entry.values.iter_mut().zip(&self.wanted) {
            match value {
                Some((_, told)) => told
                    .text()
                    .as_ref()
                    .clone_into(place.get_or_insert_default()),
                None => *place = None,
            }
        }
        Ok(entry)
    }

    fn duration(&self) -> Result<Duration, WhyUnread> {
        let (Some(told), Some(unit)) = (self.duration.told(), self.unit) else {
            return Ok(Duration::ZERO);
        };
        let text = match (told, unit) {
            (Told::Text(text), _) => text,
            (Told::Number(number), Unit::Seconds) => return Ok(Duration::from_secs(*number)),
            (Told::Number(number), Unit::Milliseconds) => {
                return Ok(Duration::from_millis(*number));
            }
            (Told::Number(number), Unit::Microseconds) => {
                return Ok(Duration::from_micros(*number));
            }
        };
        let seconds = text.parse::<f64>().ok().map(|number| match unit {
            Unit::Seconds => number,
            Unit::Milliseconds => number / 1e3,
            Unit::Microseconds => number / 1e6,
        });
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| WhyUnread::Invalid {
                what: "duration",
                value: text.to_string(),
                expected: "a number",
            })
    }
}

/// The method and the path, of which one may stand in the request line alone.
fn target<'v>(
    request: Option<&'v str>,
    method: Option<&'v str>,
    path: Option<&'v str>,
) -> Result<(&'v str, &'v str), WhyUnread> {
    let mut of_request = request.unwrap_or_default().split(' ');
    let (first, second) = (of_request.next(), of_request.next());
    let method = method.or(first).filter(|method| !method.is_empty());
    let method = method.ok_or(WhyUnread::Missing { what: "method" })?;
    let path = path.or(second);
    let path = path.ok_or(WhyUnread::Missing { what: "path" })?;
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
    let path = without_authority(path);
    if !path.starts_with('/') && path != "*" {
        return Err(WhyUnread::Invalid {
            what: "path",
            value: path.to_owned(),
            expected: "one that begins with /",
        });
    }
    Ok((method, path))
}

/// A whole URL's path and query.
fn without_authority(url: &str) -> &str {
    if url.starts_with('/') {
        return url;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return url;
    };
    if !matches!(scheme, "http" | "https") {
        return url;
    }
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
