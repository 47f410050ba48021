//! A running Envoy as a scenario sees it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use host_sim::scenario::ConfigText;
use host_sim::target::{
    Capability, Departure, Exchange, Holder, HttpVersion, LogLine, Refusal, Request, Service,
    Session, TargetError, UpstreamBehaviour, UpstreamRequest,
};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::access_log::AccessLog;
use super::named::{Named, Open};
use super::world::World;
use super::{NAME, failed, log, routing};
use crate::body::fields;
use crate::client::{Connection, Response};
use crate::upstream::EXCHANGE;

/// How long an open call may take until the upstream has it, and something that has happened until it can be seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long is waited until metrics or the log are looked at again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// One Envoy, its upstream, and a client.
#[derive(Debug)]
pub struct EnvoySession {
    runtime: Arc<Runtime>,
    world: World,
    access_log: AccessLog,
    /// How many exchanges there were: the name of the next one.
    exchanges: u64,
    /// Calls on their way, by the name that the scenario gives them.
    open: HashMap<String, Vec<Open>>,
    /// When the previous step ended.
    step_ended: Instant,
}

impl EnvoySession {
    pub(super) fn new(runtime: Arc<Runtime>, world: World, access_log: &Path) -> Self {
        let access_log = AccessLog::new(access_log.to_owned());
        Self {
            runtime,
            world,
            access_log,
            exchanges: 0,
            open: HashMap::new(),
            step_ended: Instant::now(),
        }
    }

    /// How many of Envoy's workers have served a connection.
    ///
    /// # Errors
    ///
    /// When Envoy cannot be asked.
    pub fn busy_workers(&self, workers: u32) -> anyhow::Result<u32> {
        let mut busy = 0_u32;
        for worker in 0..workers {
            let name = format!("listener.api.worker_{worker}.downstream_cx_total");
            let connections = self.runtime.block_on(self.world.process.stat(&name))?;
            if connections.context("Envoy does not count the connections of a worker")? > 0 {
                busy = busy.saturating_add(1);
            }
        }
        Ok(busy)
    }

    /// Runs one step to its end.
    fn step<T>(
        &mut self,
        doing: &'static str,
        step: impl AsyncFnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> Result<T, TargetError> {
        let runtime = Arc::clone(&self.runtime);
        let outcome = runtime.block_on(step(self));
        self.step_ended = Instant::now();
        outcome.map_err(failed(doing))
    }

    /// Makes a request recognizable, and tells the upstream what to do with it.
    fn name(&mut self, index: usize, request: &Request, held: bool) -> anyhow::Result<Named> {
        let exchange = self.exchanges.to_string();
        self.exchanges = self.exchanges.saturating_add(1);
        let mut request = request.clone();
        request
            .headers
            .push((EXCHANGE.to_owned(), exchange.clone()));
        request.headers.extend(routing::header(&request.upstream));
        let hold = if held || request.upstream != UpstreamBehaviour::default() {
            Some(
                self.world
                    .upstream
                    .plan(&exchange, &request.upstream, held)?,
            )
        } else {
            None
        };
        Ok(Named {
            index,
            exchange,
            request,
            hold,
        })
    }

    fn take_open(&mut self, call: &str) -> Result<Vec<Open>, TargetError> {
        self.open.remove(call).ok_or_else(|| TargetError::NotOpen {
            call: call.to_owned(),
        })
    }

    /// All that Envoy wrote to its log so far; records begin with the control character U+001E instead of a time.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn envoy_log(&self) -> anyhow::Result<String> {
        self.world.process.log()
    }

    /// Adds what the upstream and the access log know of an exchange to what the client got.
    async fn observe(&mut self, exchange: &str, response: Response) -> anyhow::Result<Exchange> {
        let legs = self.world.upstream.legs(exchange);
        let line = self.access_log.take(exchange, legs).await?;
        Ok(Exchange {
            status: response.status,
            headers: fields(&response.headers),
            body: response.body,
            trailers: fields(&response.trailers),
            aborted: response.aborted,
            starved: response.starved,
            upstream: self.world.upstream.take(exchange),
            properties: line.properties,
            response_code_details: line.details,
            grpc_status: line.grpc_status,
        })
    }

