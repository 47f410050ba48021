//! How far streams come.

use crate::http::message::Part;
use crate::http::stream::Side;
use crate::model::clock::Instant;

/// How far a stream came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Complete,
    /// This part is held; `moved` says whether anything happened before that.
    Held {
        side: Side,
        part: Part,
        moved: bool,
    },
    /// The upstream holds it, or the client the rest of its request.
    Open {
        moved: bool,
    },
    /// Something was posted that comes first.
    Posted,
    /// The router gives up waiting for the upstream then.
    Waits {
        until: Instant,
        moved: bool,
    },
}

impl Progress {
    /// Whether anything happened.
    pub(crate) fn moved(self) -> bool {
        match self {
            Self::Complete | Self::Posted => true,
            Self::Held { moved, .. } | Self::Open { moved } | Self::Waits { moved, .. } => moved,
        }
    }

    /// When the router gives up waiting for the upstream.
    pub(crate) fn until(self) -> Option<Instant> {
        match self {
            Self::Waits { until, .. } => Some(until),
            _ => None,
        }
    }
}
