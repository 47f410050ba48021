//! `response.flags`: what went wrong with a stream.

/// Why a stream ended badly: the bits of `response.flags` (`StreamInfo::CoreResponseFlag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    NoHealthyUpstream = 1,
    UpstreamRequestTimeout = 2,
    UpstreamRemoteReset = 4,
    UpstreamConnectionFailure = 5,
    UpstreamConnectionTermination = 6,
    NoRouteFound = 8,
    DownstreamConnectionTermination = 14,
    UpstreamRetryLimitExceeded = 15,
    StreamIdleTimeout = 16,
    DownstreamProtocolError = 18,
    UpstreamProtocolError = 23,
    DownstreamRemoteReset = 28,
}

impl Flag {
    pub(crate) fn bit(self) -> u64 {
        1_u64.checked_shl(self as u32).unwrap_or(0)
    }
}
