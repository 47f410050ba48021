//! Takes what nobody else should read out of recorded calls. Each password, token, key and cookie becomes `secret-1`, `secret-2` and so on, the same one
//! each time, so that the calls of one client stay those of one client. Bodies are not looked into.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use super::secret_name::{is_random, is_secret, is_secret_of_response};
use super::{Message, Side};

/// JSON Web Tokens, signed (RFC 7515, three parts) or encrypted (RFC 7516, five).
const JWT: &str = r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}";

/// A user and a password before a host (RFC 3986, section 3.2.1).
const USERINFO: &str = r#"://([^/?#\s<>"':@]*)(:[^/?#\s<>"']*)?@"#;

/// Headers that hold addresses, beside those whose value looks like one.
const ADDRESSES: [&str; 5] = [
    ":path",
    "content-location",
    "location",
    "refresh",
    "referer",
];

/// How long a secret must be to be looked for within other values.
const LONG: usize = 8;

/// How long one must be to be looked for as a whole value.
const SHORT: usize = 4;

/// What has been taken out.
pub(super) struct Secrets {
    /// Their numbers, also by other ways to write them.
    known: BTreeMap<String, usize>,
    last: usize,
    /// Those that are looked for as whole values.
    alone: BTreeSet<String>,
    /// Those that are looked for within values, by their first bytes, the longest first.
    within: HashMap<[u8; LONG], Vec<String>>,
    places: BTreeSet<String>,
    jwt: Option<Regex>,
    userinfo: Option<Regex>,
}

