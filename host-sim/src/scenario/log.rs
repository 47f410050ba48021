//! What the plugin must have logged, or must not.

use serde::Deserialize;

use crate::model::LogLevel;
use crate::model::pattern::Pattern;

/// A line that must have been logged by now, or must not.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawLog")]
pub struct ExpectLog {
    /// At this level, or at any.
    pub level: Option<LogLevel>,
    /// Which line.
    pub line: ExpectLine,
}

/// A line of a log.
#[derive(Clone, Debug)]
pub enum ExpectLine {
    /// There is at least one with this text.
    Logged(Pattern),
    /// There is none with this text.
    Absent(Pattern),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    level: Option<LogLevel>,
    line: Option<Pattern>,
    absent: Option<Pattern>,
}

impl TryFrom<RawLog> for ExpectLog {
    type Error = &'static str;

    fn try_from(raw: RawLog) -> Result<Self, Self::Error> {
        let line = match (raw.line, raw.absent) {
            (Some(Pattern::Absent), None) => ExpectLine::Absent(Pattern::Present),
            (Some(pattern), None) => ExpectLine::Logged(pattern),
            (None, Some(Pattern::Absent)) => {
                return Err(
                    "`absent = false`, expected what no line may be, or `true` for any line",
                );
            }
            (None, Some(pattern)) => ExpectLine::Absent(pattern),
            _ => return Err("expected exactly one of `line` and `absent`"),
        };
        Ok(Self {
            level: raw.level,
            line,
        })
    }
}
