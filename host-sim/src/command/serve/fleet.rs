//! All threads of the proxy: one for each worker, and one that has the main thread's VM, as in Envoy.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use h2::Reason;
use host_sim::target::{HttpVersion, Service, ServiceBehaviour};
use host_sim::{Builder, Module, Simulator, StartError, WorkerSeed};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::outside::Outside;
use super::proxy;
use super::station::Station;
use crate::command::check::reasons;
use crate::command::plugin::{Plugin, PluginOptions};

/// How long calls may take to end once the proxy is to stop.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// What threads are told.
enum Order {
    /// A new simulation takes over. The main thread's also gives the workers that belong to it.
    Start(u64, Box<Start>, Sender<Result<Vec<WorkerSeed>, StartError>>),
    /// A new configuration.
    Configure(Vec<u8>, Sender<Result<(), StartError>>),
    /// Somebody else has put something into a shared queue.
    Wake,
}

enum Start {
    Main(Builder),
    Worker(WorkerSeed),
}

impl Start {
    fn simulator(self) -> Result<(Simulator, Vec<WorkerSeed>), StartError> {
        match self {
            Self::Main(builder) => builder.start_threads(),
            Self::Worker(seed) => Ok((seed.start()?, Vec::new())),
        }
    }
}

/// How a thread wakes the others.
#[derive(Clone, Default)]
pub(super) struct Wakers(Arc<Vec<UnboundedSender<Order>>>);

impl Wakers {
    pub(super) fn wake(&self) {
        for orders in self.0.iter() {
            // A thread that has ended has nobody to wake.
            let _ = orders.send(Order::Wake);
        }
    }
}

/// The threads.
pub(super) struct Fleet {
    options: PluginOptions,
    clusters: Vec<String>,
    /// The bytes of the module in force.
    module: Vec<u8>,
    /// How many simulations there have been.
    generation: u64,
    /// The main thread's first.
    orders: Vec<UnboundedSender<Order>>,
    upstream_http: Option<HttpVersion>,
}

