//! What backends do to a path before they compare it: each rewriting by itself.
//!
//! A rewriting returns what it makes of a path, or nothing where it makes no difference.

use super::folding::fold;

/// Stands for a slash that was decoded within a segment, after the path was split. No template has it.
const INNER_SLASH: u8 = 1;

/// What is in a path, so that a rewriting knows at once whether it makes a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    const QUERY: u16 = 1;
    const FRAGMENT: u16 = 1 << 1;
    const NUL: u16 = 1 << 2;
    const PARAMETERS: u16 = 1 << 3;
    const BACKSLASHES: u16 = 1 << 4;
    const CONTROLS: u16 = 1 << 5;
    /// A dot or a blank, until it is known where.
    const EDGES: u16 = 1 << 6;
    const OTHER_THAN_ASCII: u16 = 1 << 7;
    const ESCAPES: u16 = 1 << 8;
    const DOTS: u16 = 1 << 9;
    const SCRIPTS: u16 = 1 << 10;

    const fn of_byte(byte: u8) -> u16 {
        match byte {
            b'?' => Self::QUERY,
            b'#' => Self::FRAGMENT,
            0 => Self::NUL,
            b';' => Self::PARAMETERS,
            b'\\' => Self::BACKSLASHES,
            b'%' => Self::ESCAPES,
            b'\t' | b'\n' | b'\r' => Self::CONTROLS | Self::EDGES,
            b'.' | b' ' | 0x0b | 0x0c => Self::EDGES,
            0x80.. => Self::OTHER_THAN_ASCII,
            _ => 0,
        }
    }

    pub(super) fn of(path: &[u8]) -> Self {
        const OF_BYTES: [u16; 256] = {
            let mut marks = [0; 256];
            let mut byte = 0;
            while byte < 256 {
                #[expect(
                    clippy::indexing_slicing,
                    reason = "the table is made when this is compiled"
                )]
                let mark = &mut marks[byte];
                *mark = Marks::of_byte(byte as u8);
                byte += 1;
            }
            marks
        };
        let mark = |byte: &u8| {
            OF_BYTES
                .get(usize::from(*byte))
                .copied()
                .unwrap_or_default()
        };
        let marks = Self(path.iter().map(mark).fold(0, |marks, mark| marks | mark));
        if marks.has(Self::EDGES) {
            marks.with_places(path)
        } else {
            marks
        }
    }

    /// The marks with where dots and blanks are.
    fn with_places(self, path: &[u8]) -> Self {
        let mut marks = self.0 & !Self::EDGES;
        for segment in path.split(|byte| *byte == b'/') {
            let [first, .., last] = segment else {
                marks |= match segment {
                    [b'.'] => Self::DOTS,
                    [byte] if is_blank(*byte) => Self::EDGES,
                    _ => 0,
                };
                continue;
            };
            if segment == b".." {
                marks |= Self::DOTS;
            } else if is_blank(*first) || is_edge(*last) {
                marks |= Self::EDGES;
            } else if last.eq_ignore_ascii_case(&b'p') && is_script(segment) {
                marks |= Self::SCRIPTS;
            }
        }
        Self(marks)
    }

    /// Whether something may end the path, and begin or end its query.
    pub(super) fn has_end(self) -> bool {
        self.has(Self::QUERY | Self::FRAGMENT)
    }

    fn has(self, mark: u16) -> bool {
        self.0 & mark != 0
    }
}

/// What it makes of a path in which these marks are.
pub(super) type Rewriting = fn(&[u8], Marks) -> Option<Vec<u8>>;

/// All but the decodings.
pub(super) const REWRITINGS: [Rewriting; 13] = [
    |path, marks| cut(path, marks.has(Marks::QUERY), b'?'),
    |path, marks| cut(path, marks.has(Marks::FRAGMENT), b'#'),
    |path, marks| cut(path, marks.has(Marks::NUL), 0),
    without_parameters,
    with_slashes,
    |path, marks| resolved(path, marks, Dots::AfterMerging),
    |path, marks| resolved(path, marks, Dots::BeforeMerging),
    without_edges,
    without_controls,
    without_authority,
    without_scripts,
    of_longer_forms,
    of_other_forms,
];

/// Each removes a layer of escapes.
pub(super) const DECODINGS: [Rewriting; 3] = [decoded, decoded_within, decoded_words];

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn is_script(segment: &[u8]) -> bool {
    const EXTENSION: &[u8] = b".php";
    let extension = segment.len().checked_sub(EXTENSION.len());
    let extension = extension.and_then(|start| segment.get(start..));
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION))
}

/// Whether some file systems drop the byte at a name's end.
fn is_edge(byte: u8) -> bool {
    is_blank(byte) || byte == b'.'
}

