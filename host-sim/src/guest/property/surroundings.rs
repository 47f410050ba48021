//! What is around a stream: its connection, its peers, the upstream, and the route in Envoy's configuration (`xds.*`).
//!
//! A simulation has one listener, one route and one cluster, and these are their names and addresses.

use super::encoding::{empty_map, flag, integer, text};
use super::{Found, NOT_FOUND, NOT_SERIALIZABLE, PropertyError};
use crate::http::stream::{Contact, HttpStream};

/// Where clients connect to.
pub(super) const LISTENER: &str = "127.0.0.1:10000";
/// Where the upstream listens.
const UPSTREAM: &str = "127.0.0.1:8080";
/// Whence Envoy connects to it.
const UPSTREAM_LOCAL: &str = "127.0.0.1:50000";

/// Why there is no connection to it where nobody listens.
const REFUSED: &str = "delayed connect error: Connection refused";

/// `source.*` and `destination.*`.
pub(super) fn peer(address: &str, rest: &[&str]) -> Found {
    match rest {
        [] => NOT_SERIALIZABLE,
        ["address"] => text(address),
        ["port"] => port(address),
        _ => NOT_FOUND,
    }
}

fn port(address: &str) -> Found {
    let port = address.rsplit(':').next();
    let port = port.and_then(|port| port.parse::<u64>().ok());
    port.map_or(NOT_FOUND, integer)
}

/// `connection.*`, of a connection without TLS.
pub(super) fn connection(stream: &HttpStream, rest: &[&str]) -> Found {
    match rest {
        [] => NOT_SERIALIZABLE,
        ["id"] => integer(stream.connection),
        ["mtls"] => flag(false),
        ["requested_server_name"] => text(""),
        _ => NOT_FOUND,
    }
}

/// `upstream.*`, most of which is there once Envoy has got in touch with a host. The attempts are counted from when the router asks for
/// one, whether there is any.
pub(super) fn upstream(stream: &HttpStream, rest: &[&str]) -> Found {
    let contact = stream.contact();
    match rest {
        [] => NOT_SERIALIZABLE,
        ["request_attempt_count"] => integer(stream.attempts()),
        ["tls_version"] => NOT_FOUND,
        _ if contact == Contact::None => NOT_FOUND,
        ["address"] => text(UPSTREAM),
        ["port"] => port(UPSTREAM),
        ["local_address"] if contact == Contact::Refused => NOT_FOUND,
        ["local_address"] => text(UPSTREAM_LOCAL),
        ["transport_failure_reason"] if contact == Contact::Refused => text(REFUSED),
        // No failure, and the message of a place without a name.
        ["transport_failure_reason" | "locality"] => text(""),
        ["cx_pool_ready_duration"] => integer(0_u64),
        _ => NOT_FOUND,
    }
}

/// `xds.*`. Whole messages without any content are no bytes.
pub(super) fn xds(stream: Option<&HttpStream>, rest: &[&str]) -> Found {
    match rest {
        [] => NOT_SERIALIZABLE,
        ["node", "id" | "cluster"] => text("host-sim"),
        ["node", "metadata"] => empty_map(),
        // The message `envoy.config.core.v3.Node` with its id and its cluster.
        ["node"] => text("\n\u{8}host-sim\u{12}\u{8}host-sim"),
        ["listener_direction"] => integer(0_u64),
        ["listener_metadata"] => text(""),
        _ => of_route(stream.ok_or(PropertyError::NotFound)?, rest),
    }
}

fn of_route(stream: &HttpStream, rest: &[&str]) -> Found {
    match rest {
        ["cluster_name" | "virtual_host_name"] => text("api"),
        ["route_name" | "filter_chain_name"] => text(""),
        ["cluster_metadata" | "route_metadata" | "virtual_host_metadata"] => text(""),
        // A host without metadata has a message that is not even empty.
        ["upstream_host_metadata" | "upstream_host_locality_metadata"]
            if stream.contact() != Contact::None =>
        {
            NOT_SERIALIZABLE
        }
        _ => NOT_FOUND,
    }
}
