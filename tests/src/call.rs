//! A call that is on its way while other things happen, over a connection of its own.

use std::io;
use std::net::SocketAddr;

use anyhow::Context as _;
use host_sim::target::{Departure, ErrorCode, HttpVersion, Request};
use hyper::client::conn::http2;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::body::Chunks;
use crate::client::{Connection, Response, Sender, Socket};

/// The client's side of a call.
#[derive(Debug)]
pub struct Call {
    exchange: JoinHandle<anyhow::Result<Response>>,
    /// Whether the response has begun; closed when the call is over.
    begun: watch::Receiver<bool>,
    /// Lets the end of an unfinished request go.
    end: Option<oneshot::Sender<()>>,
    http: HttpVersion,
    socket: Socket,
    /// An HTTP/2 connection stays open as long as somebody could send a request over it.
    _sender: Option<http2::SendRequest<Chunks>>,
}

impl Call {
    /// Begins a call and calls `begun` when its response begins.
    ///
    /// # Errors
    ///
    /// As [`Connection::open`].
    pub async fn begin(
        address: SocketAddr,
        request: Request,
        begun: impl FnOnce() + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address, request.http).await?;
        let (http, socket) = (request.http, connection.socket.clone());
        let sender = match &connection.sender {
            Sender::One(_) => None,
            Sender::Two(sender) => Some(sender.clone()),
        };
        let (tell, has_begun) = watch::channel(false);
        let (end, until) = oneshot::channel();
        let exchange = tokio::spawn(async move {
            let begins = || {
                begun();
                tell.send_replace(true);
            };
            let response = connection.send_until(&request, until, begins).await;
            // `tell` goes only now, which says that the call is over.
            drop(tell);
            response
        });
        Ok(Self {
            exchange,
            begun: has_begun,
            end: Some(end),
            http,
            socket,
            _sender: sender,
        })
    }

    /// Waits until the response has begun, or until there can be none any more.
    pub async fn begun(&mut self) {
        let _ = self.begun.wait_for(|begun| *begun).await;
    }

    /// Waits until the call is over.
    pub async fn over(&mut self) {
        while self.begun.changed().await.is_ok() {}
    }

    /// Whether the call is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.exchange.is_finished()
    }

    /// Sends what is missing of an unfinished request.
    pub fn complete(&mut self) {
        drop(self.end.take());
    }

    /// The response, once it is over.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_until`].
    pub async fn response(mut self) -> anyhow::Result<Response> {
        (&mut self.exchange).await.context("a call was given up")?
    }

    /// The client leaves.
    ///
    /// # Errors
    ///
    /// When the connection is closed already.
    pub fn leave(&self, departure: Departure) -> io::Result<()> {
        match (departure, self.http) {
            (Departure::Usual, HttpVersion::One) | (Departure::Close, _) => self.socket.close(),
            (Departure::Usual, HttpVersion::Two) => self.reset(ErrorCode::CANCEL),
            (Departure::HalfClose, _) => self.socket.half_close(),
            (Departure::BrokenChunk, _) => self.socket.write(b"nonsense\r\n"),
            (Departure::Reset(code), _) => self.reset(code),
            (Departure::InvalidFrame, _) => self.socket.write(&frame(DATA, 0, b"x")),
            (Departure::WindowOverflow, _) => {
                let most = i32::MAX.to_be_bytes();
                self.socket.write(&frame(WINDOW_UPDATE, STREAM, &most))
            }
        }
    }

    fn reset(&self, ErrorCode(code): ErrorCode) -> io::Result<()> {
        let frame = frame(RST_STREAM, STREAM, &code.to_be_bytes());
        self.socket.write(&frame)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.exchange.abort();
    }
}

/// The first stream of a connection, which has no other.
const STREAM: u32 = 1;

/// Types of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;

/// A frame without flags (RFC 9113, section 4.1) of a few bytes.
fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    let mut frame = vec![0, 0, length, kind, 0];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}