/// The path with the characters that no client can send without an escape: their escapes are their spelling, and no choice.
pub(super) fn without_needed_escapes(path: &[u8]) -> Vec<u8> {
    let needs_escape = |byte: u8| byte >= 0x80 || b" \"<>^`{|}".contains(&byte);
    let needed = |byte: u8| needs_escape(byte).then_some(byte);
    decoded_where(path, Marks::of(path), &needed).unwrap_or_else(|| path.to_vec())
}

#[inline]
fn decoded(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    decoded_where(path, marks, &Some)
}

/// After the path was split: what is decoded to a slash is part of its segment.
fn decoded_within(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    let decoded = decoded_where(path, marks, &|byte| {
        Some(if byte == b'/' { INNER_SLASH } else { byte })
    })?;
    decoded.contains(&INNER_SLASH).then_some(decoded)
}

/// The path with each escape replaced by what is made of its byte.
fn decoded_where(path: &[u8], marks: Marks, byte: &dyn Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let escape = |rest: &[u8]| {
        let [high, low] = rest.first_chunk::<2>()?;
        let byte = byte(hex(*high, *low)?)?;
        Some((2, [byte, 0, 0, 0], 1))
    };
    marks.has(Marks::ESCAPES).then(|| replaced(path, &escape))?
}

/// How many bytes behind its `%` an escape has, what takes its place, and how many bytes of that.
type Escape = (usize, [u8; 4], usize);

/// The path with what begins with `%` replaced.
fn replaced(path: &[u8], escape: &dyn Fn(&[u8]) -> Option<Escape>) -> Option<Vec<u8>> {
    let mut replaced = Vec::new();
    let (mut kept, mut rest) = (path, path);
    while let Some(place) = rest.iter().position(|byte| *byte == b'%') {
        rest = rest.get(place.saturating_add(1)..).unwrap_or_default();
        let Some((length, bytes, count)) = escape(rest) else {
            continue;
        };
        if replaced.capacity() == 0 {
            replaced.reserve(path.len());
        }
        let before = kept.len().saturating_sub(rest.len()).saturating_sub(1);
        replaced.extend_from_slice(kept.get(..before).unwrap_or_default());
        replaced.extend_from_slice(bytes.get(..count).unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
        kept = rest;
    }
    if replaced.capacity() == 0 {
        return None;
    }
    replaced.extend_from_slice(kept);
    Some(replaced)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// `%u002F`, of old scripts and servers, and `%2F` too.
fn decoded_words(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    marks.has(Marks::ESCAPES).then(|| words(path))?
}

/// The text with `%u002F` decoded, if there is any such escape, and `%2F` too.
pub(super) fn words(text: &[u8]) -> Option<Vec<u8>> {
    let escape = |rest: &[u8]| {
        let [b'u' | b'U', a, b, c, d] = rest.first_chunk::<5>()? else {
            return None;
        };
        let number = u16::from_be_bytes([hex(*a, *b)?, hex(*c, *d)?]);
        let mut bytes = [0; 4];
        let count = char::from_u32(u32::from(number))?
            .encode_utf8(&mut bytes)
            .len();
        Some((5, bytes, count))
    };
    let words = replaced(text, &escape)?;
    Some(decoded(&words, Marks(Marks::ESCAPES)).unwrap_or(words))
}

/// The path up to a character, where one may end it.
#[inline]
fn cut(path: &[u8], has: bool, end: u8) -> Option<Vec<u8>> {
    let end = has.then(|| path.iter().position(|byte| *byte == end))?;
    Some(path.get(..end?)?.to_vec())
}

/// Each segment rewritten.
fn by_segment(path: &[u8], rewrite: &dyn Fn(&[u8]) -> &[u8]) -> Vec<u8> {
    let mut rewritten = Vec::with_capacity(path.len());
    for (index, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            rewritten.push(b'/');
        }
        rewritten.extend_from_slice(rewrite(segment));
    }
    rewritten
}

/// `;jsessionid=1` at the end of a segment is no part of it.
fn without_parameters(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    let plain = |segment: &[u8]| segment.iter().position(|byte| *byte == b';');
    marks.has(Marks::PARAMETERS).then(|| {
        by_segment(path, &|segment| {
            let end = plain(segment).unwrap_or(segment.len());
            segment.get(..end).unwrap_or(segment)
        })
    })
}

/// `\` is a `/`.
fn with_slashes(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    marks
        .has(Marks::BACKSLASHES)
        .then(|| path.iter().map(slash).collect())
}

/// Names end without dots and blanks, and begin without blanks.
fn without_edges(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    if !marks.has(Marks::EDGES) {
        return None;
    }
    let trimmed = by_segment(path, &|segment| {
        if segment.iter().all(|byte| *byte == b'.') {
            return segment;
        }
        let start = segment.iter().position(|byte| !is_blank(*byte));
        let end = segment
            .iter()
            .rposition(|byte| !is_edge(*byte))
            .map(|last| last.saturating_add(1));
        segment
            .get(start.unwrap_or_default()..end.unwrap_or_default())
            .unwrap_or_default()
    });
    (trimmed != path).then_some(trimmed)
}

/// Tabs and line ends are no part of a URL (WHATWG's URL standard removes them).
fn without_controls(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    let kept = |byte: &u8| !matches!(byte, b'\t' | b'\n' | b'\r');
    marks
        .has(Marks::CONTROLS)
        .then(|| path.iter().copied().filter(kept).collect())
}

/// `//host/path` is a reference with a host (RFC 3986, section 4.2).
fn without_authority(path: &[u8], _: Marks) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(b"//")?;
    let start = rest.iter().position(|byte| *byte == b'/')?;
    (start > 0).then(|| rest.get(start..).unwrap_or_default().to_vec())
}

