//! What a value of a line stands for.

/// What a value tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// When the call came.
    Start,
    /// When it was over.
    End,
    /// A time of which the log does not say which of both it is.
    Time,
    /// The day of a time that is written apart.
    Date,
    /// `GET /path HTTP/1.1`.
    Request,
    Method,
    /// The path, or the whole URL.
    Path,
    /// What stands behind the `?` of a path that is written without it.
    Query,
    Status,
    Duration(Unit),
    /// A piece of the duration: all of them make the whole.
    Piece(Unit),
    /// The wanted value of this number.
    Value(usize),
}

/// What a duration is counted in, unless it says so itself, as `12ms` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// A part, and how surely a name stands for it: 0 is surest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) part: Part,
    pub(super) rank: usize,
}

/// Parts of one kind: a name that is given for one of them replaces all that is known of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Request,
    Method,
    Path,
    Query,
    Status,
    Duration,
    Value(usize),
}

impl Part {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Start | Self::End | Self::Time | Self::Date => Kind::Time,
            Self::Request => Kind::Request,
            Self::Method => Kind::Method,
            Self::Path => Kind::Path,
            Self::Query => Kind::Query,
            Self::Status => Kind::Status,
            Self::Duration(_) | Self::Piece(_) => Kind::Duration,
            Self::Value(index) => Kind::Value(index),
        }
    }

    /// The part that a field stands for, as `--field` names it.
    pub(super) fn of_field(field: &str) -> Option<Self> {
        Some(match field {
            "time" => Self::Time,
            "start_time" => Self::Start,
            "end_time" => Self::End,
            "date" => Self::Date,
            "request" => Self::Request,
            "method" => Self::Method,
            "path" => Self::Path,
            "query" => Self::Query,
            "status" => Self::Status,
            "duration" | "duration_ms" => Self::Duration(Unit::Milliseconds),
            "duration_s" => Self::Duration(Unit::Seconds),
            "duration_us" => Self::Duration(Unit::Microseconds),
            "duration_ns" => Self::Duration(Unit::Nanoseconds),
            _ => return None,
        })
    }
}

impl Unit {
    /// How many make a second.
    pub(super) fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }
}
