//! Which name in a log stands for what.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use regex::Regex;

use super::formats;
use super::known::Known;
use super::part::{Kind, Part, Slot, Unit};

/// Which names of a log stand for what: those of its format and the customary ones, unless others are [mapped](Self::mapped), and the
/// values that are wanted beside time, method, path, status and duration.
#[derive(Clone, Debug)]
pub struct Fields {
    wanted: Vec<String>,
    mapped: Vec<(String, String)>,
    cuts: Vec<(String, Regex)>,
    zone: Option<TimeZone>,
    times_are: Option<TimesAre>,
    /// The format whose names they are.
    known: &'static Known,
}

/// What the times of a log are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimesAre {
    /// When calls came.
    Starts,
    /// When they were over.
    Ends,
}

/// Customary names of the parts of a call where the format has none of its own, the surest first.
const CUSTOMARY: &[(&str, Part)] = &[
    ("start_time", Part::Start),
    ("time", Part::Time),
    ("timestamp", Part::Time),
    ("@timestamp", Part::Time),
    ("ts", Part::Time),
    ("date", Part::Time),
    ("datetime", Part::Time),
    ("end_time", Part::End),
    ("request", Part::Request),
    ("request_line", Part::Request),
    ("method", Part::Method),
    ("request_method", Part::Method),
    ("http_method", Part::Method),
    ("http.method", Part::Method),
    ("http.request.method", Part::Method),
    ("verb", Part::Method),
    (":method", Part::Method),
    ("x_envoy_original_path", Part::Path),
    ("path", Part::Path),
    ("request_path", Part::Path),
    ("request_uri", Part::Path),
    ("uri", Part::Path),
    ("url", Part::Path),
    ("original_path", Part::Path),
    (":path", Part::Path),
    ("url.original", Part::Path),
    ("url.path", Part::Path),
    ("query", Part::Query),
    ("query_string", Part::Query),
    ("args", Part::Query),
    ("url.query", Part::Query),
    ("response_code", Part::Status),
    ("status", Part::Status),
    ("status_code", Part::Status),
    ("code", Part::Status),
    ("http_status", Part::Status),
    ("http.response.status_code", Part::Status),
    ("duration", Part::Duration(Unit::Milliseconds)),
    ("duration_ms", Part::Duration(Unit::Milliseconds)),
    ("total_duration", Part::Duration(Unit::Milliseconds)),
    ("latency_ms", Part::Duration(Unit::Milliseconds)),
    ("elapsed_ms", Part::Duration(Unit::Milliseconds)),
    ("duration_s", Part::Duration(Unit::Seconds)),
    ("duration_seconds", Part::Duration(Unit::Seconds)),
    ("latency_s", Part::Duration(Unit::Seconds)),
    ("duration_us", Part::Duration(Unit::Microseconds)),
    ("latency_us", Part::Duration(Unit::Microseconds)),
    ("duration_ns", Part::Duration(Unit::Nanoseconds)),
    ("event.duration", Part::Duration(Unit::Nanoseconds)),
];

/// Customary names of other values, the surest first.
const CUSTOMARY_VALUES: &[(&str, &[&str])] = &[
    (
        "organization",
        &[
            "organization",
            "organization_id",
            "org_id",
            "orgId",
            "org",
            "tenant",
            "tenant_id",
            "account",
            "user",
        ],
    ),
    (
        "authority",
        &[
            "authority",
            "host",
            "http_host",
            ":authority",
            "domain",
            "request.host",
            "RequestHost",
            "ClientRequestHost",
            "x-host-header",
            "cs(Host)",
            "cs-host",
            "vhost",
        ],
    ),
    (
        "user_agent",
        &["user_agent", "agent", "http_user_agent", "user-agent"],
    ),
    ("body", &["body", "request_body"]),
];

/// What a value is when it is not in the log at all.
pub const NOT_IN_LOG: &str = "-";

impl Fields {
    /// The fields that can always be mapped.
    pub const USUAL: &'static str = "time, start_time, end_time, method, path, query, request, status, duration, duration_s, duration_ms, \
        duration_us, duration_ns";

