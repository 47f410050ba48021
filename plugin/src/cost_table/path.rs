//! The readings of a request path.
//!
//! What a path means is for the backend to say, and backends differ: some decode `%2F`, some take `\` for `/`, some cut off
//! `;jsessionid=…`. So a path has two readings: the strict one of RFC 3986 and the most lenient one that is known of. A call costs
//! what the dearer one of them costs, so that no spelling makes it cheaper.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::operation::MAX_SEGMENTS;

/// How often the lenient reading decodes; more layers of escapes are never undone by one request's way to a backend.
const MAX_DECODINGS: usize = 3;

/// One more than any template has: a longer path is like one of this length, for every template.
const KEPT: usize = MAX_SEGMENTS.saturating_add(1);

/// The segments of a path in one reading: decoded, without empty and dot segments.
#[derive(Debug)]
pub(super) struct Segments<'p> {
    kept: [Cow<'p, [u8]>; KEPT],
    count: usize,
}

/// Cuts a request target into its path and its query; the fragment is dropped.
pub(super) fn split(target: &str) -> (&str, &str) {
    let target = target.split_once('#').map_or(target, |(target, _)| target);
    target.split_once('?').unwrap_or((target, ""))
}

/// The path with all its layers of percent-encoding removed, where it has a lenient reading that differs from the strict one.
pub(super) fn lenient(path: &str) -> Option<Vec<u8>> {
    if !path.contains(['%', '\\', ';']) {
        return None;
    }
    let mut decoded = path.as_bytes().to_vec();
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
    pub(super) fn strict(path: &'p str) -> Self {
        let mut segments = Self::none();
        for raw in path.split('/') {
            segments.push(Cow::from(percent_decode(raw.as_bytes())));
        }
        segments
    }

    /// The lenient reading of what [`lenient`] returned: `\` is a `/`, and so is whatever was decoded to one; `;` ends a segment,
    /// white space around it does not count, and a decoded `?`, `#` or NUL ends the path.
    pub(super) fn lenient(decoded: &'p [u8]) -> Self {
        let mut segments = Self::none();
        let path = decoded
            .split(|byte| matches!(byte, b'?' | b'#' | 0))
            .next()
            .unwrap_or_default();
        for raw in path.split(|byte| matches!(byte, b'/' | b'\\')) {
            let segment = raw.split(|&byte| byte == b';').next().unwrap_or_default();
            segments.push(Cow::Borrowed(segment.trim_ascii()));
        }
        segments
    }

    /// The segments; of a path with more than any template has, the first ones.
    pub(super) fn as_slice(&self) -> &[Cow<'p, [u8]>] {
        self.kept.get(..self.count).unwrap_or(&self.kept)
    }

    fn none() -> Self {
        Self {
            kept: [const { Cow::Borrowed(&[]) }; KEPT],
            count: 0,
        }
    }

    fn push(&mut self, segment: Cow<'p, [u8]>) {
        match segment.as_ref() {
            b"" | b"." => {}
            b".." => self.count = self.count.saturating_sub(1),
            _ => {
                if let Some(place) = self.kept.get_mut(self.count) {
                    *place = segment;
                }
                self.count = self.count.saturating_add(1);
            }
        }
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
    fn a_target_is_a_path_and_a_query() {
        assert_eq!(split("/a?b=1?c#d?e"), ("/a", "b=1?c"));
        assert_eq!(split("/a#b?c"), ("/a", ""));
        assert_eq!(split("/a?"), ("/a", ""));
        assert_eq!(split(""), ("", ""));
    }

    #[test]
    fn the_strict_reading_is_that_of_rfc_3986() {
        fn check(path: &str, expected: &[&str]) {
            assert_eq!(texts(&Segments::strict(path)), expected, "{path}");
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
    fn the_lenient_reading_undoes_every_trick() {
        fn check(path: &str, expected: &[&str]) {
            let decoded = lenient(path).unwrap();
            assert_eq!(texts(&Segments::lenient(&decoded)), expected, "{path}");
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
        assert_eq!(lenient("/api//v1/./tickets/"), None);
        let segments = Segments::strict("/api/v1/Tickets/1.5");
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
        assert_eq!(Segments::strict(&long).as_slice().len(), 33);
        let back = format!("{long}{}/b", "/..".repeat(9_999));
        assert_eq!(texts(&Segments::strict(&back)), ["a", "b"]);
    }
}
