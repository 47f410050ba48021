//! A call that is on its way while other things happen, over a connection of its own.

use std::net::SocketAddr;

use anyhow::Context as _;
use host_sim::target::Request;
use hyper::client::conn::http2;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::body::Chunks;
use crate::client::{Connection, Response, Sender};

/// The client's side of a call.
#[derive(Debug)]
pub struct Call {
    exchange: JoinHandle<anyhow::Result<Response>>,
    /// Whether the response has begun; closed when the call is over.
    begun: watch::Receiver<bool>,
    connection: Kept,
}

/// What keeps the connection.
#[derive(Debug)]
enum Kept {
    /// An HTTP/1 connection is closed by ending what reads and writes it.
    One(AbortHandle),
    /// An HTTP/2 connection stays open as long as somebody could send a request over it.
    Two { _sender: http2::SendRequest<Chunks> },
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
        let kept = match &connection.sender {
            Sender::One(_) => Kept::One(connection.driver.clone()),
            Sender::Two(sender) => Kept::Two {
                _sender: sender.clone(),
            },
        };
        let (tell, has_begun) = watch::channel(false);
        let exchange = tokio::spawn(async move {
            let begins = || {
                begun();
                tell.send_replace(true);
            };
            let response = connection.send_telling(&request, begins).await;
            // `tell` goes only now, which says that the call is over.
            drop(tell);
            response
        });
        Ok(Self {
            exchange,
            begun: has_begun,
            connection: kept,
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

    /// The response, once it is over.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_telling`].
    pub async fn response(self) -> anyhow::Result<Response> {
        self.exchange.await.context("a call was given up")?
    }

    /// The client goes away: over HTTP/1 it closes its connection, over HTTP/2 it resets its stream.
    pub fn abandon(&self) {
        match &self.connection {
            Kept::One(driver) => driver.abort(),
            Kept::Two { .. } => self.exchange.abort(),
        }
    }
}