    /// The customary names; `wanted` are the values that each [`Entry`](super::Entry) has beside the usual ones: `organization`,
    /// `authority`, `user_agent`, `body`, or any name of the log's own.
    #[must_use]
    pub fn new(wanted: &[impl AsRef<str>]) -> Self {
        Self {
            wanted: wanted.iter().map(|name| name.as_ref().to_owned()).collect(),
            mapped: Vec::new(),
            cuts: Vec::new(),
            zone: None,
            times_are: None,
            known: &formats::JSON,
        }
    }

    /// From now on `field` is told by this name of the log alone, and so are all others of its kind: a name for `duration_s` replaces the
    /// customary ones for any duration. Fields are `time`, `start_time` and `end_time`, `method`, `path`, `query`, `request` (method, path
    /// and version in one), `status`, `duration` (milliseconds), `duration_s`, `duration_ms`, `duration_us`, `duration_ns`, and the wanted
    /// ones, for which `path` and `authority` stand for the call's.
    #[must_use]
    pub fn mapped(mut self, field: &str, name: &str) -> Self {
        self.mapped.push((field.to_owned(), name.to_owned()));
        self
    }

    /// Of a wanted value only what this pattern finds in it, its first group if it has one; a value in which it finds nothing is none.
    #[must_use]
    pub fn cut_out(mut self, field: &str, pattern: Regex) -> Self {
        self.cuts.push((field.to_owned(), pattern));
        self
    }

    /// The zone of times that do not say theirs; UTC if none is given.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// What the log's times are, whatever its format says.
    #[must_use]
    pub fn with_times(mut self, times_are: TimesAre) -> Self {
        self.times_are = Some(times_are);
        self
    }

    /// Whether this is a field that can be mapped.
    #[must_use]
    pub fn knows(&self, field: &str) -> bool {
        Part::of_field(field).is_some()
            || CUSTOMARY_VALUES.iter().any(|(known, _)| *known == field)
            || self.wanted.iter().any(|wanted| wanted == field)
    }

    /// Whether this field is mapped.
    #[must_use]
    pub fn maps(&self, field: &str) -> bool {
        self.mapped.iter().any(|(mapped, _)| mapped == field)
    }

    /// The names of the wanted values.
    #[must_use]
    pub fn wanted_names(&self) -> &[String] {
        &self.wanted
    }

    /// The same for a format.
    pub(super) fn of(&self, known: &'static Known) -> Self {
        Self {
            known,
            ..self.clone()
        }
    }

