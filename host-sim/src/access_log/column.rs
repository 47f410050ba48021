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

/// The values of a line, as text.
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
struct Ranked<'l>(Option<(usize, Cow<'l, str>)>);

impl<'l> Ranked<'l> {
    /// Takes a value unless a surer one is there.
    fn put(&mut self, rank: usize, value: Cow<'l, str>) -> bool {
        if self.0.as_ref().is_some_and(|(other, _)| *other <= rank) {
            return false;
        }
        self.0 = Some((rank, value));
        true
    }

    fn get(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, value)| value.as_ref())
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
    pub(super) fn put(&mut self, slots: &[Slot], value: Cow<'l, str>) {
        if value.is_empty() || value == NOT_IN_LOG {
            return;
        }
        for Slot { part, rank } in slots {
            let place = match part {
                Part::Time => &mut self.time,
                Part::Request => &mut self.request,
                Part::Method => &mut self.method,
                Part::Path => &mut self.path,
                Part::Status => &mut self.status,
                Part::Duration(unit) => {
                    if self.duration.put(*rank, value.clone()) {
                        self.unit = Some(*unit);
                    }
                    continue;
                }
                Part::Value(index) => match self.wanted.get_mut(*index) {
                    Some(place) => place,
                    None => continue,
                },
            };
            place.put(*rank, value.clone());
        }
    }

    /// The call that they tell of.
    pub(super) fn entry(self) -> Result<Entry, WhyUnread> {
        let (method, path) = self.target()?;
        let time = self.time.get().ok_or(WhyUnread::Missing { what: "time" })?;
        let started = time::read(time).ok_or_else(|| WhyUnread::Invalid {
            what: "time",
            value: time.to_owned(),
            expected: "RFC 3339, day/Mon/year:hour:minute:second zone, or seconds since 1970",
        })?;
        let status = self.status.get().map_or(Ok(200), |status| {
            status.parse().map_err(|_| WhyUnread::Invalid {
                what: "status",
                value: status.to_owned(),
                expected: "a number such as 200",
            })
        })?;
        Ok(Entry {
            started,
            duration: self.duration()?,
            method,
            path,
            status,
            values: self
                .wanted
                .into_iter()
                .map(|Ranked(value)| value.map(|(_, value)| value.into_owned()))
                .collect(),
        })
    }

    fn target(&self) -> Result<(String, String), WhyUnread> {
        let mut of_request = self.request.get().unwrap_or_default().split(' ');
        let (first, second) = (of_request.next(), of_request.next());
        let method = self
            .method
            .get()
            .or(first)
            .filter(|method| !method.is_empty());
        let path = self.path.get().or(second);
        let method = method.ok_or(WhyUnread::Missing { what: "method" })?;
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
        Ok((method.to_owned(), path.to_owned()))
    }

    fn duration(&self) -> Result<Duration, WhyUnread> {
        let (Some(text), Some(unit)) = (self.duration.get(), self.unit) else {
            return Ok(Duration::ZERO);
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
                value: text.to_owned(),
                expected: "a number",
            })
    }
}

/// A whole URL's path and query.
fn without_authority(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url;
    };
    if !matches!(scheme, "http" | "https") {
        return url;
    }
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
