//! The engine's script once more, in Rust: what Redis does with a message, without Redis.
//!
//! It stands in for a server where a test wants to lose, delay and repeat messages by the thousand, and a test compares the two word for
//! word. It answers in RESP, so that the filter's own codec reads what it says.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers of tests; one that overflows fails its test"
)]

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use host_sim::resp;

/// An engine in memory.
#[derive(Clone, Debug, Default)]
pub struct Script {
    days: HashMap<Vec<u8>, Day>,
    calls: HashMap<Vec<u8>, HashMap<Vec<u8>, Share>>,
    births: HashMap<Vec<u8>, Born>,
    /// How often it has forgotten everything, so that no two births are the same.
    lives: i64,
}

/// Since when it knows what it knows.
#[derive(Clone, Copy, Debug, Default)]
struct Born {
    birth: i64,
    lost: bool,
}

/// What is known of one organization's day.
#[derive(Clone, Debug, Default)]
struct Day {
    held: i64,
    used: i64,
    lost_held: i64,
    lost_used: i64,
    quiet: i64,
    birth: i64,
    spoken: i64,
    proxies: HashMap<Vec<u8>, Proxy>,
}

/// What a proxy said last.
#[derive(Clone, Copy, Debug, Default)]
struct Proxy {
    message: i64,
    held: i64,
    used: i64,
    birth: i64,
}

/// A proxy's share of the calls in progress.
#[derive(Clone, Copy, Debug)]
struct Share {
    message: i64,
    calls: i64,
    until: i64,
}

impl Script {
    /// Answers the commands of one connection at `now`, in seconds since 1970. `AUTH` and `SELECT` are fine whatever they say.
    ///
    /// # Errors
    /// When they are not commands that the filter sends.
    pub fn answer(&mut self, commands: &[u8], now: i64) -> Result<Vec<u8>> {
        let mut replies = Vec::new();
        for command in resp::commands(commands) {
            match command?.as_slice() {
                [b"AUTH", ..] | [b"SELECT", _] => replies.extend(*b"+OK\r\n"),
                [b"EVAL", _, b"3", day, calls, birth, arguments @ ..] => {
                    let numbers = self.run([*day, *calls, *birth], arguments, now)?;
                    replies.extend(b"*7\r\n");
                    for number in numbers {
                        replies.extend(format!(":{number}\r\n").bytes());
                    }
                }
                other => bail!("an unknown command {:?}", other.first()),
            }
        }
        Ok(replies)
    }

    /// What is held and used of a day, as `(held, used)`; of what was lost included.
    #[must_use]
    pub fn day(&self, key: &str) -> (i64, i64) {
        let day = self.days.get(key.as_bytes());
        day.map_or((0, 0), |day| {
            (day.held + day.lost_held, day.used + day.lost_used)
        })
    }

    /// What a proxy holds and has used of a day.
    #[must_use]
    pub fn proxy(&self, key: &str, id: &str) -> (i64, i64) {
        let day = self.days.get(key.as_bytes());
        let proxy = day.and_then(|day| day.proxies.get(id.as_bytes()));
        proxy.map_or((0, 0), |proxy| (proxy.held, proxy.used))
    }

    /// Forgets everything, as a server that starts empty.
    pub fn forget(&mut self) {
        *self = Self {
            lives: self.lives + 1,
            ..Self::default()
        };
    }

    /// It was born then, in microseconds since 1970.
    pub fn born(&mut self, place: &str, birth: i64) {
        let born = Born { birth, lost: false };
        self.births.insert(place.as_bytes().to_vec(), born);
    }

