//! Requests by the names under which everybody knows them, before they are sent and on their way.

use std::net::SocketAddr;

use host_sim::target::Request;

use crate::call::Call;
use crate::client::{Connection, Response};
use crate::upstream::Hold;

/// A request and the name of its exchange.
pub(super) struct Named {
    pub(super) index: usize,
    pub(super) exchange: String,
    pub(super) request: Request,
    /// Of a request that the upstream does not just answer as usual.
    pub(super) hold: Option<Hold>,
}

/// A call on its way.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) exchange: String,
    pub(super) hold: Option<Hold>,
    pub(super) call: Call,
}

impl Named {
    /// Sends it and waits for the whole response.
    pub(super) async fn send(&self, connection: &mut Connection) -> anyhow::Result<Response> {
        let begun = || {
            if let Some(hold) = &self.hold {
                hold.begun();
            }
        };
        connection.send_telling(&self.request, begun).await
    }
}

impl Open {
    pub(super) async fn begin(api: SocketAddr, named: Named) -> anyhow::Result<Self> {
        let hold = named.hold.clone();
        let begun = move || {
            if let Some(hold) = hold {
                hold.begun();
            }
        };
        Ok(Self {
            exchange: named.exchange,
            hold: named.hold,
            call: Call::begin(api, named.request, begun).await?,
        })
    }

    /// Whether the upstream has it, or the client its answer.
    pub(super) fn goes_on(&self) -> bool {
        let arrived = self.hold.as_ref().is_some_and(Hold::has_arrived);
        arrived || self.call.is_over()
    }

    /// Waits until the upstream has all that is sent of this request, and the client what the upstream does not hold, or until it was
    /// answered without the upstream.
    pub(super) async fn settle(&mut self, request: &Request, streams: bool) {
        let Some(hold) = &mut self.hold else {
            return self.call.over().await;
        };
        let sent = request.body.iter().map(Vec::len).sum();
        let arrives = async {
            match request.unfinished {
                true => hold.received(sent).await,
                false => hold.arrived().await,
            }
        };
        let arrived = tokio::select! {
            () = arrives => true,
            () = self.call.over() => false,
        };
        if arrived && streams {
            self.call.begun().await;
        }
    }
}
