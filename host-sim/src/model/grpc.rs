//! gRPC services that a plugin calls, as a test describes them, and what they saw.

use std::collections::BTreeMap;

/// A gRPC service behind a cluster, and what it does with calls from now on.
///
/// ```
/// use host_sim::grpc::{GrpcAnswer, GrpcBehaviour, GrpcService};
///
/// let quota = GrpcService {
///     cluster: "quota".to_owned(),
///     behaviour: GrpcBehaviour::Answers(
///         [("quota.Quota/Take".to_owned(), GrpcAnswer::message("\x08\x01"))].into(),
///     ),
/// };
/// assert_eq!(quota.cluster, "quota");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcService {
    /// The cluster by which the plugin knows it.
    pub cluster: String,
    /// What it does.
    pub behaviour: GrpcBehaviour,
}

/// What a gRPC service does with calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcBehaviour {
    /// It answers, method by method (`package.Service/Method`), and any other method with the status 12 (unimplemented).
    Answers(BTreeMap<String, GrpcAnswer>),
    /// It refuses connections.
    Unreachable,
    /// It takes calls and never answers, until the caller's time-out ends the wait.
    Hang,
}

/// What a method answers. To a caller that streams, it sends one message for each that it gets and the rest when the caller has
/// closed its side; the status 0 comes then as well, and any other as soon as the messages before it are sent. A status other than 0
/// without messages is sent as servers do it, all in one: callers get no metadata first, and all of it last.
///
/// ```
/// use host_sim::grpc::GrpcAnswer;
///
/// // Greets whoever opens a stream, and hangs up.
/// let greeting = GrpcAnswer {
///     unasked: 1,
///     ends: true,
///     ..GrpcAnswer::message("hello")
/// };
/// assert_eq!(greeting.status, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcAnswer {
    /// Metadata that comes first.
    pub initial_metadata: Vec<(String, String)>,
    /// The messages, as bytes of the protocol buffers that they are. To a unary call it is one.
    pub messages: Vec<Vec<u8>>,
    /// How many of the messages it sends to a caller that streams before that one has sent any.
    pub unasked: usize,
    /// Whether it ends a stream when all messages are sent, even if the caller has not closed its side.
    pub ends: bool,
    /// Metadata that comes last.
    pub trailing_metadata: Vec<(String, String)>,
    /// The status, 0 for OK.
    pub status: u32,
    /// What `grpc-message` says.
    pub message: String,
}

impl GrpcAnswer {
    /// One message, and the status 0.
    #[must_use]
    pub fn message(bytes: impl AsRef<[u8]>) -> Self {
        Self {
            messages: vec![bytes.as_ref().to_vec()],
            ..Self::default()
        }
    }

    /// No message, and a status that says why.
    #[must_use]
    pub fn error(status: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            ..Self::default()
        }
    }
}

/// A call as a gRPC service saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcRequest {
    /// The method (`package.Service/Method`).
    pub method: String,
    /// The metadata that the plugin gave.
    pub metadata: Vec<(String, String)>,
    /// The messages so far.
    pub messages: Vec<Vec<u8>>,
    /// Whether the caller has closed its side.
    pub closed: bool,
}