    /// Takes a message, as `plugin/src/outbound/engine/share.lua` does.
    fn run(&mut self, keys: [&[u8]; 3], arguments: &[&[u8]], now: i64) -> Result<[i64; 7]> {
        let [day, calls, place] = keys;
        let [id, rest @ ..] = arguments else {
            bail!("no arguments");
        };
        let number = |text: &&[u8]| -> Result<i64> { Ok(std::str::from_utf8(text)?.parse()?) };
        let numbers = rest.iter().map(number).collect::<Result<Vec<_>>>()?;
        let numbers: [i64; 17] = numbers.try_into().ok().context("not 18 arguments")?;
        let [
            message,
            used,
            held,
            least,
            needs,
            wants,
            allotment,
            proxies,
            _expires,
            others_held,
            others_used,
            share,
            needs_calls,
            limit,
            lease,
            quiet,
            stated,
        ] = numbers;
        let first = now * 1_000_000 + self.lives;
        let born = self.births.entry(place.to_vec()).or_insert(Born {
            birth: first,
            lost: false,
        });
        let grown_at = born.birth / 1_000_000 + quiet;
        let young = now < grown_at;
        let outlives = stated != 0 && stated != born.birth;
        born.lost |= outlives && young;
        let Born { birth, lost } = *born;
        if message == 0 {
            return Ok([0, 0, 0, 0, 0, 0, birth]);
        }
        let fresh = !self.days.contains_key(day);
        let known = self.days.get(day);
        let known = known.and_then(|day| day.proxies.get(*id).copied());
        if let Some(known) = known.filter(|known| message <= known.message) {
            return Ok([known.message, 0, 0, 0, 0, 0, birth]);
        }
        if outlives && young {
            return Ok([message, -1, 0, 0, 0, 0, birth]);
        }
        let day = self.days.entry(day.to_vec()).or_default();
        if fresh {
            (day.lost_held, day.lost_used) = (others_held, others_used);
            if !(lost && young) && proxies > 1 && (held > 0 || others_held > 0) {
                day.quiet = now + quiet;
            }
        } else if known.is_none() {
            day.lost_held = (day.lost_held - held).max(0);
            day.lost_used = (day.lost_used - used).max(0);
        }
        if lost && young {
            day.quiet = grown_at;
        }
        // Those that have spoken to this engine, the one that speaks included.
        if day.birth != birth {
            (day.birth, day.spoken) = (birth, 0);
        }
        let counted = day.spoken > 0 && known.is_some_and(|known| known.birth == birth);
        if stated == birth && !counted {
            day.spoken += 1;
        }
        if day.spoken >= proxies {
            day.quiet = 0;
        }
        let known = known.unwrap_or_default();
        day.held += held - known.held;
        day.used += used - known.used;
        let left = allotment - day.held - day.lost_held;
        let mut grant = wants.min(left.div_euclid(2 * proxies));
        if grant < needs {
            grant = needs.min(left);
        }
        if grant < least || grant < 0 || now < day.quiet {
            grant = 0;
        }
        day.held += grant;
        let held = held + grant;
        let stated = Proxy {
            message,
            held,
            used,
            birth: stated,
        };
        day.proxies.insert(id.to_vec(), stated);
        let sums = (day.held + day.lost_held, day.used + day.lost_used);
        let quiet_until = day.quiet;
        let (mut granted, mut others) = (0, 0);
        if limit >= 0 {
            let shares = self.calls.entry(calls.to_vec()).or_default();
            let theirs = shares.iter().filter(|(name, _)| *name != *id);
            let mut theirs: Vec<_> = theirs.map(|(_, share)| share.until).collect();
            theirs.sort_unstable_by_key(|until| std::cmp::Reverse(*until));
            let most = usize::try_from(proxies)?;
            let last = theirs.get(most - 1).copied().unwrap_or_default();
            shares.retain(|name, share| name == *id || (share.until > now && share.until >= last));
            let rest = shares.iter().filter(|(name, _)| *name != *id);
            others = rest.map(|(_, share)| share.calls).sum();
            let late = shares.get(*id).is_some_and(|share| share.message > message);
            if !late {
                let free = limit - others - share;
                if needs_calls > 0 {
                    let part = free.div_euclid(2 * proxies);
                    granted = free.min(needs_calls.max(part)).max(0);
                }
                if share + granted > 0 {
                    let calls = share + granted;
                    let until = now + lease;
                    let stated = Share {
                        message,
                        calls,
                        until,
                    };
                    shares.insert(id.to_vec(), stated);
                } else {
                    shares.remove(*id);
                }
            }
        }
        let grant = if now < quiet_until { -1 } else { grant };
        Ok([message, grant, sums.0, sums.1, granted, others, birth])
    }
}
