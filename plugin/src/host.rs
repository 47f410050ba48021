//! The host: the only file that makes hostcalls, but for those of [shared data](shared_data).
//!
//! The calls are declared here instead of taken from the SDK, whose wrappers panic on every status that they do not expect, and a
//! panic kills the worker's VM with all its calls. Here every status is a value: what cannot be read is absent, what cannot be told
//! is left untold, and only what must not fail silently (shared data, calls of the filter's own) is an error.

#![allow(
    unsafe_code,
    reason = "hostcalls are foreign functions; each block says why it is sound"
)]

use std::{ptr::null_mut, time::Duration};

use jiff::Timestamp;

use crate::{
    call::Action,
    callout::{Callout, CalloutId},
    header_map::{HeaderMap, serialize},
    ledger::HostRefused,
    meter::Ending,
};

mod shared_data;

pub(crate) use shared_data::HostSharedData;

// The host functions used, as in the Proxy-Wasm ABI 0.2.1. All return a status.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        key: *const u8,
        key_len: usize,
        value: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_len: usize,
        value: *const u8,
        len: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_len: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_len: usize,
        value: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, len: usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, len: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
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
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        trailers: *const u8,
        trailers_len: usize,
        timeout: u32,
        id: *mut u32,
    ) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, len: usize) -> u16;
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

const REQUEST_BODY: u32 = 0;
const CALLOUT_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const CALLOUT_HEADERS: u32 = 6;

const REQUEST: u32 = 0;

const COUNTER: u32 = 0;

/// In a second.
const NANOSECONDS: u64 = 1_000_000_000;

/// Severities of log lines.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Level {
    Debug = 1,
    Warn = 3,
    Error = 4,
}

/// Writes a line to the proxy's log.
pub(crate) fn log(level: Level, message: &str) {
    // SAFETY: the host reads the message during the call. A log that is refused cannot be reported anywhere.
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The time of the host's clock; the epoch if the host does not tell.
pub(crate) fn now() -> Timestamp {
    let mut nanoseconds = 0;
    // SAFETY: the host writes eight bytes to a live variable.
    unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
    let seconds = i64::try_from(nanoseconds / NANOSECONDS).unwrap_or(i64::MAX);
    let rest = i32::try_from(nanoseconds % NANOSECONDS).unwrap_or_default();
    Timestamp::new(seconds, rest).unwrap_or(Timestamp::MAX)
}

/// Eight bytes by lot.
pub(crate) fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    // SAFETY: the host writes eight bytes to a live variable. Without lots there is still one proxy of that name.
    unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

/// Has the plugin's timer tick so often.
pub(crate) fn set_tick_period(period: Duration) {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: one number. Without ticks, slots are not renewed: calls longer than a lease are not counted.
    unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
}

/// The plugin's configuration; empty if there is none.
pub(crate) fn plugin_configuration() -> Vec<u8> {
    buffer(PLUGIN_CONFIGURATION, usize::MAX)
}

/// What is buffered of the request's body, at most `max` bytes.
pub(crate) fn request_body(max: usize) -> Vec<u8> {
    buffer(REQUEST_BODY, max)
}

fn buffer(buffer: u32, max: usize) -> Vec<u8> {
    let max = max.min(u32::MAX as usize);
    // SAFETY: the host writes to the two variables of `receive`.
    let bytes = receive(|data, len| unsafe { proxy_get_buffer_bytes(buffer, 0, max, data, len) });
    bytes.ok().flatten().unwrap_or_default()
}

/// The head of the request.
pub(crate) fn request_headers() -> HeaderMap {
    // SAFETY: the host writes to the two variables of `receive`.
    let pairs =
        receive(|data, len| unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, data, len) });
    HeaderMap::new(pairs.ok().flatten().unwrap_or_default())
}

/// The first value of a request header.
pub(crate) fn request_header(name: &str) -> Option<Vec<u8>> {
    header(REQUEST_HEADERS, name)
}

/// The first value of a response header.
pub(crate) fn response_header(name: &str) -> Option<Vec<u8>> {
    header(RESPONSE_HEADERS, name)
}

fn header(map: u32, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the host reads the name during the call and writes to the two variables of `receive`.
    let value = receive(|data, len| unsafe {
        proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, len)
    });
    value.ok().flatten()
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
fn number(path: &str) -> Option<u64> {
    let value = property(path)?;
    value.as_slice().try_into().ok().map(u64::from_le_bytes)
}

