//! The plugin's configuration as a scenario gives it: text, with times of day that depend on when the host starts.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A configuration with its placeholders parsed. `${clock}`, `${clock+4s}` and `${clock-10m}` stand for the UTC time of day
/// `HH:MM:SS` at the host's start plus or minus that, so that a day can roll over while a scenario watches; `${date}` stands
/// for the UTC date `YYYY-MM-DD` of the host's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigText {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Verbatim(String),
    Clock(SignedDuration),
    Date,
}

/// What every placeholder starts with.
const START: &str = "${";

/// A placeholder that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown placeholder `{0}`, expected `${{date}}`, `${{clock}}`, `${{clock+4s}}` or `${{clock-10m}}`"
)]
pub struct InvalidPlaceholder(String);

impl ConfigText {
    /// Parses the placeholders of a text.
    ///
    /// # Errors
    ///
    /// When something starts like a placeholder for the clock or the date and is none. Any other `${…}` is left as it is.
    pub fn parse(text: &str) -> Result<Self, InvalidPlaceholder> {
        let mut parts = Vec::new();
        let mut verbatim = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(START) {
            verbatim.push_str(before);
            rest = after;
            if !["clock", "date"].iter().any(|name| after.starts_with(name)) {
                verbatim.push_str(START);
                continue;
            }
            let invalid = |placeholder: &str| InvalidPlaceholder(format!("{START}{placeholder}"));
            let (placeholder, after) = after
                .split_once('}')
                .ok_or_else(|| invalid(&after.chars().take(17).collect::<String>()))?;
            parts.push(Part::Verbatim(std::mem::take(&mut verbatim)));
            parts.push(match placeholder.strip_prefix("clock") {
                None if placeholder == "date" => Part::Date,
                Some("") => Part::Clock(SignedDuration::ZERO),
                Some(offset) => Part::Clock(
                    offset
                        .parse()
                        .map_err(|_| invalid(&format!("{placeholder}}}")))?,
                ),
                None => return Err(invalid(&format!("{placeholder}}}"))),
            });
            rest = after;
        }
        verbatim.push_str(rest);
        parts.push(Part::Verbatim(verbatim));
        Ok(Self { parts })
    }

    /// A text without placeholders.
    #[must_use]
    pub fn verbatim(text: &str) -> Self {
        Self {
            parts: vec![Part::Verbatim(text.to_owned())],
        }
    }

    /// The configuration for a host that starts at this instant.
    #[must_use]
    pub fn at(&self, start: Timestamp) -> Vec<u8> {
        let mut text = String::new();
        for part in &self.parts {
            let (offset, format) = match part {
                Part::Verbatim(verbatim) => {
                    text.push_str(verbatim);
                    continue;
                }
                Part::Clock(offset) => (*offset, "%H:%M:%S"),
                Part::Date => (SignedDuration::ZERO, "%Y-%m-%d"),
            };
            let instant = start.saturating_add(offset).unwrap_or(start);
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", instant.to_zoned(TimeZone::UTC).strftime(format));
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_noon(text: &str) -> Result<String, String> {
        let noon = "2026-11-22T12:00:00.9Z".parse().unwrap();
        let config = ConfigText::parse(text).map_err(|e| e.to_string())?;
        Ok(String::from_utf8(config.at(noon)).unwrap())
    }

    #[test]
    fn times_of_day_follow_the_start() {
        for (text, rendered) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("${clock}", "12:00:00"),
            ("a ${clock+4s} b ${clock-10m} c", "a 12:00:04 b 11:50:00 c"),
            ("${clock+12h}", "00:00:00"),
            ("${date} ${clock}", "2026-11-22 12:00:00"),
            ("${other} ${date}", "${other} 2026-11-22"),
        ] {
            assert_eq!(at_noon(text).as_deref(), Ok(rendered), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_placeholder_is_an_error() {
        for (text, message) in [
            (
                "${clock+4}",
                "unknown placeholder `${clock+4}`, expected `${date}`, `${clock}`, `${clock+4s}` or `${clock-10m}`",
            ),
            (
                "${date+1d}",
                "unknown placeholder `${date+1d}`, expected `${date}`, `${clock}`, `${clock+4s}` or `${clock-10m}`",
            ),
            (
                "${clock+4s",
                "unknown placeholder `${clock+4s`, expected `${date}`, `${clock}`, `${clock+4s}` or `${clock-10m}`",
            ),
        ] {
            assert_eq!(at_noon(text), Err(message.to_owned()));
        }
    }
}
