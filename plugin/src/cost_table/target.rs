//! A request target: its path, its query, and which characters of the path make its readings differ.
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
    /// Whether the path has `%`.
    pub(super) is_escaped: bool,
    /// Whether the path has `%`, `\` or `;`, of which some backends make more than others.
    pub(super) is_tricky: bool,
    /// Whether a segment of the path may be `.` or `..`.
    pub(super) may_have_dots: bool,
}

impl<'t> Target<'t> {
    /// The target of a request; the fragment is dropped.
    pub(super) fn read(target: &'t str) -> Self {
        let (mut is_escaped, mut is_tricky, mut may_have_dots) = (false, false, false);
        let mut before = 0_u8;
        let mut end = target.len();
        for (place, &byte) in target.as_bytes().iter().enumerate() {
            match byte {
                b'?' | b'#' => {
                    end = place;
                    break;
                }
                b'%' => is_escaped = true,
                b'\\' | b';' => is_tricky = true,
                b'.' if matches!(before, b'/' | b'\\') => may_have_dots = true,
                _ => {}
            }
            before = byte;
        }
        let (path, rest) = target.split_at_checked(end).unwrap_or((target, ""));
        let query = rest.strip_prefix('?').unwrap_or_default();
        let end = query.bytes().position(|byte| byte == b'#');
        Self {
            path,
            query: end.and_then(|end| query.get(..end)).unwrap_or(query),
            is_escaped,
            is_tricky: is_tricky || is_escaped,
            may_have_dots: may_have_dots || is_escaped,
        }
    }
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
    fn what_makes_readings_differ_is_seen_in_the_path_alone() {
        let marks = |target| {
            let target = Target::read(target);
            [target.is_escaped, target.is_tricky, target.may_have_dots]
        };
        assert_eq!(marks("/a.b/c..d//e?/.%;\\"), [false, false, false]);
        assert_eq!(marks("/a%2Fb"), [true, true, true]);
        assert_eq!(marks("/a;x=1"), [false, true, false]);
        assert_eq!(marks("/a\\b"), [false, true, false]);
        assert_eq!(marks("/a/.b"), [false, false, true]);
        assert_eq!(marks("\\..\\a"), [false, true, true]);
    }
}
