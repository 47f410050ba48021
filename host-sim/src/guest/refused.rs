//! Why a hostcall does not do what it was asked to, and the one place that says which status that is in Envoy.

use crate::abi::{BufferType, MapType, Status};
use crate::guest::property::PropertyError;
use crate::host::metrics::MetricError;
use crate::host::shared_data::CasMismatch;
use crate::host::shared_queue::QueueError;
use crate::http::body::StartsInside;

/// A hostcall that is answered with a status other than OK.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("no guest memory at {pointer} for {length} bytes")]
    NoMemory { pointer: u32, length: u64 },
    #[error("the guest's allocator gave nothing for {0} bytes")]
    NotAllocated(u32),
    #[error("unknown log level {0}")]
    UnknownLogLevel(u32),
    #[error("unknown header map {0}")]
    UnknownMap(u32),
    #[error("unknown buffer {0}")]
    UnknownBuffer(u32),
    #[error("unknown stream type {0}")]
    UnknownStreamType(u32),
    #[error("unknown metric type {0}")]
    UnknownMetricType(u32),
    #[error("unknown context {0}")]
    UnknownContext(u32),
    #[error("{0} cannot be used now")]
    MapAbsent(MapType),
    #[error("{0} is not there")]
    MapAbsentInLog(MapType),
    #[error("no such header")]
    NoSuchHeader,
    #[error("{0} is not there now")]
    BufferAbsent(BufferType),
    #[error("{0} cannot be edited now")]
    BufferImmutable(BufferType),
    #[error("{} is inside of the {} bytes: only the front and the end can be edited", .0.start, .0.length)]
    StartsInside(StartsInside),
    #[error("{}", match .0 { PropertyError::NotFound => "no such property now", PropertyError::NotSerializable => "no bytes" })]
    Property(PropertyError),
    #[error("not in a stream")]
    NoStream,
    #[error("no such key")]
    NoSuchKey,
    #[error("the number {} is not {}", .0.given, .0.current.map_or(0, std::num::NonZeroU32::get))]
    CasMismatch(CasMismatch),
    #[error("{}", match .0 {
        MetricError::Unknown(id) => format!("unknown metric {id}"),
        MetricError::NotPositive(offset) => format!("counters only go up, not by {offset}"),
        MetricError::Histogram => "histograms only take records".to_owned(),
        MetricError::NoKind(id) => format!("no kind of metric has the id {id}"),
    })]
    Metric(MetricError),
    #[error("nothing is pending")]
    NothingPending,
    #[error("no cluster `{0}`")]
    UnknownCluster(String),
    #[error("a call without {0}")]
    CalloutWithout(&'static str),
    #[error("a negative time-out")]
    NegativeTimeout,
    #[error("{}", match .0 { QueueError::Unknown => "no such queue", QueueError::Empty => "the queue is empty" })]
    Queue(QueueError),
    #[error("no gRPC service behind a cluster `{0}`")]
    NoGrpcService(String),
    #[error("no cluster `{0}`, which proxy_on_grpc_close will say as well")]
    NoGrpcCluster(String),
    #[error("the service is not given as `envoy_grpc`")]
    NoEnvoyGrpc,
    #[error("{0} is no number of a gRPC stream")]
    NoGrpcStream(u32),
    #[error("{0} is no number of a gRPC call or stream")]
    NoGrpc(u32),
    #[error("no gRPC call or stream {0} is open")]
    UnknownGrpc(u32),
    #[error("no foreign function `{0}`")]
    UnknownForeignFunction(String),
    #[error("Envoy has the foreign function `{0}`, and host-sim has not")]
    ForeignFunctionNotSimulated(String),
    #[error("the argument is not the message that the function expects")]
    MalformedArgument,
    #[error("the property is declared already")]
    AlreadyDeclared,
    #[error("no part of Envoy looks for `{0}` in the filter state")]
    UnknownFilterState(String),
    #[error("it cannot be compressed")]
    NotCompressible,
    #[error("not in the format of zlib")]
    NotCompressed,
    #[error("an HTTP filter has no such stream")]
    NoNetworkStream,
}

impl Refused {
    /// The status by which Envoy says so.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::NoMemory { .. } | Self::NotAllocated(_) => Status::InvalidMemoryAccess,
            Self::UnknownLogLevel(_)
            | Self::UnknownMap(_)
            | Self::UnknownBuffer(_)
            | Self::UnknownStreamType(_)
            | Self::UnknownMetricType(_)
            | Self::UnknownContext(_)
            | Self::MapAbsent(_)
            | Self::BufferImmutable(_)
            | Self::StartsInside(_)
            | Self::UnknownCluster(_)
            | Self::CalloutWithout(_)
            | Self::NegativeTimeout
            | Self::MalformedArgument
            | Self::NoEnvoyGrpc
            | Self::NoGrpcStream(_)
            | Self::NoGrpc(_)
            | Self::AlreadyDeclared
            | Self::Metric(
                MetricError::NotPositive(_) | MetricError::Histogram | MetricError::NoKind(_),
            ) => Status::BadArgument,
            Self::MapAbsentInLog(_)
            | Self::NoSuchHeader
            | Self::BufferAbsent(_)
            | Self::Property(PropertyError::NotFound)
            | Self::NoStream
            | Self::NoSuchKey
            | Self::Queue(QueueError::Unknown)
            | Self::UnknownGrpc(_)
            | Self::UnknownForeignFunction(_)
            | Self::ForeignFunctionNotSimulated(_)
            | Self::UnknownFilterState(_)
            | Self::Metric(MetricError::Unknown(_))
            | Self::NothingPending => Status::NotFound,
            Self::Property(PropertyError::NotSerializable)
            | Self::NotCompressible
            | Self::NotCompressed => Status::SerializationFailure,
            Self::NoGrpcService(_) => Status::ParseFailure,
            Self::NoGrpcCluster(_) => Status::InternalFailure,
            Self::Queue(QueueError::Empty) => Status::Empty,
            Self::CasMismatch(_) => Status::CasMismatch,
            Self::NoNetworkStream => Status::Unimplemented,
        }
    }
}

impl From<CasMismatch> for Refused {
    fn from(mismatch: CasMismatch) -> Self {
        Self::CasMismatch(mismatch)
    }
}

impl From<MetricError> for Refused {
    fn from(error: MetricError) -> Self {
        Self::Metric(error)
    }
}

impl From<PropertyError> for Refused {
    fn from(error: PropertyError) -> Self {
        Self::Property(error)
    }
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

impl From<StartsInside> for Refused {
    fn from(error: StartsInside) -> Self {
        Self::StartsInside(error)
    }
}

/// Why a hostcall ends the VM.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fatal {
    #[error("{hostcall} must not be called while {phase}")]
    Forbidden {
        hostcall: &'static str,
        phase: &'static str,
    },
    #[error("the module has no memory named `memory`")]
    NoMemory,
}

/// How a hostcall can fail.
pub(crate) enum Failure {
    /// With a status.
    Refused(Refused),
    /// With the VM.
    Fatal(wasmtime::Error),
}

impl<E: Into<Refused>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Fatal> for Failure {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(wasmtime::Error::new(fatal))
    }
}
