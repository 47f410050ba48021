//! What hostcalls find behind them: the contexts of one VM, and whose turn it is.

mod outbound;
mod running;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use wasmtime::{Memory, TypedFunc};

use crate::abi::{MapType, StreamType};
use crate::guest::limits::{Limits, MemoryGuard};
use crate::guest::property::{Properties, PropertyError};
use crate::host::Host;
use crate::host::grpc_call::GrpcEvent;
use crate::host::metrics::MetricIds;
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::stream::{HttpStream, Side};
use crate::model::clock::Instant;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{FailurePolicy, PluginSettings};
use outbound::Outbound;
use running::{Position, Running};

/// The identity of a VM. Plugins of the same module with the same identity live in one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) version: EnvoyVersion,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) limits: Limits,
    /// The hostcalls and callbacks that are allowed; everything if there is no such list.
    pub(crate) capabilities: Option<BTreeSet<String>>,
}

impl Identity {
    /// Whether plugins of which this is said live in one VM.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.vm_id == other.vm_id
            && self.vm_configuration == other.vm_configuration
            && self.limits == other.limits
            && self.capabilities == other.capabilities
            && (self.environment == other.environment || !self.version.tells_environments_apart())
    }

    /// Whether plugins of one VM with these settings share a root context, if they have one configuration.
    pub(crate) fn shares_context(&self, own: &PluginSettings, other: &PluginSettings) -> bool {
        let told = |settings: &PluginSettings| {
            let mut told = settings.clone();
            if !self.version.tells_environments_apart() {
                told.environment.clear();
            }
            if !self.version.tells_policies_apart() {
                told.failure_policy = FailurePolicy::default();
                told.reload_after_ms = None;
            }
            told
        };
        own == other || told(own) == told(other)
    }

    /// Whether the plugin may make this hostcall, or gets this callback.
    pub(crate) fn allows(&self, capability: &str) -> bool {
        let listed = |list: &BTreeSet<String>| list.contains(capability);
        self.capabilities.as_ref().is_none_or(listed)
    }
}

/// A plugin that lives in a VM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plugin {
    /// Envoy's own settings of it.
    pub(crate) settings: PluginSettings,
    /// How traces call the VM in its callbacks; empty when there is only one.
    pub(crate) label: String,
}

/// Which hostcalls a module may make now; any other ends the VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `_initialize` or `_start` runs: only `proxy_log` and most of WASI.
    #[default]
    Starting,
    /// Everything.
    Running,
    /// The host calls the guest's allocator: only `proxy_log`, `fd_write`, `clock_time_get` and `poll_oneoff`.
    Allocating,
}

/// Something that a hostcall asked for and that Envoy does after the callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deferred {
    Respond(u32, LocalResponse),
    Resume(u32, Side),
    Reset(u32, StreamType),
    /// A root context has finished its work.
    Delete(u32),
}

impl Deferred {
    /// The stream that it is about.
    pub(crate) fn stream(&self) -> Option<u32> {
        match self {
            Self::Respond(id, _) | Self::Resume(id, _) | Self::Reset(id, _) => Some(*id),
            Self::Delete(_) => None,
        }
    }
}

/// A root context: one per configuration.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub(crate) tick: Option<Tick>,
    /// `proxy_on_done` said "not yet".
    pub(crate) pending_done: bool,
    /// How the call that is just coming back went.
    pub(crate) status: CallStatus,
    /// Properties that were declared.
    pub(crate) declared: BTreeSet<String>,
    /// Whose plugin it is.
    pub(crate) handle: usize,
}

impl Root {
    /// A new root context of the plugin with this handle.
    pub(crate) fn of(handle: usize) -> Self {
        Self {
            handle,
            ..Self::default()
        }
    }
}

/// What `proxy_get_status` tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallStatus {
    pub(crate) code: u32,
    pub(crate) message: String,
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) period: Duration,
    pub(crate) due: Instant,
}

