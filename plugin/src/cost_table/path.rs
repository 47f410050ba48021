//! The readings of a request path.
//!
//! What a path means is for the backend to say, and backends differ: some decode `%2F`, some take `\` for `/`, some cut off
//! `;jsessionid=…`. So a path has two readings: the strict one of RFC 3986 and the most lenient one that is known of. Where there are
//! dot segments, each of them has three: some resolve them before they merge slashes, some after that, and some not at all. A call
//! costs what the dearest reading costs, so that no spelling makes it cheaper.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::operation::MAX_SEGMENTS;
use super::target::Target;

/// How often the lenient reading decodes; more layers of escapes are never undone by one request's way to a backend.
const MAX_DECODINGS: usize = 3;

/// One more than any template has: a longer path is like one of this length, for every template.
const KEPT: usize = MAX_SEGMENTS.saturating_add(1);

/// How many segments most paths have.
const USUAL: usize = 8;

/// The segments of a path in one reading: decoded, and without empty ones.
///
/// Invariant: the first [`KEPT`] of them, or all if there are fewer.
#[derive(Debug)]
pub(super) struct Segments<'p> {
    kept: Vec<Cow<'p, [u8]>>,
    /// How many there are, those included that are not kept.
    count: usize,
}

/// What is made of dot segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dots {
    /// `..` takes back the segment before it that is not empty: slashes are merged first.
    Last,
    /// `..` takes back the segment before it, which may be empty (RFC 3986, section 5.2.4): slashes are merged afterwards.
    First,
    /// They are segments like others.
    Kept,
}

impl Dots {
    /// The ways that may differ for the path of a target.
    pub(super) fn of(target: &Target<'_>) -> &'static [Self] {
        if target.may_have_dots {
            &[Self::Last, Self::First, Self::Kept]
        } else {
            &[Self::Last]
        }
    }
}

/// The path with all its layers of percent-encoding removed, where it has a lenient reading that differs from the strict one.
pub(super) fn lenient(target: &Target<'_>) -> Option<Vec<u8>> {
    if !target.is_tricky {
        return None;
    }
    let mut decoded = target.path.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        match Cow::from(percent_decode(&decoded)) {
            Cow::Borrowed(_) => break,
            Cow::Owned(further) => decoded = further,
        }
    }
    Some(decoded)
}

impl<'p> Segments<'p> {
    /// The strict reading: each segment is percent-decoded once, `%2F` and `;` are part of the segment. An escaped dot is a dot
    /// (RFC 3986, section 6.2.2.2). Invalid escapes stay as they are.
    pub(super) fn strict(target: &Target<'p>, dots: Dots) -> Self {
        let raw = target.path.as_bytes().split(|byte| *byte == b'/');
        if target.is_escaped {
            Self::read(raw.map(|raw| Cow::from(percent_decode(raw))), dots)
        } else {
            Self::read(raw.map(Cow::Borrowed), dots)
        }
    }

    /// The lenient reading of what [`lenient`] returned: `\` is a `/`, and so is whatever was decoded to one; `;` ends a segment,
    /// white space around it does not count, and a decoded `?`, `#` or NUL ends the path.
    pub(super) fn lenient(decoded: &'p [u8], dots: Dots) -> Self {
        let path = decoded
            .split(|byte| matches!(byte, b'?' | b'#' | 0))
            .next()
            .unwrap_or_default();
        let raw = path.split(|byte| matches!(byte, b'/' | b'\\'));
        let plain = raw.map(|raw| raw.split(|&byte| byte == b';').next().unwrap_or_default());
        Self::read(
            plain.map(|segment| Cow::Borrowed(segment.trim_ascii())),
            dots,
        )
    }

    /// The segments; of a path with more than any template has, the first ones.
    pub(super) fn as_slice(&self) -> &[Cow<'p, [u8]>] {
        &self.kept
    }

    fn none() -> Self {
        Self {
            kept: Vec::with_capacity(USUAL),
            count: 0,
        }
    }

    fn read(all: impl Iterator<Item = Cow<'p, [u8]>>, dots: Dots) -> Self {
        let mut segments = Self::none();
        if dots == Dots::First {
            let mut resolved = Vec::new();
            for segment in all {
                match segment.as_ref() {
                    b"." => {}
                    b".." => drop(resolved.pop()),
                    _ => resolved.push(segment),
                }
            }
            resolved
                .into_iter()
                .for_each(|segment| segments.push(segment));
            return segments;
        }
        for segment in all {
            match segment.as_ref() {
                b"." if dots == Dots::Last => {}
                b".." if dots == Dots::Last => segments.pop(),
                _ => segments.push(segment),
            }
        }
        segments
    }

