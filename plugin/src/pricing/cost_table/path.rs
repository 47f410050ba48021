//! The segments of a path in one of its readings.

use super::folding::fold_bytes;
use super::operation::MAX_SEGMENTS;

/// One more than any template has: a longer path is like one of this length, for every template.
const KEPT: usize = MAX_SEGMENTS.saturating_add(1);

/// How many segments most paths have.
const USUAL: usize = 8;

/// One segment of a path.
#[derive(Debug)]
pub(super) struct Segment<'p> {
    /// As the reading has it.
    pub(super) text: &'p [u8],
    /// As it is compared without case, if it is not ASCII.
    pub(super) folded: Option<String>,
}

impl Segment<'_> {
    /// As it is compared.
    pub(super) fn compared(&self) -> &[u8] {
        self.folded
            .as_ref()
            .map_or(self.text, |folded| folded.as_bytes())
    }
}

/// What is made of empty segments, of `//`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slashes {
    /// Slashes are merged.
    Merged,
    /// Each separates. The last one of a path still ends it.
    Kept,
}

/// The segments of a path, of one with more than any template has, the first ones; and whether some are empty.
pub(super) fn segments<'p>(path: &'p [u8], slashes: Slashes) -> (Vec<Segment<'p>>, bool) {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let mut segments = Vec::with_capacity(USUAL);
    // All bytes of a segment: its highest bit tells whether they are ASCII.
    let (mut start, mut all, mut empty) = (0, 0, false);
    let mut add = |text: Option<&'p [u8]>, all: u8| {
        let text = text.unwrap_or_default();
        empty |= text.is_empty();
        let counts = !text.is_empty() || (slashes == Slashes::Kept && !path.is_empty());
        if counts && segments.len() < KEPT {
            let folded = (all >= 0x80).then(|| fold_bytes(text));
            segments.push(Segment { text, folded });
        }
    };
    for (place, byte) in path.iter().enumerate() {
        if *byte == b'/' {
            add(path.get(start..place), all);
            start = place.wrapping_add(1);
            all = 0;
        }
        all |= byte;
    }
    add(path.get(start..), all);
    (segments, empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn texts(path: &str, slashes: Slashes) -> Vec<&str> {
        let (segments, _) = segments(path.as_bytes(), slashes);
        segments
            .iter()
            .map(|segment| std::str::from_utf8(segment.text).unwrap())
            .collect()
    }

    #[test]
    fn slashes_separate_segments() {
        let check = |path: &str, merged: &[&str], kept: &[&str]| {
            assert_eq!(texts(path, Slashes::Merged), merged, "{path}");
            assert_eq!(texts(path, Slashes::Kept), kept, "{path}");
        };
        check("/", &[], &[]);
        check("", &[], &[]);
        check("*", &["*"], &["*"]);
        check("/a/b", &["a", "b"], &["a", "b"]);
        check("/a/b/", &["a", "b"], &["a", "b"]);
        check("//a///b//", &["a", "b"], &["", "a", "", "", "b", ""]);
    }

    #[test]
    fn a_path_of_any_length_keeps_as_many_segments_as_matter() {
        assert_eq!(texts(&"/a".repeat(10_000), Slashes::Merged).len(), 33);
    }

    #[test]
    fn only_what_is_not_ascii_is_folded() {
        let (segments, _) = segments("/Tickets/GRÖSSE".as_bytes(), Slashes::Merged);
        assert_eq!(segments[0].folded, None);
        assert_eq!(segments[1].folded.as_deref(), Some("gro\u{308}sse"));
    }
}
