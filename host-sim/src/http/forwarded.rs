//! Where a request comes from, and what its headers may say of that: `x-forwarded-for` and its like, and headers by which Envoys talk to
//! each other (`ConnectionManagerUtility::mutateRequestHeaders`).

use std::net::{IpAddr, Ipv4Addr};

use super::header_map::HeaderMap;
use crate::model::{CidrRange, ConnectionManager};

/// Who is connected.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What Envoy adds to `x-forwarded-for` for a client on its own machine: the machine's address.
const LOCAL: &str = "127.0.0.1";

/// The port that clients connect to.
const LISTENER_PORT: &str = "10000";

/// Headers that clients from outside may not send.
const FROM_INSIDE: [&str; 17] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
];

/// The same of clients at the edge, where nobody before this Envoy is one.
const FROM_BEFORE: [&str; 5] = [
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-original-host",
    "x-envoy-original-path",
];

/// Whom a request counts as coming from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Whom `x-forwarded-for` names, if that counts.
    pub(super) named: Option<IpAddr>,
    is_internal: bool,
    is_edge: bool,
}

/// Makes the headers say where the request comes from.
pub(super) fn apply(headers: &mut HeaderMap, rules: &ConnectionManager, has_own: bool) -> Origin {
    let hops = rules.xff_num_trusted_hops;
    let forwarded = headers.get("x-forwarded-for");
    let origin = if rules.use_remote_address {
        let named = match (hops.checked_sub(1), forwarded) {
            (Some(hops), Some(value)) => address(value, hops).map(|(address, _)| address),
            _ => None,
        };
        let alone = forwarded.is_none();
        let is_internal = alone && is_internal(named.unwrap_or(PEER), rules);
        Origin {
            named,
            is_internal,
            is_edge: !is_internal,
        }
    } else {
        let found = forwarded.and_then(|value| address(value, hops));
        Origin {
            named: found.map(|(address, _)| address),
            is_internal: found.is_some_and(|(address, alone)| alone && is_internal(address, rules)),
            is_edge: false,
        }
    };
    if rules.use_remote_address && !rules.skip_xff_append {
        headers.add("x-forwarded-for", LOCAL);
    }
    let overwrites = rules.use_remote_address && hops == 0;
    if overwrites || headers.get("x-forwarded-proto").is_none() {
        headers.set("x-forwarded-proto", "http");
    }
    if rules.append_x_forwarded_port && (overwrites || headers.get("x-forwarded-port").is_none()) {
        headers.set("x-forwarded-port", LISTENER_PORT);
    }
    if origin.is_edge {
        let external = origin.named.unwrap_or(PEER).to_string();
        headers.set("x-envoy-external-address", external);
    }
    if origin.is_internal {
        headers.set("x-envoy-internal", "true");
    } else if has_own {
        for name in FROM_INSIDE {
            headers.remove(name);
        }
        if origin.is_edge {
            for name in FROM_BEFORE {
                headers.remove(name);
            }
        }
    }
    origin
}

impl Origin {
    /// Whether the client's own `x-request-id` is replaced.
    pub(super) fn has_new_id(self, rules: &ConnectionManager) -> bool {
        self.is_edge && !rules.preserve_external_request_id
    }
}

/// Whether names of headers begin as those that are for Envoy alone do.
pub(super) fn is_for_envoy(name: &str) -> bool {
    let begins = |with: &str| {
        let start = name.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins("x-envoy-") || begins("x-forwarded-client-cert")
}

/// The address behind which this many are left out of `x-forwarded-for`, and whether it is the only one.
fn address(value: &[u8], leave_out: u32) -> Option<(IpAddr, bool)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut rest = text;
    for _ in 0..leave_out {
        (rest, _) = rest.rsplit_once(',')?;
    }
    let (alone, last) = match rest.rsplit_once(',') {
        None => (leave_out == 0, rest),
        // Nothing is no address.
        Some((_, "")) => return None,
        Some((_, last)) => (false, last),
    };
    Some((last.trim().parse().ok()?, alone))
}

fn is_internal(address: IpAddr, rules: &ConnectionManager) -> bool {
    let ranges = &rules.internal_address_config.cidr_ranges;
    ranges.iter().any(|range| contains(range, address))
}

fn contains(range: &CidrRange, address: IpAddr) -> bool {
    let starts_alike = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(range.prefix_len.min(width));
        a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
    };
    match (range.address_prefix, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => starts_alike(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => starts_alike(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(rules: &str, forwarded: &str) -> (String, String) {
        let rules: ConnectionManager = serde_json::from_str(rules).unwrap();
        let mut headers = HeaderMap::of_request();
        if !forwarded.is_empty() {
            headers.add("x-forwarded-for", forwarded);
        }
        let origin = apply(&mut headers, &rules, false);
        let named = origin.named.map(|address| address.to_string());
        let said = headers.text("x-forwarded-for").unwrap_or_default();
        (named.unwrap_or_default(), said.into_owned())
    }

    #[test]
    fn clients_are_those_that_trusted_proxies_name() {
        let hops = r#"{ "xff_num_trusted_hops": 1 }"#;
        let remote = r#"{ "use_remote_address": true }"#;
        let both = r#"{ "use_remote_address": true, "xff_num_trusted_hops": 1 }"#;
        for (rules, forwarded, named, said) in [
            ("{}", "", "", ""),
            ("{}", "1.1.1.1, 2.2.2.2 ", "2.2.2.2", "1.1.1.1, 2.2.2.2 "),
            ("{}", "2001:db8::1", "2001:db8::1", "2001:db8::1"),
            ("{}", "1.1.1.1,", "", "1.1.1.1,"),
            ("{}", "1.1.1.1:80", "", "1.1.1.1:80"),
            ("{}", "[2001:db8::1]", "", "[2001:db8::1]"),
            (hops, "1.1.1.1, 2.2.2.2", "1.1.1.1", "1.1.1.1, 2.2.2.2"),
            (hops, "1.1.1.1", "", "1.1.1.1"),
            (remote, "1.1.1.1", "", "1.1.1.1,127.0.0.1"),
            (remote, "", "", "127.0.0.1"),
            (
                both,
                "1.1.1.1, 2.2.2.2",
                "2.2.2.2",
                "1.1.1.1, 2.2.2.2,127.0.0.1",
            ),
        ] {
            let expected = (named.to_owned(), said.to_owned());
            assert_eq!(origin(rules, forwarded), expected, "{rules}, {forwarded}");
        }
    }

    #[test]
    fn only_one_address_alone_is_internal() {
        let rules = r#"{ "internal_address_config": { "cidr_ranges": [{ "address_prefix": "10.0.0.0", "prefix_len": 8 }] } }"#;
        let rules: ConnectionManager = serde_json::from_str(rules).unwrap();
        for (forwarded, expected) in [
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("10.1.2.3, 10.1.2.3", false),
        ] {
            let mut headers = HeaderMap::of_request();
            headers.add("x-forwarded-for", forwarded);
            apply(&mut headers, &rules, true);
            let internal = headers.get("x-envoy-internal").is_some();
            assert_eq!(internal, expected, "{forwarded}");
        }
    }
}