/// The guest's memory.
pub(crate) struct GuestMemory {
    /// Holds it to its limit.
    pub(crate) guard: MemoryGuard,
    /// Its own, or the one that it imports.
    pub(crate) exported: Option<Memory>,
    /// By which the host gets room in it.
    pub(crate) allocator: Option<TypedFunc<u32, u32>>,
}

/// The data of one VM's store.
pub(crate) struct VmState {
    pub(crate) host: Rc<Host>,
    pub(crate) identity: Rc<Identity>,
    /// By which the process knows this VM.
    pub(crate) number: u32,
    /// The plugins that live here, by their handles.
    plugins: Vec<Rc<Plugin>>,
    pub(crate) phase: Phase,
    pub(crate) memory: GuestMemory,
    /// A nested call of the guest failed. The running callback goes on, and is the last.
    pub(crate) poison: Option<wasmtime::Error>,
    pub(crate) roots: BTreeMap<u32, Root>,
    /// Streams are large, and move within the map whenever one comes or goes.
    pub(crate) streams: BTreeMap<u32, Box<HttpStream>>,
    pub(crate) metric_ids: MetricIds,
    /// What it has called out for.
    pub(crate) outbound: Outbound,
    /// The callback that runs.
    pub(crate) running: Running,
    /// What a hostcall gives the guest, to be written over by the next one.
    pub(crate) found: Vec<u8>,
    next_context: Rc<Cell<u32>>,
}

impl VmState {
    /// That of a VM which starts for this plugin.
    pub(crate) fn new(host: Rc<Host>, identity: Rc<Identity>, plugin: Rc<Plugin>) -> Self {
        let guard = MemoryGuard::new(identity.limits);
        Self {
            number: host.number_vm(),
            host,
            identity,
            plugins: vec![plugin],
            phase: Phase::default(),
            memory: GuestMemory {
                guard,
                exported: None,
                allocator: None,
            },
            poison: None,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            metric_ids: MetricIds::default(),
            outbound: Outbound::default(),
            running: Running::default(),
            found: Vec::new(),
            next_context: Rc::new(Cell::new(1)),
        }
    }

    /// A number for a new context. Numbers are not used twice.
    pub(crate) fn take_context_id(&mut self) -> u32 {
        let id = self.next_context.get();
        self.next_context.set(id.saturating_add(1));
        id
    }

    /// From now on no context gets a number that one of this other VM has.
    pub(crate) fn number_contexts_with(&mut self, other: &Self) {
        self.next_context = Rc::clone(&other.next_context);
    }

    /// A plugin gets this handle.
    pub(crate) fn handle(&mut self, handle: usize, plugin: &Rc<Plugin>) {
        self.plugins.truncate(handle);
        self.plugins.push(Rc::clone(plugin));
    }

    /// How traces call this VM.
    pub(crate) fn label(&self) -> &str {
        let plugin = self.plugins.get(self.running.at.handle);
        plugin.map_or("", |plugin| &plugin.label)
    }

    fn handle_of(&self, context: u32) -> Option<usize> {
        let of_root = || self.roots.get(&context).map(|root| root.handle);
        let of_stream = self.streams.get(&context).map(|stream| stream.handle);
        of_stream.or_else(of_root)
    }

    /// A callback is about to be made for this context.
    pub(crate) fn enter(&mut self, context: u32) {
        let handle = self.handle_of(context);
        let at = &mut self.running.at;
        at.handle = handle.unwrap_or(at.handle);
        at.context = context;
        at.effective = None;
        self.running.responded = false;
    }

    /// A callback is about to be made in the middle of another. Says where that one was.
    pub(crate) fn nest(&mut self, context: u32, call_data: Vec<u8>) -> Position {
        let handle = self.handle_of(context).unwrap_or(self.running.at.handle);
        let inner = Position {
            handle,
            context,
            effective: None,
            call_data,
        };
        std::mem::replace(&mut self.running.at, inner)
    }

    /// The callback in the middle is over.
    pub(crate) fn unnest(&mut self, outer: Position) {
        self.running.at = outer;
    }

    /// The context that hostcalls mean.
    pub(crate) fn context(&self) -> u32 {
        let at = &self.running.at;
        at.effective
            .filter(|id| self.has_context(*id))
            .unwrap_or(at.context)
    }

