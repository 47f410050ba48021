//! Backtraces in Envoy's log.
//!
//! Envoy 1.40 writes, of a module with a name section,
//!
//! ```text
//! [2026-11-30 11:34:20.338][25286][error][wasm] […] Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable
//! Proxy-Wasm plugin in-VM backtrace:
//!   0:  0xca9c3 - abort
//!   1:  0xc8a54 - unknown(function index:812)
//! ```
//!
//! with offsets in the module's file. In logs of JSON, and with `--log-format-escaped`, line breaks are written `\n`.

use std::sync::LazyLock;

use regex::Regex;

/// The line above a backtrace.
pub(super) const HEAD: &str = "Proxy-Wasm plugin in-VM backtrace:";

#[expect(clippy::unwrap_used, reason = "it is constant, and tests use it")]
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(\d{1,6}):  0x([0-9a-f]{1,16}) - (.+)$").unwrap());

/// What is in a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A line which says that a callback failed.
    Failure(String),
    /// A backtrace begins.
    Backtrace,
    /// A line of it.
    Frame(Frame),
}

/// A line of a backtrace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) number: usize,
    /// In the module's file.
    pub(super) offset: u64,
    /// What Envoy calls the function.
    pub(super) name: String,
}

impl Frame {
    fn parse(line: &str) -> Option<Self> {
        let found = FRAME.captures(line)?;
        let part = |index: usize| found.get(index).map(|part| part.as_str());
        Some(Self {
            number: part(1)?.parse().ok()?,
            offset: u64::from_str_radix(part(2)?, 16).ok()?,
            name: part(3)?.trim_end().to_owned(),
        })
    }

    /// The number of the function, of one without a name.
    pub(super) fn index(&self) -> Option<u32> {
        let number = self.name.strip_prefix("unknown(function index:")?;
        number.strip_suffix(')')?.parse().ok()
    }
}

/// Reads a log line by line.
#[derive(Debug, Default)]
pub(super) struct Reader {
    within: bool,
}

impl Reader {
    /// What is in the next line.
    pub(super) fn read(&mut self, line: &str) -> Vec<Seen> {
        let mut seen = Vec::new();
        for line in line.trim_end_matches('\r').split("\\n") {
            if line.contains(HEAD) {
                self.within = true;
                seen.push(Seen::Backtrace);
            } else if line.contains("Function: ") && line.contains(" failed: ") {
                self.within = false;
                seen.push(Seen::Failure(line.to_owned()));
            } else if self.within {
                let frame = Frame::parse(line);
                self.within = frame.is_some();
                seen.extend(frame.map(Seen::Frame));
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: usize, offset: u64, name: &str) -> Seen {
        Seen::Frame(Frame {
            number,
            offset,
            name: name.to_owned(),
        })
    }

    fn read(log: &str) -> Vec<Seen> {
        let mut reader = Reader::default();
        log.lines().flat_map(|line| reader.read(line)).collect()
    }

    #[test]
    fn backtraces_are_found_among_other_lines() {
        let failed = "[2026-11-30 11:34:20.338][25286][error][wasm] [source/extensions/common/wasm/wasm_vm.cc:38] \
                      Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable";
        let log = format!(
            "[info] 0:  0x1 - nothing\n{failed}\n{HEAD}\n  0:  0xca9c3 - abort\n 10:  0x12 - unknown(function index:8)\n\
             [info] next\n  1:  0x2 - not one\n{failed}\n"
        );
        assert_eq!(
            read(&log),
            [
                Seen::Failure(failed.to_owned()),
                Seen::Backtrace,
                frame(0, 0xca9c3, "abort"),
                frame(10, 0x12, "unknown(function index:8)"),
                Seen::Failure(failed.to_owned()),
            ]
        );
        let Some(Seen::Frame(unknown)) = read(&log).into_iter().nth(3) else {
            unreachable!()
        };
        assert_eq!(unknown.index(), Some(8));
    }

    #[test]
    fn line_breaks_may_be_escaped_and_lines_have_prefixes() {
        let log = format!("pod-1 x Function: a failed: b\\n{HEAD}\\n  0:  0xa - a::b(int)\\n");
        assert_eq!(
            read(&log),
            [
                Seen::Failure("pod-1 x Function: a failed: b".to_owned()),
                Seen::Backtrace,
                frame(0, 10, "a::b(int)"),
            ]
        );
        let log = format!("pod Function: a failed: b\npod {HEAD}\npod   1:  0xb - c\n");
        assert_eq!(read(&log).last(), Some(&frame(1, 11, "c")));
    }
}
