//! The readings of a request path.
//!
//! What a path means is for the backend to say, and between this filter and the code that answers there may be several: a proxy, a
//! server, a framework. Each may decode escapes, cut off `;jsessionid=…`, take `\` for `/`, end a path at a decoded `?`, `#` or NUL,
//! resolve dot segments before or after it merges slashes, and in any order. So the readings of a path are whatever comes of it by any
//! of these [rewritings](super::rewriting), any number of times and in any order, with at most three decodings among them. The most
//! expensive one counts.
//!
//! That is the default, and there is no other: the alternative, to refuse what is ambiguous, would break calls that are honest (an
//! id with `%2F` in it, a URL within a path). A path whose readings are too many to look at costs the most that any call costs; no honest
//! one has so many. Plain paths have one reading, which is the path itself.

use super::rewriting::{self, Marks, Rewriting};
use super::trie::hash;

/// How often a path is decoded at most; more layers of escapes are never undone by one request's way to a backend.
const MAX_DECODINGS: usize = 3;

/// How many bytes of readings are looked at: so many times those of the path, and some more.
const WORK_PER_BYTE: usize = 3;
const WORK: usize = 1_300;

/// The longest path with characters beyond ASCII of which more than one form is looked at.
const MAX_FOLDED: usize = 2_048;

/// The most readings that are looked at.
const MOST: usize = 16;

/// What a reading takes beside its bytes.
const WORK_PER_READING: usize = 8;

/// There are more readings than are worth looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyReadings;

/// A reading, and what is worth knowing of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) text: Vec<u8>,
    marks: Marks,
    hash: u64,
}

impl Reading {
    /// Whether a `?` or `#` is in it.
    pub(super) fn has_end(&self) -> bool {
        self.marks.has_end()
    }
}

/// The readings of a path that are found, each once.
struct Readings {
    found: Vec<Reading>,
    /// How much more may be looked at.
    work: usize,
}

/// All that a path may be read as.
///
/// # Errors
///
/// There are too many.
pub(super) fn of(path: &str) -> Result<Vec<Reading>, TooManyReadings> {
    let path = rewriting::without_needed_escapes(path.as_bytes());
    if path.len() > MAX_FOLDED && !path.is_ascii() {
        return Err(TooManyReadings);
    }
    let mut readings = Readings {
        work: path
            .len()
            .saturating_mul(WORK_PER_BYTE)
            .saturating_add(WORK),
        found: Vec::new(),
    };
    readings.add(path)?;
    // Where those are that have been decoded as often as possible by now.
    let mut start = 0_usize;
    for decoding in 0..=MAX_DECODINGS {
        // What the rewritings make of them is among them, too.
        let end = readings.rewrite(start, usize::MAX, &rewriting::REWRITINGS)?;
        if decoding == MAX_DECODINGS {
            break;
        }
        readings.rewrite(start, end, &rewriting::DECODINGS)?;
        start = end;
    }
    Ok(readings.found)
}

impl Readings {
    /// Rewrites all from one place up to another, or up to the last one there is then; its place.
    #[inline]
    fn rewrite(
        &mut self,
        start: usize,
        end: usize,
        rewritings: &[Rewriting],
    ) -> Result<usize, TooManyReadings> {
        let mut at = start;
        while at < end && at < self.found.len() {
            for rewriting in rewritings {
                let rewritten = self
                    .found
                    .get(at)
                    .and_then(|reading| rewriting(&reading.text, reading.marks));
                rewritten.map_or(Ok(()), |text| self.add(text))?;
            }
            at = at.saturating_add(1);
        }
        Ok(at)
    }

    fn add(&mut self, text: Vec<u8>) -> Result<(), TooManyReadings> {
        let work = text.len().saturating_add(WORK_PER_READING);
        self.work = self.work.checked_sub(work).ok_or(TooManyReadings)?;
        let hash = hash(&text);
        if self
            .found
            .iter()
            .all(|known| known.hash != hash || known.text != text)
        {
            if self.found.len() == MOST {
                return Err(TooManyReadings);
            }
            let marks = Marks::of(&text);
            self.found.push(Reading { text, marks, hash });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn readings(path: &str) -> Vec<String> {
        let readings = of(path).unwrap();
        readings
            .iter()
            .map(|reading| String::from_utf8_lossy(&reading.text).into_owned())
            .collect()
    }

    #[test]
    fn each_choice_of_a_backend_is_a_reading() {
        let check = |path: &str, expected: &[&str]| assert_eq!(readings(path), expected, "{path}");
        check("/a/b", &["/a/b"]);
        check("/a%2Fb", &["/a%2Fb", "/a/b", "/a\u{1}b"]);
        check("/%63", &["/%63", "/c"]);
        check("/a;x/b", &["/a;x/b", "/a/b"]);
        check("/a\\b", &["/a\\b", "/a/b"]);
        check("/a%3Fb", &["/a%3Fb", "/a?b", "/a"]);
        check("/a/../b", &["/a/../b", "/b"]);
        check("/a//../b", &["/a//../b", "/b", "/a/b"]);
        check("/%2563", &["/%2563", "/%63", "/c"]);
        check("/%25252563", &["/%25252563", "/%252563", "/%2563", "/%63"]);
        check("/a./%20", &["/a./ ", "/a/"]);
        check("/index.php/a", &["/index.php/a", "/a"]);
        check("//host/a", &["//host/a", "/a"]);
        check("/%zz%5Ca", &["/%zz%5Ca", "/%zz\\a", "/%zz/a"]);
    }

    #[test]
    fn escapes_that_a_client_cannot_do_without_are_no_choice() {
        assert_eq!(readings("/gr%C3%B6%C3%9Fe/a%20b"), ["/größe/a b"]);
    }

    #[test]
    fn forms_of_characters_that_structure_paths_are_readings() {
        let has = |path: &str, reading: &str| {
            let readings = readings(path);
            assert!(
                readings.iter().any(|found| found == reading),
                "{path}: {readings:?}"
            );
        };
        has("/a%c0%afb", "/a/b");
        has("/a%ef%bc%8fb", "/a/b");
        has("/a/%ef%bc%8e%ef%bc%8e/b", "/b");
        has("/a%u002fb", "/a/b");
        has("/co%ffunt", "/count");
        has("/co%0Aunt", "/count");
        has("/a%ef%bc%852fb", "/a/b");
    }

    #[test]
    fn readings_are_bounded() {
        let hostile = "/%2525255c..;%253f%2523%252500//..%255c".repeat(20);
        assert_eq!(of(&hostile), Err(TooManyReadings));
        assert_eq!(readings(&"/a%2Fb".repeat(500)).len(), 3);
    }
}