    pub(crate) fn has_context(&self, id: u32) -> bool {
        self.roots.contains_key(&id) || self.streams.contains_key(&id)
    }

    /// The stream that hostcalls mean; `None` in a root context.
    pub(crate) fn stream(&self) -> Option<&HttpStream> {
        self.streams.get(&self.context()).map(AsRef::as_ref)
    }

    /// The stream that hostcalls mean; `None` in a root context.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut HttpStream> {
        let context = self.context();
        self.streams.get_mut(&context).map(AsMut::as_mut)
    }

    /// The root context that hostcalls mean: the context itself or its parent.
    pub(crate) fn root_id(&self) -> u32 {
        self.stream().map_or(self.context(), |stream| stream.root)
    }

    /// The property at a path.
    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, PropertyError> {
        if !self.host.properties.is_empty() && self.stream().is_some() {
            let path = path.strip_suffix(b"\0").unwrap_or(path);
            let dotted = String::from_utf8_lossy(path).replace('\0', ".");
            if let Some(value) = self.host.properties.get(&dotted) {
                return Ok(value.clone());
            }
        }
        let handle = self
            .handle_of(self.context())
            .unwrap_or(self.running.at.handle);
        let properties = Properties {
            plugin: self.plugins.get(handle).map(|plugin| &plugin.settings),
            metadata: &self.host.metadata.borrow(),
            stream: self.stream(),
            now: self.host.clock.get(),
        };
        properties.get(path)
    }

    /// A map for reading: what the plugin may see now, or everything while it logs.
    pub(crate) fn map(&self, of: MapType) -> Option<&HeaderMap> {
        if of == MapType::HttpCallResponseHeaders {
            return self.outbound.reply.as_ref().map(|reply| &reply.headers);
        }
        match (of, &self.outbound.grpc_event) {
            (MapType::GrpcReceiveInitialMetadata, Some(GrpcEvent::InitialMetadata(map)))
            | (MapType::GrpcReceiveTrailingMetadata, Some(GrpcEvent::TrailingMetadata(map))) => {
                return Some(map);
            }
            _ => {}
        }
        let stream = self.stream()?;
        let request = &stream.request;
        let response = stream.response.as_ref();
        match of {
            MapType::RequestHeaders => {
                Some(&request.headers).filter(|_| request.headers_visible || stream.logging)
            }
            MapType::RequestTrailers if stream.logging => None,
            MapType::RequestTrailers => request
                .trailers
                .as_ref()
                .filter(|_| request.trailers_visible),
            MapType::ResponseHeaders if stream.logging => stream.sent_headers(),
            MapType::ResponseHeaders => response
                .filter(|response| response.headers_visible)
                .map(|r| &r.headers),
            MapType::ResponseTrailers => response
                .filter(|response| response.trailers_visible || stream.logging)
                .and_then(|response| response.trailers.as_ref()),
            MapType::GrpcReceiveInitialMetadata
            | MapType::GrpcReceiveTrailingMetadata
            | MapType::HttpCallResponseHeaders
            | MapType::HttpCallResponseTrailers => None,
        }
    }

    /// A map for editing, which Envoy allows only while it holds a pointer to it.
    pub(crate) fn map_mut(&mut self, of: MapType) -> Option<&mut HeaderMap> {
        let stream = self.stream_mut()?;
        match of {
            MapType::RequestHeaders if stream.request.headers_visible => {
                Some(&mut stream.request.headers)
            }
            MapType::RequestTrailers => stream.request.trailers_mut(),
            MapType::ResponseHeaders => stream
                .response
                .as_mut()
                .filter(|response| response.headers_visible)
                .map(|r| &mut r.headers),
            MapType::ResponseTrailers => stream.response.as_mut()?.trailers_mut(),
            MapType::RequestHeaders
            | MapType::GrpcReceiveInitialMetadata
            | MapType::GrpcReceiveTrailingMetadata
            | MapType::HttpCallResponseHeaders
            | MapType::HttpCallResponseTrailers => None,
        }
    }
}