/// A header of the answer to one of the filter's own calls.
pub(crate) fn callout_header(name: &str) -> Option<Vec<u8>> {
    header(CALLOUT_HEADERS, name)
}

/// The body of the answer to one of the filter's own calls, at most `max` bytes.
pub(crate) fn callout_body(max: usize) -> Vec<u8> {
    buffer(CALLOUT_BODY, max)
}

/// Makes a call. Its answer comes to the plugin, whichever context the call is made in.
pub(crate) fn call_out(callout: &Callout) -> Result<CalloutId, HostRefused> {
    let fields = callout.headers.iter();
    let fields: Vec<_> = fields
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (headers, trailers) = (serialize(&fields), serialize(&[]));
    let timeout = u32::try_from(callout.timeout.as_millis()).unwrap_or(u32::MAX);
    let mut id = 0;
    // SAFETY: the host reads all texts during the call and writes four bytes to a live variable.
    let status = unsafe {
        proxy_http_call(
            callout.cluster.as_ptr(),
            callout.cluster.len(),
            headers.as_ptr(),
            headers.len(),
            callout.body.as_ptr(),
            callout.body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut id,
        )
    };
    accepted("proxy_http_call", status).map(|()| CalloutId(id))
}

/// From now on hostcalls are about this call, until the callback returns; whether there is such a call.
pub(crate) fn enter_call(context: u32) -> bool {
    // SAFETY: one number.
    unsafe { proxy_set_effective_context(context) == OK }
}

/// Lets the call go on that hostcalls are about.
pub(crate) fn continue_request() {
    // SAFETY: one number. Every host that can hold a call lets it go on.
    unsafe { proxy_continue_stream(REQUEST) };
}

/// Removes every value of a request header.
pub(crate) fn remove_request_header(name: &str) {
    // SAFETY: the host reads the name during the call.
    unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) };
}

/// Sets a response header to one value, or removes it.
pub(crate) fn set_response_header(name: &str, value: Option<&str>) {
    let (key, key_len) = (name.as_ptr(), name.len());
    // SAFETY: the host reads name and value during the call.
    unsafe {
        match value {
            Some(value) => proxy_replace_header_map_value(
                RESPONSE_HEADERS,
                key,
                key_len,
                value.as_ptr(),
                value.len(),
            ),
            None => proxy_remove_header_map_value(RESPONSE_HEADERS, key, key_len),
        }
    };
}

/// The value of a property, by its path with NUL between the segments.
pub(crate) fn property(path: &str) -> Option<Vec<u8>> {
    // SAFETY: the host reads the path during the call and writes to the two variables of `receive`.
    let value =
        receive(|data, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, len) });
    value.ok().flatten()
}

/// Sets a property of the call, which access logs read as the filter state `wasm.<name>`.
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
        let mut id = 0;
        // SAFETY: the host reads the name during the call and writes four bytes to a live variable.
        let status =
            unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut id) };
        (status == OK).then_some(Self(id))
    }

    /// Adds to the counter. `count` is at least 1: hosts refuse to add nothing.
    pub(crate) fn add(self, count: u64) {
        let offset = i64::try_from(count).unwrap_or(i64::MAX);
        // SAFETY: two numbers. A counter that cannot be counted must not stop a call.
        unsafe { proxy_increment_metric(self.0, offset) };
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
    accepted("proxy_send_local_response", status)
}

/// Refuses a call to a plugin that has no configuration.
pub(crate) fn refuse_unconfigured() -> Action {
    if let Err(refused) = send_local_response(503, "unconfigured", &[], &[], 14) {
        log(
            Level::Error,
            &format!("an unconfigured plugin cannot answer: {refused}"),
        );
    }
    Action::Pause
}

fn accepted(call: &'static str, status: u32) -> Result<(), HostRefused> {
    if status == OK {
        Ok(())
    } else {
        Err(HostRefused { call, status })
    }
}

/// Bytes that the host hands over: it has them allocated by `proxy_on_memory_allocate` and tells where they are. `None` for what the
/// host does not find; the status for any other failure.
fn receive(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, u32> {
    let (mut data, mut len) = (null_mut(), 0);
    match call(&raw mut data, &raw mut len) {
        OK if data.is_null() => Ok(Some(Vec::new())),
        // SAFETY: `proxy_on_memory_allocate` made `data` as a boxed slice of `len` bytes, and the host gives it away.
        OK => Ok(Some(unsafe { Vec::from_raw_parts(data, len, len) })),
        NOT_FOUND => Ok(None),
        status => Err(status),
    }
}
