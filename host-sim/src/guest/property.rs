//! What `proxy_get_property` knows: a path of segments, looked up in the stream and encoded as Envoy encodes it.
//!
//! Strings are raw bytes, integers eight bytes little endian, timestamps and durations nanoseconds, maps lists of pairs. What
//! depends on headers can only be read while the plugin may see those headers, as in Envoy, and what is about the upstream once there is
//! one. Attributes that are not here are answered as not found.

mod encoding;
mod metadata;
mod request;
mod response;
mod surroundings;

use crate::http::stream::HttpStream;
use crate::model::PluginSettings;
use crate::model::clock::Instant;
use crate::model::metadata::Metadata;
use encoding::{integer, text};

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PropertyError {
    /// Nothing of that name, or not now.
    NotFound,
    /// It is there but cannot be expressed as bytes, such as the whole of `request`.
    NotSerializable,
}

/// Everything that properties are about.
pub(crate) struct Properties<'a> {
    /// The settings of the plugin that asks.
    pub(crate) plugin: Option<&'a PluginSettings>,
    pub(crate) metadata: &'a Metadata,
    pub(crate) stream: Option<&'a HttpStream>,
    pub(crate) now: Instant,
}

type Found = Result<Vec<u8>, PropertyError>;

const NOT_FOUND: Found = Err(PropertyError::NotFound);
const NOT_SERIALIZABLE: Found = Err(PropertyError::NotSerializable);

impl Properties<'_> {
    /// The value at a path whose segments are separated by zero bytes.
    pub(crate) fn get(&self, path: &[u8]) -> Found {
        if path.is_empty() {
            return NOT_SERIALIZABLE;
        }
        let mut segments = path
            .strip_suffix(b"\0")
            .unwrap_or(path)
            .split(|byte| *byte == 0);
        let first = segments.next().unwrap_or_default();
        let rest: Vec<_> = segments.map(String::from_utf8_lossy).collect();
        let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
        match first {
            b"plugin_name" => self.of_plugin(&rest, |plugin| &plugin.name),
            b"plugin_root_id" => self.of_plugin(&rest, |plugin| &plugin.root_id),
            b"plugin_vm_id" => self.of_plugin(&rest, |plugin| &plugin.vm_id),
            b"xds" => surroundings::xds(self.stream, &rest),
            other => self.of_stream(other, &rest),
        }
    }

    fn of_plugin(&self, rest: &[&str], setting: fn(&PluginSettings) -> &str) -> Found {
        let plugin = self.plugin.ok_or(PropertyError::NotFound)?;
        leaf(rest, setting(plugin))
    }

    fn of_stream(&self, first: &[u8], rest: &[&str]) -> Found {
        let stream = self.stream.ok_or(PropertyError::NotFound)?;
        match (first, rest) {
            (b"request", rest) => request::get(stream, rest, self.now),
            (b"response", rest) => response::get(stream, rest),
            (b"metadata", rest) => metadata::get(self.metadata, rest),
            (b"upstream", rest) => surroundings::upstream(stream, rest),
            (b"connection_id", []) => integer(stream.connection),
            (b"connection", rest) => surroundings::connection(stream, rest),
            (b"source", rest) => surroundings::peer(&stream.source(), rest),
            (b"destination", rest) => surroundings::peer(surroundings::LISTENER, rest),
            (b"filter_state", [key]) => {
                let of_plugin = key.strip_prefix("wasm.").map(str::as_bytes);
                let state = stream.filter_state.borrow();
                let own = of_plugin.and_then(|key| state.get(key));
                let found = own.or_else(|| state.objects.get(*key).map(Vec::as_slice));
                found.map(<[u8]>::to_vec).ok_or(PropertyError::NotFound)
            }
            (b"filter_state", []) => NOT_SERIALIZABLE,
            (key, []) => stream
                .filter_state
                .borrow()
                .get(key)
                .map(<[u8]>::to_vec)
                .ok_or(PropertyError::NotFound),
            _ => NOT_FOUND,
        }
    }
}

fn leaf(rest: &[&str], value: &str) -> Found {
    if rest.is_empty() {
        text(value)
    } else {
        NOT_FOUND
    }
}
