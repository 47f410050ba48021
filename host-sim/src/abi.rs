//! The numbers of the proxy-wasm ABI and the words for them.

pub mod callback;
pub(crate) mod pairs;

use std::fmt;

/// The versions of the ABI that a module can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AbiVersion {
    /// 0.1.0 (2020-02), with resume functions of its own and without the end of the stream in headers callbacks.
    V0_1_0,
    /// 0.2.0 (2020-08-03).
    V0_2_0,
    /// 0.2.1 (2020-08-04), with `proxy_get_log_level`.
    V0_2_1,
}

impl AbiVersion {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// The export by which a module says that it was built for this version.
    #[must_use]
    pub fn export(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
        })
    }
}

/// What a hostcall answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    ParseFailure = 4,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::NotFound => "NOT_FOUND",
            Self::BadArgument => "BAD_ARGUMENT",
            Self::SerializationFailure => "SERIALIZATION_FAILURE",
            Self::ParseFailure => "PARSE_FAILURE",
            Self::InvalidMemoryAccess => "INVALID_MEMORY_ACCESS",
            Self::Empty => "EMPTY",
            Self::CasMismatch => "CAS_MISMATCH",
            Self::InternalFailure => "INTERNAL_FAILURE",
            Self::Unimplemented => "UNIMPLEMENTED",
        })
    }
}

/// Gives an enum of ABI numbers its decoder and its words.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal $words:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($variant,)* }

        impl $name {
            pub(crate) fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $words,)* })
            }
        }
    };
}

numbered! {
    /// Which header map a hostcall means.
    MapType {
        RequestHeaders = 0 "request_headers",
        RequestTrailers = 1 "request_trailers",
        ResponseHeaders = 2 "response_headers",
        ResponseTrailers = 3 "response_trailers",
        GrpcReceiveInitialMetadata = 4 "grpc_receive_initial_metadata",
        GrpcReceiveTrailingMetadata = 5 "grpc_receive_trailing_metadata",
        HttpCallResponseHeaders = 6 "http_call_response_headers",
        HttpCallResponseTrailers = 7 "http_call_response_trailers",
    }
}

numbered! {
    /// Which buffer a hostcall means.
    BufferType {
        HttpRequestBody = 0 "http_request_body",
        HttpResponseBody = 1 "http_response_body",
        DownstreamData = 2 "downstream_data",
        UpstreamData = 3 "upstream_data",
        HttpCallResponseBody = 4 "http_call_response_body",
        GrpcReceiveBuffer = 5 "grpc_receive_buffer",
        VmConfiguration = 6 "vm_configuration",
        PluginConfiguration = 7 "plugin_configuration",
        CallData = 8 "call_data",
    }
}

numbered! {
    /// Which stream a hostcall means.
    StreamType {
        Request = 0 "request",
        Response = 1 "response",
        Downstream = 2 "downstream",
        Upstream = 3 "upstream",
    }
}

numbered! {
    /// What a metric is.
    MetricType {
        Counter = 0 "counter",
        Gauge = 1 "gauge",
        Histogram = 2 "histogram",
    }
}

/// What a headers callback makes Envoy do (`FilterHeadersStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStatus {
    Continue,
    /// Hold the headers, go on with the body.
    StopIteration,
    /// Hold everything and buffer up to the limit.
    StopAllAndBuffer,
    /// Hold everything and make the peer wait at the limit.
    StopAllAndWatermark,
}

impl HeadersStatus {
    /// Envoy turns "pause" into "hold everything" unless the plugin's settings say otherwise; a local response stops in any
    /// case. `ContinueAndEndStream` (2) no longer exists in Envoy and continues.
    pub(crate) fn from_number(
        number: u32,
        allow_stop_iteration: bool,
        local_response: bool,
    ) -> Self {
        match number {
            _ if local_response => Self::StopAllAndWatermark,
            0 | 2 => Self::Continue,
            1 if allow_stop_iteration => Self::StopIteration,
            3 => Self::StopAllAndBuffer,
            _ => Self::StopAllAndWatermark,
        }
    }
}

/// What a body callback makes Envoy do (`FilterDataStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataStatus {
    Continue,
    StopAndBuffer,
    StopAndWatermark,
    StopNoBuffer,
}

impl DataStatus {
    pub(crate) fn from_number(number: u32, local_response: bool) -> Self {
        match number {
            _ if local_response => Self::StopNoBuffer,
            0 => Self::Continue,
            1 => Self::StopAndBuffer,
            2 => Self::StopAndWatermark,
            _ => Self::StopNoBuffer,
        }
    }
}

/// What a trailers callback makes Envoy do (`FilterTrailersStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailersStatus {
    Continue,
    StopIteration,
}

impl TrailersStatus {
    pub(crate) fn from_number(number: u32, local_response: bool) -> Self {
        if number == 0 && !local_response {
            Self::Continue
        } else {
            Self::StopIteration
        }
    }
}
