//! The host: the only file that makes hostcalls, but for those of [shared data](shared_data) and of [capabilities].
//!
//! They are those of the SDK, whose wrappers panic on every status that they do not expect, and a panic kills the worker's VM with all its
//! calls. So each is made only where Envoy 1.36 to 1.40 answers nothing else:
//!
//! | call | where | what Envoy answers |
//! |---|---|---|
//! | `log`, `get_current_time`, `set_tick_period`, `define_metric` | anywhere | `Ok` |
//! | `get_buffer` | for the configuration, a request's or a response's body and a callout's answer | `Ok`, or `NotFound` where there is none |
//! | `get_map_value_bytes` | for a response at its head, for its trailers as they pass, for a callout only if it was answered | `Ok`, `NotFound`; elsewhere `BadArgument` |
//! | `set_map_value` | for a request while it is held, for a response at its head | `Ok`; elsewhere `BadArgument` |
//! | `increment_metric` | for what was defined | `Ok` |
//! | `dispatch_http_call` | in the root context's callbacks | `Ok`; `BadArgument` for an unknown cluster, `InternalFailure` |
//! | `set_effective_context` | anywhere | `Ok`; `BadArgument` for a call that is over |
//! | `resume_http_request` | for a call that is held | `Ok` |
//! | `get_shared_data`, `set_shared_data` | anywhere | `Ok`, `NotFound`; `CasMismatch` |
//!
//! A host that restricts the plugin answers `InternalFailure` to what it does not allow: [capabilities] finds that out before the plugin
//! starts. Four calls are declared here, because the SDK's do not do what is needed, and each says why.

#![allow(
    unsafe_code,
    reason = "hostcalls are foreign functions; each block says why it is sound"
)]

use std::{ptr::null_mut, time::Duration};

use jiff::Timestamp;
use proxy_wasm::{
    hostcalls,
    types::{BufferType, MapType, MetricType, Status},
};

pub(crate) use proxy_wasm::types::LogLevel as Level;

use crate::{
    accounts::ledger::HostRefused,
    decide::meter::Ending,
    model::header_map::{HeaderMap, serialize},
    outbound::callout::{Callout, CalloutId},
};

pub(crate) mod capabilities;
mod shared_data;

pub(crate) use shared_data::HostSharedData;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// The SDK's copies every name and value into a string of its own, twenty of them with the headers of a browser.
    fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, len: *mut usize) -> u32;
    /// The SDK's copies the path twice.
    fn proxy_get_property(
        path: *const u8,
        path_len: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    /// The SDK's panics where another filter of the chain has made the property one that cannot be changed.
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, len: usize) -> u32;
    /// The SDK's tells either a status of HTTP or one of gRPC, and no details.
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    ) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, len: usize) -> u16;
}

/// Writes a line to the proxy's log. A log that is refused cannot be reported anywhere.
pub(crate) fn log(level: Level, message: &str) {
    let _ = hostcalls::log(level, message);
}