    /// Adds a segment that is not empty.
    fn push(&mut self, segment: Cow<'p, [u8]>) {
        if segment.is_empty() {
            return;
        }
        if self.count < KEPT {
            self.kept.push(segment);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Takes the last segment back.
    fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.kept.truncate(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn texts(segments: &Segments<'_>) -> Vec<String> {
        segments
            .as_slice()
            .iter()
            .map(|segment| String::from_utf8_lossy(segment).into_owned())
            .collect()
    }

    #[test]
    fn the_strict_reading_is_that_of_rfc_3986() {
        fn check(path: &str, expected: &[&str]) {
            assert_eq!(
                texts(&Segments::strict(&Target::read(path), Dots::Last)),
                expected,
                "{path}"
            );
        }
        check("/", &[]);
        check("", &[]);
        check("*", &["*"]);
        check("/a/b", &["a", "b"]);
        check("//a///b//", &["a", "b"]);
        check("/a/./b/../c", &["a", "c"]);
        check("/../../a", &["a"]);
        check("/a/..", &[]);
        check("/a/%2e%2E/b", &["b"]);
        check("/a%2Fb/%63%6", &["a/b", "c%6"]);
        check("/a;x=1/b\\c", &["a;x=1", "b\\c"]);
        check("/%2563", &["%63"]);
        check("/...", &["..."]);
        check("/%zz%", &["%zz%"]);
    }

    #[test]
    fn dot_segments_are_resolved_before_or_after_slashes_are_merged_or_not_at_all() {
        fn check(path: &str, expected: [&[&str]; 3]) {
            let target = Target::read(path);
            let readings = Dots::of(&target)
                .iter()
                .map(|dots| texts(&Segments::strict(&target, *dots)));
            assert_eq!(readings.collect::<Vec<_>>(), expected, "{path}");
        }
        check("/a/b//..", [&["a"], &["a", "b"], &["a", "b", ".."]]);
        check("/a//%2e%2e/b", [&["b"], &["a", "b"], &["a", "..", "b"]]);
        check(
            "/files/../healthz",
            [&["healthz"], &["healthz"], &["files", "..", "healthz"]],
        );
        check(
            "/../a/./b",
            [&["a", "b"], &["a", "b"], &["..", "a", ".", "b"]],
        );
        assert_eq!(Dots::of(&Target::read("/a//b.c")), [Dots::Last]);
    }

    #[test]
    fn the_lenient_reading_undoes_every_trick() {
        fn check(path: &str, expected: &[&str]) {
            let decoded = lenient(&Target::read(path)).unwrap();
            assert_eq!(
                texts(&Segments::lenient(&decoded, Dots::Last)),
                expected,
                "{path}"
            );
        }
        check("/a/b%3Fx=/c", &["a", "b"]);
        check("/a/b%23c", &["a", "b"]);
        check("/a/b%00.txt", &["a", "b"]);
        check("/a/%20b%09/c", &["a", "b", "c"]);
        check("/a%2Fb\\c", &["a", "b", "c"]);
        check("/a;x=1/b;/c", &["a", "b", "c"]);
        check("/a/..;/b", &["b"]);
        check("/a/%252e%252e%252fb", &["b"]);
        check("/%252563", &["c"]);
        check("/%25252563", &["%63"]);
        check("/a%3bx/b", &["a", "b"]);
        check("/%zz%5Ca", &["%zz", "a"]);
    }

    #[test]
    fn an_ordinary_path_has_one_reading_and_is_not_copied() {
        assert_eq!(lenient(&Target::read("/api//v1/./tickets/")), None);
        let segments = Segments::strict(&Target::read("/api/v1/Tickets/1.5"), Dots::Last);
        assert!(
            segments
                .as_slice()
                .iter()
                .all(|segment| matches!(segment, Cow::Borrowed(_)))
        );
    }

    #[test]
    fn a_path_of_any_length_keeps_as_many_segments_as_matter() {
        let long = "/a".repeat(10_000);
        assert_eq!(
            Segments::strict(&Target::read(&long), Dots::Last)
                .as_slice()
                .len(),
            33
        );
        let back = format!("{long}{}/b", "/..".repeat(9_999));
        assert_eq!(
            texts(&Segments::strict(&Target::read(&back), Dots::Last)),
            ["a", "b"]
        );
    }
}
