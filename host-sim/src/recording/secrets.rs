//! Takes what nobody else should read out of recorded calls. Each password, token, key and cookie becomes `secret-1`, `secret-2` and so on, the same one
//! each time, so that the calls of one client stay those of one client. Bodies are not looked into.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Captures, Regex};

use super::Message;
use super::headers::is_secret;

/// A query parameter that holds a secret, up to its value, and the value.
const IN_QUERIES: &str = "(?i)([?&#](?:access_token|api[-_]?key|client_secret|id_token|key|password|refresh_token|secret|sig|signature|token|\
                          x-amz-credential|x-amz-security-token|x-amz-signature)=)([^&#]+)";

/// Headers that hold addresses.
const ADDRESSES: [&str; 4] = [":path", "location", "referer", "x-envoy-original-path"];

/// What has been taken out.
pub(super) struct Secrets {
    known: BTreeMap<String, usize>,
    places: BTreeSet<String>,
    in_queries: Option<Regex>,
}

impl Secrets {
    pub(super) fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            places: BTreeSet::new(),
            in_queries: Regex::new(IN_QUERIES).ok(),
        }
    }

    /// Takes all of them out of a message.
    pub(super) fn take_out(&mut self, message: &mut Message) {
        for (name, value) in message.headers.iter_mut().chain(&mut message.trailers) {
            let replaced = if is_secret(name) {
                self.without(name, value)
            } else if ADDRESSES.contains(&name.as_str()) {
                self.without_in_query(value)
            } else {
                continue;
            };
            if *value != replaced {
                let place = match name.as_str() {
                    ":path" => "the query",
                    name => name,
                };
                self.places.insert(place.to_owned());
                *value = replaced;
            }
        }
    }

    /// Where some were: names of headers, and `the query`.
    pub(super) fn into_places(self) -> Vec<String> {
        self.places.into_iter().collect()
    }

    /// The value of a header that holds secrets, without them.
    fn without(&mut self, name: &str, value: &str) -> String {
        match name {
            "authorization" | "proxy-authorization" => match value.split_once(' ') {
                Some((scheme, secret)) => format!("{scheme} {}", self.stand_in(secret)),
                None => self.stand_in(value),
            },
            "cookie" => {
                let cookies = value
                    .split("; ")
                    .map(|cookie| self.without_in_cookie(cookie));
                cookies.collect::<Vec<_>>().join("; ")
            }
            "set-cookie" => match value.split_once(';') {
                Some((cookie, rest)) => format!("{};{rest}", self.without_in_cookie(cookie)),
                None => self.without_in_cookie(value),
            },
            _ => self.stand_in(value),
        }
    }

    fn without_in_cookie(&mut self, cookie: &str) -> String {
        match cookie.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.stand_in(value)),
            None => self.stand_in(cookie),
        }
    }

    fn without_in_query(&mut self, address: &str) -> String {
        let Some(in_queries) = self.in_queries.clone() else {
            return address.to_owned();
        };
        let replace = |found: &Captures<'_>| {
            let part = |number| found.get(number).map_or("", |part| part.as_str());
            format!("{}{}", part(1), self.stand_in(part(2)))
        };
        in_queries.replace_all(address, replace).into_owned()
    }

    fn stand_in(&mut self, secret: &str) -> String {
        if secret.is_empty() {
            return String::new();
        }
        let next = self.known.len().saturating_add(1);
        let number = self.known.entry(secret.to_owned()).or_insert(next);
        format!("secret-{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_become_the_same_words_each_time() {
        let mut message = Message::default();
        let mut expected = Vec::new();
        for (name, value, without) in [
            (
                ":path",
                "/a?x=1&api_key=k1&y=2",
                "/a?x=1&api_key=secret-1&y=2",
            ),
            ("accept", "key=k1", "key=k1"),
            ("authorization", "Bearer k1", "Bearer secret-1"),
            ("authorization", "k2", "secret-2"),
            ("cookie", "a=k1; b=; c", "a=secret-1; b=; secret-3"),
            ("set-cookie", "a=k4; Path=/", "a=secret-4; Path=/"),
            ("x-api-key", "k2", "secret-2"),
            ("x-session-token", "k5", "secret-5"),
            (
                "location",
                "https://h/#id_token=k5",
                "https://h/#id_token=secret-5",
            ),
            ("referer", "https://h/?monkey=1", "https://h/?monkey=1"),
        ] {
            message.headers.push((name.to_owned(), value.to_owned()));
            expected.push((name.to_owned(), without.to_owned()));
        }
        let mut secrets = Secrets::new();
        secrets.take_out(&mut message);
        assert_eq!(message.headers, expected);
        assert_eq!(
            secrets.into_places(),
            [
                "authorization",
                "cookie",
                "location",
                "set-cookie",
                "the query",
                "x-api-key",
                "x-session-token"
            ]
        );
    }
}
