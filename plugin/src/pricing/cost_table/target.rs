//! A request target: its path, its query, and whether the path can be read in more than one way.
//!
//! It is looked at once, byte by byte: paths are short, and what is made to search long texts takes more instructions before the first
//! byte is compared than most paths have bytes.

/// A request target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    /// The path, as it is written.
    pub(super) path: &'t str,
    /// What is behind the first `?`, without a fragment.
    pub(super) query: &'t str,
    /// Whether all backends read the path alike: it has no escapes, no characters of which some make more than others, and no
    /// segments that some drop.
    pub(super) is_plain: bool,
}

/// What a byte of a path is.
#[derive(Clone, Copy)]
enum Kind {
    Letter,
    Slash,
    Dot,
    End,
    /// Some backends make more of it than others.
    Other,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Letter; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the table is made when this is compiled"
        )]
        let kind = &mut kinds[byte];
        *kind = match byte as u8 {
            b'/' => Kind::Slash,
            b'.' => Kind::Dot,
            b'?' | b'#' => Kind::End,
            b'%' | b'\\' | b';' | 0..=b' ' | 0x7f.. => Kind::Other,
            _ => Kind::Letter,
        };
        byte += 1;
    }
    kinds
};

/// Of each byte, a bit for what it is; none for a letter.
const BITS: [u8; 256] = {
    let mut bits = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the table is made when this is compiled"
        )]
        let (bit, kind) = (&mut bits[byte], KINDS[byte]);
        *bit = match kind {
            Kind::Letter => 0,
            Kind::Slash => SLASH,
            Kind::End => END,
            Kind::Dot | Kind::Other => CLOSER,
        };
        byte += 1;
    }
    bits
};
const SLASH: u8 = 1;
const END: u8 = 2;
/// It has to be looked at more closely.
const CLOSER: u8 = 4;

/// A segment of a path that all backends read alike.
pub(super) struct Segment<'t> {
    pub(super) text: &'t [u8],
    /// Whether a `.` is in it.
    pub(super) has_dot: bool,
    /// What ends it.
    pub(super) end: Option<u8>,
    /// What is behind that.
    pub(super) behind: &'t [u8],
}

/// The first segment of the rest of a target, if nobody reads it otherwise than it is written.
#[inline]
pub(super) fn segment(rest: &[u8]) -> Option<Segment<'_>> {
    let end = rest.iter().position(|byte| bits(*byte) != 0);
    let (text, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    let (end, behind) = match behind {
        [] => (None, behind),
        [b'.', ..] => return segment_with_dot(rest),
        [end @ (b'/' | b'?'), behind @ ..] => (Some(*end), behind),
        _ => return None,
    };
    (!text.is_empty()).then_some(Segment {
        text,
        has_dot: false,
        end,
        behind,
    })
}

#[inline(never)]
fn segment_with_dot(rest: &[u8]) -> Option<Segment<'_>> {
    let is_end = |byte: &u8| *byte != b'.' && bits(*byte) != 0;
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let (text, behind) = rest.split_at_checked(end)?;
    let is_odd = text.starts_with(b".") || text.ends_with(b".") || is_script(text);
    let end = behind.first().copied();
    (!is_odd && matches!(end, None | Some(b'/' | b'?'))).then_some(Segment {
        text,
        has_dot: true,
        end,
        behind: behind.get(1..).unwrap_or_default(),
    })
}

#[inline]
fn bits(byte: u8) -> u8 {
    BITS.get(usize::from(byte)).copied().unwrap_or(CLOSER)
}

/// The query at the end of a target, of which so many bytes are behind the `?`, without a fragment.
pub(super) fn query(target: &str, length: usize) -> &str {
    let start = target.len().saturating_sub(length);
    without_fragment(target.get(start..).unwrap_or_default())
}

fn without_fragment(query: &str) -> &str {
    let end = query.bytes().position(|byte| byte == b'#');
    end.and_then(|end| query.get(..end)).unwrap_or(query)
}

impl<'t> Target<'t> {
    /// The target of a request; the fragment is dropped.
    pub(super) fn read(target: &'t str) -> Self {
        let (mut before, mut end) = (0, target.len());
        for (place, byte) in target.bytes().enumerate() {
            let bits = bits(byte);
            if bits & (END | CLOSER | before) != 0 {
                if bits != END {
                    return Self::read_closely(target);
                }
                end = place;
                break;
            }
            before = bits;
        }
        Self::split(target, end, true)
    }

    /// The same for a path with anything but letters and single slashes.
    fn read_closely(target: &'t str) -> Self {
        let (mut is_plain, mut has_dot) = (true, false);
        let mut end = target.len();
        let mut before = 0;
        for (place, byte) in target.bytes().enumerate() {
            match KINDS.get(usize::from(byte)) {
                Some(Kind::Letter) => {}
                Some(Kind::Slash) => {
                    let drops = matches!(before, b'/' | b'.');
                    let before = target.as_bytes().get(..place).unwrap_or_default();
                    is_plain &= !(drops || (has_dot && is_script(before)));
                }
                Some(Kind::Dot) => {
                    has_dot = true;
                    is_plain &= before != b'/';
                }
                Some(Kind::End) => {
                    end = place;
                    break;
                }
                Some(Kind::Other) | None => is_plain = false,
            }
            before = byte;
        }
        Self::split(target, end, is_plain)
    }

    /// The target whose path ends there.
    #[inline]
    fn split(target: &'t str, end: usize, is_plain: bool) -> Self {
        let (path, rest) = target.split_at_checked(end).unwrap_or((target, ""));
        let query = rest.strip_prefix('?').unwrap_or_default();
        Self {
            path,
            query: without_fragment(query),
            is_plain: is_plain && !path.ends_with('.'),
        }
    }
}

/// Whether the segment at the end is the name of a script.
fn is_script(name: &[u8]) -> bool {
    let extension = name.last_chunk::<4>();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(b".php"))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_target_is_a_path_and_a_query() {
        let split = |target| {
            let Target { path, query, .. } = Target::read(target);
            (path, query)
        };
        assert_eq!(split("/a?b=1?c#d?e"), ("/a", "b=1?c"));
        assert_eq!(split("/a#b?c"), ("/a", ""));
        assert_eq!(split("/a?"), ("/a", ""));
        assert_eq!(split("/ä?ö=ü#ß"), ("/ä", "ö=ü"));
        assert_eq!(split(""), ("", ""));
    }

    #[test]
    fn what_can_be_read_in_several_ways_is_seen_in_the_path_alone() {
        for plain in [
            "/a.b/c..d/e?/.%;\\",
            "/",
            "",
            "/a/",
            "/api/v1.0/x.json",
            "/a.phpx/b",
            "/a.php",
        ] {
            assert!(Target::read(plain).is_plain, "{plain}");
        }
        for other in [
            "/a%2Fb",
            "/a;x=1",
            "/a\\b",
            "/a/.b",
            "\\..\\a",
            "//a",
            "/a//b",
            "/ä",
            "/a b",
            "/a\u{7f}",
            "/a./b",
            "/a.",
            "/index.PHP/a",
        ] {
            assert!(!Target::read(other).is_plain, "{other}");
        }
    }
}