    /// What a name of the log stands for; lower ranks are surer.
    pub(super) fn slots(&self, name: &str) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.parts(name).collect();
        for (index, field) in self.wanted.iter().enumerate() {
            if let Some(rank) = self.rank(field, name) {
                slots.push(Slot {
                    part: Part::Value(index),
                    rank,
                });
            }
        }
        slots
    }

    /// The parts of a call that a name stands for: one that is mapped, or of the format, or else customary.
    fn parts(&self, name: &str) -> impl Iterator<Item = Slot> {
        let mapped = || {
            self.mapped
                .iter()
                .filter_map(|(field, name)| Some((name.as_str(), Part::of_field(field)?)))
        };
        let known = || self.known.names.iter().copied();
        let customary = || CUSTOMARY.iter().copied();
        let is_mapped = move |kind: Kind| mapped().any(|(_, part)| part.kind() == kind);
        let is_known = move |kind: Kind| known().any(|(_, part)| part.kind() == kind);
        let all = mapped()
            .chain(known().filter(move |(_, part)| !is_mapped(part.kind())))
            .chain(
                customary()
                    .filter(move |(_, part)| !is_mapped(part.kind()) && !is_known(part.kind())),
            );
        let slots: Vec<_> = all
            .enumerate()
            .filter(|(_, (other, _))| *other == name)
            .map(|(rank, (_, part))| Slot {
                part: self.said(part),
                rank,
            })
            .collect();
        slots.into_iter()
    }

    /// A time is what the log is said to have.
    fn said(&self, part: Part) -> Part {
        match (part, self.times_are) {
            (Part::Start | Part::End | Part::Time, Some(TimesAre::Starts)) => Part::Start,
            (Part::Start | Part::End | Part::Time, Some(TimesAre::Ends)) => Part::End,
            (Part::Time, None) => self.known.time_is().unwrap_or(Part::Time),
            (part, _) => part,
        }
    }

    fn rank(&self, field: &str, name: &str) -> Option<usize> {
        let mut mapped = self.mapped.iter().filter(|(of, _)| of == field).peekable();
        if mapped.peek().is_some() {
            return mapped.position(|(_, mapped)| {
                mapped == name || (is_authority(mapped) && customary("authority", name).is_some())
            });
        }
        if CUSTOMARY_VALUES.iter().any(|(known, _)| *known == field) {
            return customary(field, name);
        }
        (field == name).then_some(0)
    }

    /// How many values are wanted.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    pub(super) fn zone(&self) -> &TimeZone {
        const UTC: &TimeZone = &TimeZone::UTC;
        self.zone.as_ref().unwrap_or(UTC)
    }

    pub(super) fn zone_is_said(&self) -> bool {
        self.zone.is_some()
    }

    /// Whether neither the format nor the name nor anybody says what a duration of this name is counted in.
    pub(super) fn guesses_unit_of(&self, name: &str) -> bool {
        let is_of = |part: Part| part.kind() == Kind::Duration;
        let mapped = |(field, _): &(String, String)| Part::of_field(field).is_some_and(is_of);
        let is_said =
            self.mapped.iter().any(mapped) || self.known.names.iter().any(|(_, part)| is_of(*part));
        !is_said
            && !["_ms", "_s", "_us", "_ns", "seconds"]
                .iter()
                .any(|unit| name.ends_with(unit))
            && name != "event.duration"
    }

    /// Whether a status stands for a client that went away.
    pub(super) fn is_of_departed_client(&self, status: u16) -> bool {
        self.known.departed.contains(&status)
    }

    /// A wanted value that no name of the log gives, but what was called.
    pub(super) fn derived<'v>(
        &self,
        index: usize,
        authority: Option<&'v str>,
        path: &'v str,
    ) -> Option<Cow<'v, str>> {
        let field = self.wanted.get(index)?;
        let derived = |name: &str| match name {
            "path" => Some(path),
            name if is_authority(name) => authority,
            _ => None,
        };
        let mut mapped = self.mapped.iter().filter(|(of, _)| of == field).peekable();
        let found = if mapped.peek().is_some() {
            mapped.find_map(|(_, name)| derived(name))
        } else {
            derived(field)
        };
        found.map(Cow::Borrowed)
    }

    /// What a wanted value is taken from that no name of the log gives, if it is mapped to that.
    pub(super) fn derived_from(&self, field: &str) -> Option<&str> {
        let mut mapped = self.mapped.iter().filter(|(of, _)| of == field);
        let is_derived = |name: &str| name == "path" || is_authority(name);
        let found = mapped.find(|(_, name)| is_derived(name));
        found.map(|(_, name)| name.as_str())
    }

    /// The pattern that is looked for in a wanted value.
    pub(super) fn cut_of(&self, field: &str) -> Option<&str> {
        let cut = self.cuts.iter().find(|(of, _)| of == field);
        cut.map(|(_, pattern)| pattern.as_str())
    }

    /// What is wanted of a wanted value.
    pub(super) fn cut<'v>(&self, index: usize, value: &'v str) -> Option<&'v str> {
        if self.cuts.is_empty() {
            return Some(value);
        }
        let field = self.wanted.get(index)?;
        let Some((_, pattern)) = self.cuts.iter().find(|(of, _)| of == field) else {
            return Some(value);
        };
        let found = pattern.captures(value)?;
        let part = found.get(1).or_else(|| found.get(0))?;
        Some(part.as_str()).filter(|part| !part.is_empty())
    }

    /// Whether a name is one that some log has for a part of a call.
    pub(super) fn is_customary(name: &str) -> bool {
        let values = CUSTOMARY_VALUES.iter().flat_map(|(_, names)| names.iter());
        let mut names = CUSTOMARY.iter().map(|(name, _)| name).chain(values);
        names.any(|other| *other == name)
    }
}

fn customary(field: &str, name: &str) -> Option<usize> {
    let (_, names) = CUSTOMARY_VALUES.iter().find(|(known, _)| *known == field)?;
    names.iter().position(|other| *other == name)
}

fn is_authority(name: &str) -> bool {
    matches!(name, "authority" | "host")
}
