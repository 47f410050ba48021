//! A gRPC service that the plugin calls itself: a real HTTP/2 server behind a cluster of Envoy's, which does what a scenario says.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use host_sim::grpc::{GrpcAnswer, GrpcBehaviour};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::body::header_map;

/// The status of a method that the service does not have.
const UNIMPLEMENTED: u32 = 12;
/// How long the head of a message is: whether it is compressed, and its size.
const HEAD: usize = 5;

/// A server on a free port of 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct GrpcServer {
    /// Where it listens, unless it is unreachable.
    pub address: SocketAddr,
    /// Keeps the port of one where nobody listens.
    _port: Option<TcpSocket>,
    listening: Option<JoinHandle<()>>,
}

impl GrpcServer {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When metadata cannot be expressed in HTTP or there is no free port.
    pub async fn start(behaviour: &GrpcBehaviour) -> anyhow::Result<Self> {
        if let GrpcBehaviour::Answers(answers) = behaviour {
            for (method, answer) in answers {
                head(answer).with_context(|| format!("an answer of {method}"))?;
                trailers(answer).with_context(|| format!("an answer of {method}"))?;
            }
        }
        if *behaviour == GrpcBehaviour::Unreachable {
            let port = TcpSocket::new_v4()?;
            port.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            return Ok(Self {
                address: port.local_addr()?,
                _port: Some(port),
                listening: None,
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let behaviour = Arc::new(behaviour.clone());
        Ok(Self {
            address,
            _port: None,
            listening: Some(tokio::spawn(accept(listener, behaviour))),
        })
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

async fn accept(listener: TcpListener, behaviour: Arc<GrpcBehaviour>) {
    while let Ok((connection, _)) = listener.accept().await {
        let behaviour = Arc::clone(&behaviour);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&behaviour)));
            let mut server = http2::Builder::new(TokioExecutor::new());
            // Other servers send none, and a plugin sees all metadata.
            server.auto_date_header(false);
            // However a connection ends, the test sees it from the other side.
            let _ = server
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    behaviour: Arc<GrpcBehaviour>,
) -> anyhow::Result<Response<Replies>> {
    let method = request.uri().path().trim_start_matches('/');
    let answer = match &*behaviour {
        GrpcBehaviour::Answers(answers) => answers.get(method).cloned(),
        GrpcBehaviour::Hang | GrpcBehaviour::Unreachable => {
            std::future::pending::<()>().await;
            None
        }
    };
    let answer = answer.unwrap_or_else(|| GrpcAnswer::error(UNIMPLEMENTED, ""));
    let (replies, body) = mpsc::unbounded_channel();
    let mut response = Response::new(Replies(body));
    *response.headers_mut() = head(&answer)?;
    if answer.status != 0 && answer.messages.is_empty() {
        response.headers_mut().extend(trailers(&answer)?);
        return Ok(response);
    }
    tokio::spawn(converse(request.into_body(), answer, replies));
    Ok(response)
}

/// Sends a message for each that comes, as the answer says.
async fn converse(
    mut body: Incoming,
    answer: GrpcAnswer,
    replies: UnboundedSender<Frame<Bytes>>,
) -> anyhow::Result<()> {
    let mut left: VecDeque<_> = answer.messages.iter().collect();
    let mut due = answer.unasked;
    let mut incoming = Vec::new();
    let ends = answer.ends || answer.status != 0;
    loop {
        for message in left.drain(..due.min(left.len())) {
            replies.send(Frame::data(framed(message)?))?;
        }
        due = 0;
        if ends && left.is_empty() {
            break;
        }
        let Some(frame) = body.frame().await else {
            due = left.len();
            for message in left.drain(..due) {
                replies.send(Frame::data(framed(message)?))?;
            }
            break;
        };
        if let Ok(bytes) = frame?.into_data() {
            incoming.extend(bytes);
        }
        while let Some(size) = whole(&incoming) {
            incoming.drain(..size);
            due = due.saturating_add(1);
        }
    }
    replies.send(Frame::trailers(trailers(&answer)?))?;
    Ok(())
}

/// How many bytes the first message has, if all of them are there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(1..HEAD)?.try_into().ok()?;
    let size = usize::try_from(u32::from_be_bytes(size)).ok()?;
    let end = size.checked_add(HEAD)?;
    (bytes.len() >= end).then_some(end)
}

fn framed(message: &[u8]) -> anyhow::Result<Bytes> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len())?.to_be_bytes());
    bytes.extend(message);
    Ok(Bytes::from(bytes))
}

fn head(answer: &GrpcAnswer) -> anyhow::Result<HeaderMap> {
    let mut headers = header_map(&answer.initial_metadata)?;
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(http::header::CONTENT_TYPE, kind);
    Ok(headers)
}

fn trailers(answer: &GrpcAnswer) -> anyhow::Result<HeaderMap> {
    let mut trailers = HeaderMap::new();
    let status = HeaderName::from_static("grpc-status");
    trailers.insert(status, HeaderValue::from(answer.status));
    let message = HeaderName::from_static("grpc-message");
    trailers.insert(message, answer.message.parse()?);
    trailers.extend(header_map(&answer.trailing_metadata)?);
    Ok(trailers)
}

/// What the service says, as it says it.
#[derive(Debug)]
struct Replies(UnboundedReceiver<Frame<Bytes>>);

impl Body for Replies {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}
