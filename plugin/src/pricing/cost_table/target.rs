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

impl<'t> Target<'t> {
    /// The target of a request; the fragment is dropped.
    pub(super) fn read(target: &'t str) -> Self {
        let (mut before, mut end) = (0, target.len());
        for (place, byte) in target.bytes().enumerate() {
            let bits = BITS.get(usize::from(byte)).copied().unwrap_or(CLOSER);
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
                    is_plain &= !(drops || (has_dot && is_script(target, place)));
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
        let end = query.bytes().position(|byte| byte == b'#');
        Self {
            path,
            query: end.and_then(|end| query.get(..end)).unwrap_or(query),
            is_plain: is_plain && !path.ends_with('.'),
        }
    }
}

/// Whether the segment that ends there is the name of a script.
fn is_script(target: &str, end: usize) -> bool {
    let name = target.as_bytes().get(..end).unwrap_or_default();
    let extension = name
        .len()
        .checked_sub(4)
        .and_then(|start| name.get(start..));
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
