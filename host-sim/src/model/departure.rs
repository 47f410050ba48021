//! How clients leave calls that have not ended.

use std::fmt;

use super::HttpVersion;

/// How a client leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// As clients do: over HTTP/1 it closes its connection, over HTTP/2 it resets its stream with `CANCEL`.
    #[default]
    Usual,
    /// It closes its connection.
    Close,
    /// It says that it sends nothing more, and waits for the answer; over HTTP/1.
    HalfClose,
    /// Behind what it has sent of a body it sends a chunk whose size is no number; over HTTP/1.
    BrokenChunk,
    /// It resets its stream with this error code; over HTTP/2.
    Reset(ErrorCode),
    /// It sends a frame that may not be there, `DATA` on stream 0, which is an error of the whole connection; over HTTP/2.
    InvalidFrame,
    /// It grants more than there can be, a `WINDOW_UPDATE` that overflows, which is an error of its stream; over HTTP/2.
    WindowOverflow,
}

/// The names of all but [`Departure::Reset`] and [`Departure::Usual`].
const NAMES: [(&str, Departure); 5] = [
    ("close", Departure::Close),
    ("half_close", Departure::HalfClose),
    ("broken_chunk", Departure::BrokenChunk),
    ("invalid_frame", Departure::InvalidFrame),
    ("window_overflow", Departure::WindowOverflow),
];

impl Departure {
    /// The one of this name, as in `half_close`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, departure)| *departure)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The version of HTTP over which alone it can be.
    #[must_use]
    pub fn only_over(self) -> Option<HttpVersion> {
        match self {
            Self::Usual | Self::Close => None,
            Self::HalfClose | Self::BrokenChunk => Some(HttpVersion::One),
            Self::Reset(_) | Self::InvalidFrame | Self::WindowOverflow => Some(HttpVersion::Two),
        }
    }

    /// Whether the client still takes what comes.
    #[must_use]
    pub fn still_reads(self) -> bool {
        !matches!(self, Self::Usual | Self::Close | Self::Reset(_))
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => f.write_str("usual"),
            Self::Reset(code) => write!(f, "{code}"),
            other => {
                let found = NAMES.iter().find(|(_, departure)| departure == other);
                f.write_str(found.map_or("usual", |(name, _)| name))
            }
        }
    }
}

/// An error code of HTTP/2 (RFC 9113, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The client does not want the rest, and nothing went wrong.
    pub const NO_ERROR: Self = Self(0);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// Nothing was done with the stream.
    pub const REFUSED_STREAM: Self = Self(7);
    /// The client does not need the stream any more.
    pub const CANCEL: Self = Self(8);

    /// The code of this name, as in `CANCEL`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let code = CODES.iter().position(|known| *known == name)?;
        u32::try_from(code).ok().map(Self)
    }

    /// All names, of the codes from 0 on.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &CODES
    }
}

/// The names of the codes from 0 on.
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(code) = self;
        let name = usize::try_from(*code).ok().and_then(|code| CODES.get(code));
        match name {
            Some(name) => f.write_str(name),
            None => write!(f, "{code}"),
        }
    }
}