    /// Waits until Envoy has written all that it ever will of a response over HTTP/1.
    async fn written(&mut self, exchange: &str) -> anyhow::Result<()> {
        let legs = || self.world.upstream.legs(exchange);
        self.access_log.over(exchange, legs).await?;
        self.world.flushed(self.access_log.sent()).await
    }

    /// Opens all connections first; then every connection sends its share, one request after another.
    async fn send_all(
        &mut self,
        requests: &[Request],
        connections: usize,
    ) -> anyhow::Result<Vec<Exchange>> {
        let connections = connections.clamp(1, requests.len().max(1));
        let mut shares: BTreeMap<(usize, u8), Vec<Named>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            let connection = index.checked_rem(connections).unwrap_or_default();
            let version = match request.http {
                HttpVersion::One => 1,
                HttpVersion::Two => 2,
            };
            let named = self.name(index, request, false)?;
            shares.entry((connection, version)).or_default().push(named);
        }
        let start = Arc::new(Barrier::new(shares.len()));
        let mut senders = JoinSet::new();
        for share in shares.into_values() {
            let (start, api) = (Arc::clone(&start), self.world.process.api);
            senders.spawn(async move {
                let version = share
                    .first()
                    .map(|named| named.request.http)
                    .unwrap_or_default();
                let connection = Connection::open(api, version).await;
                // Also without a connection: the others wait.
                start.wait().await;
                let mut connection = connection?;
                let mut responses = Vec::new();
                for named in share {
                    let response = named.send(&mut connection).await?;
                    responses.push((named.index, named.exchange, response));
                }
                anyhow::Ok(responses)
            });
        }
        let mut responses = BTreeMap::new();
        while let Some(sent) = senders.join_next().await {
            for (index, exchange, response) in sent.context("a sender panicked")?? {
                responses.insert(index, (exchange, response));
            }
        }
        let mut exchanges = Vec::new();
        for (exchange, response) in responses.into_values() {
            exchanges.push(self.observe(&exchange, response).await?);
        }
        Ok(exchanges)
    }
}

impl Session for EnvoySession {
    fn exchange(&mut self, request: &Request) -> Result<Exchange, TargetError> {
        self.step("sending a request", async |session| {
            let named = session.name(0, request, false)?;
            let mut connection = Connection::open(session.world.process.api, request.http).await?;
            let socket = connection.socket.clone();
            let mut sending = pin!(named.send(&mut connection));
            let patient = request.http == HttpVersion::Two;
            let response = tokio::select! {
                response = sending.as_mut() => response?,
                written = session.written(&named.exchange), if !patient => {
                    written?;
                    // Should the response be complete, it is so in spite of this.
                    socket.half_close()?;
                    let response = sending.await?;
                    Response {
                        starved: response.aborted && response.status != 0,
                        ..response
                    }
                }
            };
            session.observe(&named.exchange, response).await
        })
    }

    fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        held: Holder,
    ) -> Result<(), TargetError> {
        let opened = self.step("opening calls", async |session| {
            let begun = session.world.begun().await?;
            let mut calls = Vec::new();
            for _ in 0..count {
                let named = session.name(0, request, true)?;
                calls.push(Open::begin(session.world.process.api, named).await?);
            }
            let streams =
                matches!(&request.upstream, UpstreamBehaviour::Answer(answer) if answer.streams);
            let goes_on = match held {
                Holder::Upstream => {
                    for call in &mut calls {
                        timeout(PATIENCE, call.settle(request, streams))
                            .await
                            .with_context(|| {
                                format!("a call does not reach the upstream within {PATIENCE:?}")
                            })?;
                    }
                    false
                }
                Holder::Filter => {
                    let all = begun.saturating_add(u64::from(count));
                    session.world.until_begun(all).await?;
                    calls.iter().any(Open::goes_on)
                }
            };
            session
                .open
                .entry(call.to_owned())
                .or_default()
                .extend(calls);
            Ok(goes_on)
        });
        match opened? {
            false => Ok(()),
            true => Err(TargetError::NotHeld {
                call: call.to_owned(),
            }),
        }
    }

    fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, TargetError> {
        let calls = self.take_open(call)?;
        self.step("finishing calls", async |session| {
            for hold in calls.iter().filter_map(|call| call.hold.as_ref()) {
                hold.release();
            }
            let mut exchanges = Vec::new();
            for Open {
                exchange, mut call, ..
            } in calls
            {
                call.complete();
                let response = call.response().await?;
                exchanges.push(session.observe(&exchange, response).await?);
            }
            Ok(exchanges)
        })
    }

    fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, TargetError> {
        let calls = self.take_open(call)?;
        self.step("leaving calls", async |session| {
            // Those that have been answered already have no client to leave.
            for call in calls.iter().filter(|call| !call.call.is_over()) {
                call.call.leave(departure)?;
            }
            let mut exchanges = Vec::new();
            for Open { exchange, call, .. } in calls {
                let legs = || session.world.upstream.legs(&exchange);
                session.access_log.over(&exchange, legs).await?;
                let response = if departure.still_reads() {
                    call.response().await?
                } else {
                    Response::default()
                };
                exchanges.push(session.observe(&exchange, response).await?);
            }
            Ok(exchanges)
        })
    }

    fn parallel(
        &mut self,
        requests: &[Request],
        connections: usize,
    ) -> Result<Vec<Exchange>, TargetError> {
        self.step("sending requests in parallel", async |session| {
            session.send_all(requests, connections).await
        })
    }

    fn advance(&mut self, by: Duration) -> Result<(), TargetError> {
        self.step("waiting", async |session| {
            let until = session
                .step_ended
                .checked_add(by)
                .context("no clock goes that far")?;
            sleep_until(until).await;
            Ok(())
        })
    }

    fn metric(&mut self, name: &str) -> Result<Option<u64>, TargetError> {
        let name = format!("wasmcustom.{name}");
        // Looking is no step of its own: time is counted from the last one that did something.
        let runtime = Arc::clone(&self.runtime);
        runtime
            .block_on(self.world.process.stat(&name))
            .map_err(failed("reading a metric"))
    }

    fn configure(&mut self, config: &ConfigText) -> Result<Result<(), Refusal>, TargetError> {
        let outcome = self.step("delivering a configuration", async |session| {
            session.world.deliver(config).await
        })?;
        Ok(outcome.map_err(super::refusal))
    }

    fn serve(&mut self, service: &Service) -> Result<(), TargetError> {
        self.step("changing a service", async |session| {
            session.world.change(service).await
        })
    }

    fn callouts(
        &mut self,
        cluster: &str,
        expected: usize,
    ) -> Result<Vec<UpstreamRequest>, TargetError> {
        // Looking is no step of its own: time is counted from the last one that did something.
        let runtime = Arc::clone(&self.runtime);
        runtime
            .block_on(self.world.callouts(cluster, expected))
            .map_err(failed("reading callouts"))
    }

    fn inject_cas_conflicts(&mut self, _count: u32) -> Result<(), TargetError> {
        Err(TargetError::Unsupported {
            target: NAME,
            capability: Capability::InjectCasConflict,
        })
    }

    fn log(&mut self) -> Result<Vec<LogLine>, TargetError> {
        Ok(log::plugin_lines(
            &self
                .world
                .process
                .log()
                .map_err(failed("reading the log"))?,
        ))
    }

    fn looks_again(&mut self, looks: u32) -> Result<bool, TargetError> {
        self.runtime.block_on(async { sleep(BETWEEN_LOOKS).await });
        Ok(BETWEEN_LOOKS.saturating_mul(looks) < PATIENCE)
    }

    fn trace(&mut self) -> Vec<host_sim::TraceEvent> {
        // Envoy does not say what a plugin calls.
        Vec::new()
    }
}