/// What all threads are given.
#[derive(Clone)]
pub(super) struct Equipment {
    pub(super) outside: Arc<dyn Fn() -> Outside + Send + Sync>,
    /// The version of HTTP that the upstream speaks, if not that of each client.
    pub(super) upstream_http: Option<HttpVersion>,
    pub(super) trace: bool,
    /// Why streams of HTTP/2 are reset that break off.
    pub(super) resets_with: Reason,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Fleet {
    /// Starts the threads, each with its share of the simulation. Clients reach the workers by this listener.
    pub(super) fn start(
        options: PluginOptions,
        plugin: &Plugin,
        clusters: Vec<String>,
        listener: &TcpListener,
        equipment: &Equipment,
    ) -> anyhow::Result<(Self, Threads)> {
        let workers = usize::try_from(plugin.workers()).unwrap_or(usize::MAX);
        let channels = (0..=workers).map(|_| unbounded_channel());
        let (orders, received): (Vec<_>, Vec<_>) = channels.unzip();
        let wakers = Wakers(Arc::new(orders.clone()));
        let mut threads = Threads(Vec::new());
        for (index, orders) in received.into_iter().enumerate() {
            // The main thread serves nobody.
            let listener = (index > 0).then(|| listener.try_clone()).transpose()?;
            let post = Post {
                orders,
                listener,
                wakers: wakers.clone(),
                equipment: equipment.clone(),
            };
            threads.0.push(thread::spawn(move || post.run()));
        }
        let mut fleet = Self {
            options,
            clusters,
            module: Vec::new(),
            generation: 0,
            orders,
            upstream_http: equipment.upstream_http,
        };
        let bytes = std::fs::read(&plugin.file).with_context(|| plugin.name().to_string())?;
        fleet.start_generation(plugin, bytes)?;
        Ok((fleet, threads))
    }

    fn start_generation(&mut self, plugin: &Plugin, bytes: Vec<u8>) -> anyhow::Result<()> {
        let module = Module::unmetered(&bytes).with_context(|| plugin.name().to_string())?;
        let module = plugin.with_symbols(module)?;
        let service = |cluster: &String| Service {
            cluster: cluster.clone(),
            // It is never asked: callouts go outside before.
            behaviour: ServiceBehaviour::Hang,
        };
        let builder = plugin
            .builder(&module)
            .services(self.clusters.iter().map(service).collect())
            .upstream_http(self.upstream_http)
            .clock(Timestamp::now());
        self.generation = self.generation.saturating_add(1);
        let seeds = self.order_start(0, Start::Main(builder), plugin)?;
        for (index, seed) in seeds.into_iter().enumerate() {
            self.order_start(index.saturating_add(1), Start::Worker(seed), plugin)?;
        }
        self.module = bytes;
        Ok(())
    }

    fn order_start(
        &self,
        thread: usize,
        start: Start,
        plugin: &Plugin,
    ) -> anyhow::Result<Vec<WorkerSeed>> {
        let outcome = self.order(thread, |reply| {
            Order::Start(self.generation, Box::new(start), reply)
        })?;
        crate::command::started(outcome, plugin)
    }

    /// Gives an order and waits until it is carried out.
    fn order<T>(&self, thread: usize, order: impl FnOnce(Sender<T>) -> Order) -> anyhow::Result<T> {
        let (reply, outcome) = mpsc::channel();
        let orders = self.orders.get(thread).context("no such thread")?;
        orders
            .send(order(reply))
            .map_err(|_| anyhow!("a thread of the proxy has ended"))?;
        Ok(outcome.recv()?)
    }

    /// Takes a changed configuration as Envoy does, and a changed module as Envoy takes a new VM. Shared data do not outlive a module.
    ///
    /// # Errors
    ///
    /// When the filter does not start or refuses its configuration; then nothing changes.
    pub(super) fn reload(&mut self) -> anyhow::Result<&'static str> {
        let plugin = self.options.resolve()?;
        let bytes = std::fs::read(&plugin.file).with_context(|| plugin.name().to_string())?;
        if bytes != self.module {
            self.start_generation(&plugin, bytes)?;
            return Ok("the filter");
        }
        for thread in 0..self.orders.len() {
            let configuration = plugin.configuration.clone();
            match self.order(thread, |reply| Order::Configure(configuration, reply))? {
                Ok(()) => {}
                Err(StartError::Rejected { log, .. }) => {
                    bail!("the configuration is refused: {}", reasons(&log).join("\n"))
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok("the configuration")
    }
}

/// The threads themselves.
pub(super) struct Threads(Vec<JoinHandle<anyhow::Result<()>>>);

impl Threads {
    /// Waits until all have ended, and says why if one could not go on.
    pub(super) fn join(self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for thread in self.0 {
            let ended = thread.join();
            let ended = ended.map_err(|_| anyhow!("a thread of the proxy has panicked"));
            outcome = outcome.and(ended.and_then(|ended| ended));
        }
        outcome
    }

    /// Whether one has ended before it was to.
    pub(super) fn any_has_ended(&self) -> bool {
        self.0.iter().any(JoinHandle::is_finished)
    }
}

/// What a thread does.
struct Post {
    orders: UnboundedReceiver<Order>,
    listener: Option<TcpListener>,
    wakers: Wakers,
    equipment: Equipment,
}

impl Post {
    fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, self.serve())
    }

    async fn serve(mut self) -> anyhow::Result<()> {
        let Equipment {
            outside,
            trace,
            resets_with,
            mut stopping,
            ..
        } = self.equipment;
        let until = stopping.clone();
        let has_clients = self.listener.is_some();
        let station = Rc::new(Station::new(outside(), self.wakers, trace, resets_with));
        let ticking = tokio::task::spawn_local(Rc::clone(&station).tick());
        let serving = async {
            match self.listener {
                Some(listener) => {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    proxy::serve(listener, Rc::clone(&station), until).await
                }
                None => std::future::pending().await,
            }
        };
        let obeying = async {
            while let Some(order) = self.orders.recv().await {
                obey(&station, order);
            }
        };
        let stop = async {
            // Nobody is left who could say so.
            let _ = stopping.wait_for(|stops| *stops).await;
            if has_clients {
                tokio::time::sleep(LAST_CALLS).await;
            }
        };
        let outcome = tokio::select! {
            served = serving => served.map_err(Into::into),
            () = obeying => Ok(()),
            error = station.breaks() => Err(error),
            () = stop => Ok(()),
        };
        ticking.abort();
        station.shut_down();
        outcome
    }
}

fn obey(station: &Rc<Station>, order: Order) {
    // Whoever does not wait for the outcome does not want to know.
    match order {
        Order::Start(generation, start, reply) => {
            let outcome = start.simulator().map(|(simulator, seeds)| {
                station.take_over(generation, simulator);
                seeds
            });
            let _ = reply.send(outcome);
        }
        Order::Configure(configuration, reply) => {
            let _ = reply.send(station.configure(&configuration));
        }
        Order::Wake => station.settle(),
    }
}