/// The time of the host's clock; the epoch if the host does not tell.
pub(crate) fn now() -> Timestamp {
    let time = hostcalls::get_current_time().unwrap_or(std::time::UNIX_EPOCH);
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// Eight bytes by lot.
pub(crate) fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    // SAFETY: the host writes eight bytes to a live variable. Without lots there is still one proxy of that name.
    unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

/// Has the plugin's timer tick so often. Without ticks, slots are not renewed: calls longer than a lease are not counted.
pub(crate) fn set_tick_period(period: Duration) {
    let _ = hostcalls::set_tick_period(period);
}

/// The plugin's configuration; empty if there is none.
pub(crate) fn plugin_configuration() -> Vec<u8> {
    buffer(BufferType::PluginConfiguration, usize::MAX)
}

/// What is buffered of the request's body, at most `max` bytes.
pub(crate) fn request_body(max: usize) -> Vec<u8> {
    buffer(BufferType::HttpRequestBody, max)
}

fn buffer(buffer: BufferType, max: usize) -> Vec<u8> {
    hostcalls::get_buffer(buffer, 0, max)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The head of the request.
pub(crate) fn request_headers() -> HeaderMap {
    // SAFETY: the host writes to the two variables of `receive`.
    let pairs = receive(|data, len| unsafe {
        proxy_get_header_map_pairs(MapType::HttpRequestHeaders, data, len)
    });
    HeaderMap::new(pairs.unwrap_or_default())
}

/// The first value of a request header.
#[cfg(feature = "crash_on_demand")]
pub(crate) fn request_header(name: &str) -> Option<Vec<u8>> {
    header(MapType::HttpRequestHeaders, name)
}

/// The first value of a response header, at the head of the response.
pub(crate) fn response_header(name: &str) -> Option<Vec<u8>> {
    header(MapType::HttpResponseHeaders, name)
}

/// All values of a response trailer, joined, while the trailers pass: which of several is meant is not for the filter to guess.
pub(crate) fn response_trailer(name: &str) -> Option<Vec<u8>> {
    // SAFETY: the host writes to the two variables of `receive`.
    let pairs = receive(|data, len| unsafe {
        proxy_get_header_map_pairs(MapType::HttpResponseTrailers, data, len)
    });
    let trailers = HeaderMap::new(pairs?);
    trailers.joined(name).map(std::borrow::Cow::into_owned)
}

/// The piece of a response's body that passes, at most `max` bytes of it.
pub(crate) fn response_body(max: usize) -> Vec<u8> {
    buffer(BufferType::HttpResponseBody, max)
}

/// A header of the answer to one of the filter's own calls, if there is an answer.
pub(crate) fn callout_header(name: &str) -> Option<Vec<u8>> {
    header(MapType::HttpCallResponseHeaders, name)
}

fn header(map: MapType, name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(map, name).ok().flatten()
}

/// How the call ended: by the property `response.code`, which is there if anybody got an answer, and the flag `OM` in `response.flags`
/// (Envoy, `envoy/stream_info/stream_info.h`, `CoreResponseFlag`).
pub(crate) fn ending() -> Ending {
    const OVERLOAD_MANAGER: u64 = 1 << 25;
    if let Some(status) = number("response\0code") {
        Ending::Answered(u16::try_from(status).unwrap_or_default())
    } else if number("response\0flags").unwrap_or_default() & OVERLOAD_MANAGER != 0 {
        Ending::Overloaded
    } else {
        Ending::Unanswered
    }
}

/// How often an upstream was asked, with retries; `None` where the host does not tell.
pub(crate) fn request_attempts() -> Option<u64> {
    number("upstream\0request_attempt_count")
}

/// The value of a property that is a number.
#[inline]
fn number(path: &str) -> Option<u64> {
    let value = property(path)?;
    value.as_slice().try_into().ok().map(u64::from_le_bytes)
}

/// The body of the answer to one of the filter's own calls, at most `max` bytes.
pub(crate) fn callout_body(max: usize) -> Vec<u8> {
    buffer(BufferType::HttpCallResponseBody, max)
}

/// Makes a call. Its answer comes to the context whose callback this is.
pub(crate) fn call_out(callout: &Callout) -> Result<CalloutId, HostRefused> {
    let fields = callout.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
    let (headers, body) = (fields.collect(), Some(callout.body.as_slice()));
    hostcalls::dispatch_http_call(&callout.cluster, headers, body, Vec::new(), callout.timeout)
        .map(CalloutId)
        .map_err(|status| HostRefused {
            call: "proxy_http_call",
            status: status as u32,
        })
}

/// From now on hostcalls are about this call, until the callback returns; whether there is such a call.
pub(crate) fn enter_call(context: u32) -> bool {
    hostcalls::set_effective_context(context).is_ok()
}

/// Lets the call go on that hostcalls are about.
pub(crate) fn continue_request() {
    let _ = hostcalls::resume_http_request();
}

/// Removes every value of a request header.
pub(crate) fn remove_request_header(name: &str) {
    let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
}

/// Sets a response header to one value, or removes it, at the head of the response.
pub(crate) fn set_response_header(name: &str, value: Option<&str>) {
    let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, value);
}

/// The value of a property, by its path with NUL between the segments.
pub(crate) fn property(path: &str) -> Option<Vec<u8>> {
    // SAFETY: the host reads the path during the call and writes to the two variables of `receive`.
    receive(|data, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, len) })
}

/// Sets a property of the call, which access logs read as the filter state `wasm.<name>`. One that cannot be set is left as it is.
pub(crate) fn set_property(name: &str, value: &str) {
    // SAFETY: the host reads name and value during the call.
    unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

/// A counter that the host knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter(u32);

impl Counter {
    /// Defines the counter called `name`, or finds it; `None` if the host has no counters.
    pub(crate) fn define(name: &str) -> Option<Self> {
        hostcalls::define_metric(MetricType::Counter, name)
            .ok()
            .map(Self)
    }

    /// Adds to the counter. `count` is at least 1: hosts refuse to add nothing.
    pub(crate) fn add(self, count: u64) {
        let _ = hostcalls::increment_metric(self.0, i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// Answers the call. `headers` are added to those that the proxy sets; `grpc_status` counts for gRPC calls alone.
pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    grpc_status: i32,
) -> Result<(), HostRefused> {
    let headers = serialize(headers);
    // SAFETY: the host reads details, body and headers during the call.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    };
    if status == OK {
        Ok(())
    } else {
        let call = "proxy_send_local_response";
        Err(HostRefused { call, status })
    }
}

/// Bytes that the host hands over: it has them allocated by `proxy_on_memory_allocate` and tells where they are. `None` for what it does
/// not have or does not tell.
fn receive(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut len) = (null_mut(), 0);
    match call(&raw mut data, &raw mut len) {
        OK if data.is_null() => Some(Vec::new()),
        // SAFETY: `proxy_on_memory_allocate` made `data` as a boxed slice of `len` bytes, and the host gives it away.
        OK => Some(unsafe { Vec::from_raw_parts(data, len, len) }),
        _ => None,
    }
}

const OK: u32 = Status::Ok as u32;