/// `/index.php/path` asks the script for the path.
fn without_scripts(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    if !marks.has(Marks::SCRIPTS) {
        return None;
    }
    let last = path.iter().rposition(|byte| *byte == b'/')?;
    let (scripts, rest) = path.split_at_checked(last)?;
    let mut kept = Vec::with_capacity(path.len());
    for segment in scripts.split(|byte| *byte == b'/').skip(1) {
        if !is_script(segment) {
            kept.push(b'/');
            kept.extend_from_slice(segment);
        }
    }
    kept.extend_from_slice(rest);
    (kept.len() < path.len()).then_some(kept)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    /// `..` takes back the segment before it that is not empty.
    AfterMerging,
    /// `..` takes back the segment before it, which may be empty (RFC 3986, section 5.2.4).
    BeforeMerging,
}

/// The path without dot segments.
fn resolved(path: &[u8], marks: Marks, dots: Dots) -> Option<Vec<u8>> {
    if !marks.has(Marks::DOTS) {
        return None;
    }
    let (mut kept, mut found) = (Vec::with_capacity(path.len()), false);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"." => found = true,
            b".." => {
                found = true;
                if dots == Dots::AfterMerging {
                    while kept.last() == Some(&b'/') {
                        kept.pop();
                    }
                }
                let start = kept.iter().rposition(|byte| *byte == b'/');
                kept.truncate(start.unwrap_or_default());
            }
            _ => {
                kept.push(b'/');
                kept.extend_from_slice(segment);
            }
        }
    }
    found.then(|| if kept.is_empty() { b"/".to_vec() } else { kept })
}

fn of_longer_forms(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    let is_text = !marks.has(Marks::OTHER_THAN_ASCII) || std::str::from_utf8(path).is_ok();
    (!is_text).then(|| shortened(path))
}

/// UTF-8 as lenient decoders read it: a character may have a longer form than it needs, and bytes that are no character are dropped.
pub(super) fn shortened(text: &[u8]) -> Vec<u8> {
    let mut short = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, others @ ..] = rest {
        let next = |at: usize| {
            others
                .get(at)
                .filter(|byte| **byte & 0xc0 == 0x80)
                .map(|byte| byte & 0x3f)
        };
        let longer = match (first, next(0), next(1), next(2)) {
            (0xc0 | 0xc1, Some(last), ..) => Some((1, (first & 1) << 6 | last)),
            (0xe0, Some(0 | 1), Some(last), _) => {
                Some((2, next(0).unwrap_or_default() << 6 | last))
            }
            (0xf0, Some(0), Some(0 | 1), Some(last)) => {
                Some((3, next(1).unwrap_or_default() << 6 | last))
            }
            _ => None,
        };
        if let Some((length, character)) = longer {
            short.push(character);
            rest = others.get(length..).unwrap_or_default();
        } else {
            short.push(*first);
            rest = others;
        }
    }
    let valid: Vec<&str> = short.utf8_chunks().map(|chunk| chunk.valid()).collect();
    valid.concat().into_bytes()
}

/// Full-width and other forms of characters, as some normalize them: only where a character comes of it that structures a path.
fn of_other_forms(path: &[u8], marks: Marks) -> Option<Vec<u8>> {
    if !marks.has(Marks::OTHER_THAN_ASCII) {
        return None;
    }
    let is_structure = |byte: &u8| b"/\\;?#%.".contains(byte);
    let folded = fold(std::str::from_utf8(path).ok()?);
    let count = |text: &[u8]| text.iter().filter(|byte| is_structure(byte)).count();
    (count(folded.as_bytes()) > count(path)).then(|| folded.into_bytes())
}