impl Secrets {
    pub(super) fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            last: 0,
            alone: BTreeSet::new(),
            within: HashMap::new(),
            places: BTreeSet::new(),
            jwt: Regex::new(JWT).ok(),
            userinfo: Regex::new(USERINFO).ok(),
        }
    }

    /// Takes all of them out of a message, as far as names and shapes tell.
    pub(super) fn take_out(&mut self, message: &mut Message, side: Side) {
        for (name, value) in message.headers.iter_mut().chain(&mut message.trailers) {
            let is_secret = !name.starts_with(':')
                && match side {
                    Side::Request => is_secret(name, value),
                    Side::Response => is_secret_of_response(name),
                };
            let is_address = ADDRESSES.contains(&name.as_str())
                || value.starts_with('/')
                || value.contains("://");
            let replaced = if is_secret {
                self.without(name, value)
            } else if name == ":authority" {
                self.without_userinfo(&format!("://{value}"))
                    .split_off("://".len())
            } else if is_address {
                self.without_in_address(value)
            } else {
                value.clone()
            };
            let replaced = self.without_jwt(replaced);
            self.put(name, value, replaced);
        }
    }

    /// Takes out what has been a secret elsewhere.
    pub(super) fn take_copies_out(&mut self, message: &mut Message) {
        for (name, value) in message.headers.iter_mut().chain(&mut message.trailers) {
            if name == ":path" || !name.starts_with(':') {
                let replaced = self.without_copies(value);
                self.put(name, value, replaced);
            }
        }
    }

    fn put(&mut self, name: &str, value: &mut String, replaced: String) {
        if *value != replaced {
            let place = match name {
                ":authority" => "the authority",
                ":path" => "the query",
                name => name,
            };
            self.places.insert(place.to_owned());
            *value = replaced;
        }
    }

    /// Where some were: names of headers, `the query` and `the authority`.
    pub(super) fn into_places(self) -> Vec<String> {
        self.places.into_iter().collect()
    }

    /// The value of a header that holds secrets, without them.
    fn without(&mut self, name: &str, value: &str) -> String {
        match name {
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
            name if name.ends_with("authorization") || name == "authentication" => {
                match value.split_once(' ') {
                    Some((scheme, secret)) => format!("{scheme} {}", self.stand_in(secret)),
                    None => self.stand_in(value),
                }
            }
            _ => self.stand_in(value),
        }
    }

    fn without_in_cookie(&mut self, cookie: &str) -> String {
        match cookie.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.number(value, is_random(value))),
            None => self.number(cookie, is_random(cookie)),
        }
    }

    /// An address, or a value with addresses in it, without what is secret in their queries, in parameters of their paths and before their hosts.
    fn without_in_address(&mut self, address: &str) -> String {
        let address = &self.without_userinfo(address);
        let mut replaced = String::new();
        let is_callback = address.contains("state=");
        for piece in address.split_inclusive(['?', '&', '#', ';']) {
            let (member, mark) = match piece.strip_suffix(['?', '&', '#', ';']) {
                Some(member) => (member, piece.get(member.len()..).unwrap_or_default()),
                None => (piece, ""),
            };
            // Whatever is before the first mark is no member, and has no name that is secret either.
            let named = member.split_once('=').filter(|_| !replaced.is_empty());
            let in_path = !replaced.contains(['?', '#']);
            let secret = named.and_then(|(name, value)| {
                let ends = if in_path { "/<>\"' " } else { "<>\"' " };
                let end = value.find(|letter| ends.contains(letter));
                let (value, rest) = value.split_at(end.unwrap_or(value.len()));
                let decoded = percent_decode_str(name).decode_utf8_lossy();
                // RFC 6749, section 4.1.2
                let is_grant = is_callback && decoded == "code";
                (is_grant || is_secret(&decoded, value)).then_some((name, value, rest))
            });
            match secret {
                Some((name, value, rest)) => {
                    let value = self.stand_in(value);
                    replaced.extend([name, "=", &value, rest, mark]);
                }
                None => replaced.extend([member, mark]),
            }
        }
        replaced
    }

    /// Addresses without the passwords before their hosts, and without users that are tokens.
    fn without_userinfo(&mut self, addresses: &str) -> String {
        let Some(userinfo) = self.userinfo.clone().filter(|_| addresses.contains('@')) else {
            return addresses.to_owned();
        };
        let replace = |found: &Captures<'_>| {
            let part = |number| found.get(number).map_or("", |part| part.as_str());
            let (user, password) = (part(1), part(2));
            let user = if is_random(user) {
                self.stand_in(user)
            } else {
                user.to_owned()
            };
            match password.strip_prefix(':') {
                Some(password) => format!("://{user}:{}@", self.stand_in(password)),
                None => format!("://{user}@"),
            }
        };
        userinfo.replace_all(addresses, replace).into_owned()
    }

    fn without_jwt(&mut self, value: String) -> String {
        let Some(jwt) = self.jwt.clone().filter(|_| value.contains("eyJ")) else {
            return value;
        };
        let replace =
            |found: &Captures<'_>| self.stand_in(found.get(0).map_or("", |found| found.as_str()));
        jwt.replace_all(&value, replace).into_owned()
    }

    fn without_copies(&self, value: &str) -> String {
        if let Some(number) = self.known.get(value).filter(|_| self.alone.contains(value)) {
            return format!("secret-{number}");
        }
        let mut replaced = String::new();
        let mut rest = value;
        while let Some(first) = rest.chars().next() {
            let candidates = rest.as_bytes().first_chunk::<LONG>();
            let candidates = candidates.and_then(|bytes| self.within.get(bytes));
            let mut candidates = candidates.into_iter().flatten();
            let found = candidates.find(|secret| rest.starts_with(secret.as_str()));
            let length = match found.and_then(|secret| Some((secret, self.known.get(secret)?))) {
                Some((secret, number)) => {
                    replaced.extend(["secret-", &number.to_string()]);
                    secret.len()
                }
                None => {
                    replaced.push(first);
                    first.len_utf8()
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        replaced
    }

    fn stand_in(&mut self, secret: &str) -> String {
        self.number(secret, true)
    }

    /// What stands for a secret, of which there may be copies elsewhere.
    fn number(&mut self, secret: &str, may_be_copied: bool) -> String {
        if secret.is_empty() {
            return secret.to_owned();
        }
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        let number = match self.known.get(&decoded) {
            Some(number) => *number,
            None => {
                self.last = self.last.saturating_add(1);
                self.last
            }
        };
        for way in [decoded.as_str(), secret] {
            self.known.insert(way.to_owned(), number);
            if may_be_copied && !is_stand_in(way) {
                self.look_for(way);
            }
        }
        format!("secret-{number}")
    }

    fn look_for(&mut self, secret: &str) {
        let has = |is: fn(&u8) -> bool| secret.as_bytes().iter().any(is);
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        let first = secret.as_bytes().first_chunk::<LONG>();
        let first = first.filter(|_| is_mixed || secret.len() >= 2 * LONG);
        if let Some(first) = first {
            let beside = self.within.entry(*first).or_default();
            if !beside.iter().any(|other| other == secret) {
                beside.push(secret.to_owned());
                beside.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
            }
        } else if secret.len() >= SHORT && has(u8::is_ascii_alphabetic) {
            self.alone.insert(secret.to_owned());
        }
    }
}

/// Whether it looks like what stands for secrets: those of an earlier recording are none to look for.
fn is_stand_in(secret: &str) -> bool {
    let number = secret.strip_prefix("secret-");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
