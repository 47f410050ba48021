//! Names and addresses: what `envoy_resolve_dns` finds, and how Envoy tells it.
//!
//! As observed on Envoy 1.40, addresses and `localhost` are answered before the hostcall returns, and everything else later. Real names
//! are never asked for: what they resolve to is said by whoever sets up the simulation, so that every run is the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::Deserialize;

/// What a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Name {
    /// The name, as in `api.example`.
    pub name: String,
    /// Its addresses. Without any, the name does not exist. Envoy tells those of the sixth version if there are any, and otherwise
    /// those of the fourth.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// For how many seconds they are good.
    #[serde(default)]
    pub ttl: u32,
}

impl Name {
    /// A name with these addresses, good for no time at all.
    #[must_use]
    pub fn new(name: &str, addresses: Vec<IpAddr>) -> Self {
        let name = name.to_owned();
        Self {
            name,
            addresses,
            ttl: 0,
        }
    }
}

/// All names that there are.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Name>);

/// What is found for a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Without asking anybody.
    Now(Vec<u8>),
    /// By a name server.
    Later(Vec<u8>),
}

/// A question whose answer is still to come.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) token: u32,
    /// The root context that is to be told.
    pub(crate) root: u32,
    pub(crate) answer: Vec<u8>,
}

impl Names {
    pub(crate) fn insert(&mut self, name: Name) {
        self.0.insert(name.name.to_ascii_lowercase(), name);
    }

    /// What a name resolves to, as the guest gets it.
    pub(crate) fn look_up(&self, name: &str) -> Found {
        let name = name.to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Found::Now(answer(&[address], 0));
        }
        if let Some(known) = self.0.get(&name) {
            return Found::Later(answer(&known.addresses, known.ttl));
        }
        if name == "localhost" {
            return Found::Now(answer(&[Ipv6Addr::LOCALHOST.into()], 0));
        }
        Found::Later(answer(&[], 0))
    }
}

/// The buffer that `envoy_on_resolve_dns` reads: how many there are, how long each is good, and the addresses, each with the port 0
/// and ended by a zero byte (`Context::onResolveDns` in Envoy's `context.cc`).
fn answer(addresses: &[IpAddr], ttl: u32) -> Vec<u8> {
    let sixth = addresses.iter().any(IpAddr::is_ipv6);
    let told = || addresses.iter().filter(|ip| ip.is_ipv6() == sixth);
    let count = u32::try_from(told().count()).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    for _ in told() {
        bytes.extend(ttl.to_le_bytes());
    }
    for ip in told() {
        bytes.extend(SocketAddr::new(*ip, 0).to_string().into_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_known_at_once_and_names_later() {
        let mut names = Names::default();
        let addresses = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let api = Name::new("Api.example", addresses.to_vec());
        names.insert(Name { ttl: 30, ..api });
        let both = ["10.0.0.1", "fd00::1"].map(|ip| ip.parse().unwrap());
        names.insert(Name::new("both.example", both.to_vec()));
        let table: [(&str, bool, &[u8]); 6] = [
            ("127.0.0.1", true, b"\x01\0\0\0\0\0\0\x00127.0.0.1:0\0"),
            ("::1", true, b"\x01\0\0\0\0\0\0\0[::1]:0\0"),
            ("localhost", true, b"\x01\0\0\0\0\0\0\0[::1]:0\0"),
            (
                "API.example",
                false,
                b"\x02\0\0\0\x1e\0\0\0\x1e\0\0\x0010.0.0.1:0\x0010.0.0.2:0\0",
            ),
            ("both.example", false, b"\x01\0\0\0\0\0\0\0[fd00::1]:0\0"),
            ("", false, b"\0\0\0\0"),
        ];
        for (name, at_once, bytes) in table {
            let found = names.look_up(name);
            let expected = if at_once { Found::Now } else { Found::Later };
            assert_eq!(found, expected(bytes.to_vec()), "{name}");
        }
    }
}
