//! Paths that Envoy makes canonical, merges or unescapes before any filter sees them, as the connection manager is told
//! (`ConnectionManagerUtility::maybeNormalizePath`, `PathUtil`).

use crate::model::envoy_version::EnvoyVersion;
use crate::model::{ConnectionManager, EscapedSlashes};

/// How a path is treated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Normalized {
    /// It stays as it is.
    Same,
    /// It becomes this.
    Changed(Vec<u8>),
    /// The client is sent to this.
    Redirected(Vec<u8>),
    /// The request is refused.
    Refused,
}

/// How a path with its query is treated.
pub(super) fn normalize(
    path: &[u8],
    rules: &ConnectionManager,
    version: EnvoyVersion,
) -> Normalized {
    if path.contains(&b'#') {
        return Normalized::Refused;
    }
    let canonical = rules.normalize_path == Some(true);
    let action = rules.path_with_escaped_slashes_action;
    if !canonical && !rules.merge_slashes && action == EscapedSlashes::KeepUnchanged {
        return Normalized::Same;
    }
    let end = path.iter().position(|byte| *byte == b'?');
    let (before, query) = path.split_at(end.unwrap_or(path.len()));
    let mut before = before.to_vec();
    let mut redirects = false;
    if action != EscapedSlashes::KeepUnchanged
        && let Some(unescaped) = unescape_slashes(&before)
    {
        if action == EscapedSlashes::RejectRequest {
            return Normalized::Refused;
        }
        redirects = action == EscapedSlashes::UnescapeAndRedirect;
        before = unescaped;
    }
    if canonical {
        let Some(canonical) = canonicalize(&before, version) else {
            return Normalized::Refused;
        };
        before = canonical;
    }
    if rules.merge_slashes {
        before = merge_slashes(&before);
    }
    before.extend_from_slice(query);
    match redirects {
        true => Normalized::Redirected(before),
        false if before == path => Normalized::Same,
        false => Normalized::Changed(before),
    }
}

/// The path with its escaped slashes as such, if it has any.
fn unescape_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let mut unescaped = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        let slash = match rest.get(..3) {
            Some([b'%', b'2', b'f' | b'F']) => Some(b'/'),
            Some([b'%', b'5', b'c' | b'C']) => Some(b'\\'),
            _ => None,
        };
        unescaped.push(slash.unwrap_or(*first));
        rest = match slash {
            Some(_) => rest.get(3..).unwrap_or_default(),
            None => others,
        };
    }
    (unescaped.len() != path.len()).then_some(unescaped)
}

/// Several slashes become one. Of a path of nothing but slashes two stay.
fn merge_slashes(path: &[u8]) -> Vec<u8> {
    if !path.windows(2).any(|two| two == b"//") {
        return path.to_vec();
    }
    let segments = path
        .split(|byte| *byte == b'/')
        .filter(|segment| !segment.is_empty());
    let mut merged = Vec::with_capacity(path.len());
    if path.first() == Some(&b'/') {
        merged.push(b'/');
    }
    merged.extend(segments.collect::<Vec<_>>().join(&b'/'));
    if path.last() == Some(&b'/') {
        merged.push(b'/');
    }
    merged
}

/// The canonical form of a path: backslashes are slashes, characters that need no escape have none and those that need one have it, and dots
/// are resolved, also before a parameter, as in `..;a`. `None` for one that has none.
fn canonicalize(path: &[u8], version: EnvoyVersion) -> Option<Vec<u8>> {
    let segments: Vec<_> = path
        .split(|byte| matches!(byte, b'/' | b'\\'))
        .skip(1)
        .collect();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut ends_open = false;
    for segment in segments {
        let segment = canonical_segment(segment)?;
        let name = match version.resolves_dots_with_parameters() {
            true => segment.split(|byte| *byte == b';').next(),
            false => Some(segment.as_slice()),
        };
        ends_open = matches!(name, Some(b"." | b".."));
        match name {
            Some(b".") => {}
            Some(b"..") => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let mut canonical = vec![b'/'];
    canonical.extend(kept.join(&b'/'));
    if ends_open && !kept.is_empty() {
        canonical.push(b'/');
    }
    Some(canonical)
}

fn canonical_segment(segment: &[u8]) -> Option<Vec<u8>> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut canonical = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((first, others)) = rest.split_first() {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let escaped = escaped.map(|(high, low)| high.wrapping_shl(4) | low);
        match (escaped, first) {
            (Some(0), _) => return None,
            (Some(byte), _) => {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    canonical.push(byte);
                } else {
                    canonical.extend_from_slice(rest.get(..3).unwrap_or_default());
                }
                rest = rest.get(3..).unwrap_or_default();
                continue;
            }
            (None, byte) if b"\"<>^`{|}".contains(byte) || !byte.is_ascii_graphic() => {
                let digit = |digit: u8| HEX.get(usize::from(digit)).copied();
                canonical.push(b'%');
                canonical.extend(digit(byte.wrapping_shr(4)));
                canonical.extend(digit(byte & 0xf));
            }
            (None, byte) => canonical.push(*byte),
        }
        rest = others;
    }
    Some(canonical)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rules: &ConnectionManager, cases: &[(&str, &str)]) {
        for (path, expected) in cases {
            let observed = match normalize(path.as_bytes(), rules, EnvoyVersion::NEWEST) {
                Normalized::Same => (*path).to_owned(),
                Normalized::Changed(path) => String::from_utf8(path).unwrap(),
                Normalized::Redirected(path) => format!("to {}", String::from_utf8(path).unwrap()),
                Normalized::Refused => "refused".to_owned(),
            };
            assert_eq!(observed, *expected, "{path}");
        }
    }

    #[test]
    fn paths_are_made_canonical() {
        let rules = ConnectionManager {
            normalize_path: Some(true),
            ..ConnectionManager::default()
        };
        let cases = [
            ("/a/../b", "/b"),
            ("/a//b", "/a//b"),
            ("/a\\b", "/a/b"),
            ("/%61%7e", "/a~"),
            ("/..", "/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a?b=//c/../d", "/a?b=//c/../d"),
            ("/a%00", "refused"),
            ("/a#b", "refused"),
            ("/a%zz%", "/a%zz%"),
            ("/A%2e", "/A."),
            ("/a/..;/b", "/b"),
            ("/a/.;x/b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a//../b", "/a/b"),
            ("//a/../b", "//b"),
            ("/a..;", "/a..;"),
            ("/a;b/c", "/a;b/c"),
            ("/..;/..;", "/"),
            ("/a%2fb/..%2f", "/a%2fb/..%2f"),
            ("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"),
        ];
        checked(&rules, &cases);
    }

    #[test]
    fn slashes_are_merged_and_unescaped() {
        let merging = ConnectionManager {
            merge_slashes: true,
            ..ConnectionManager::default()
        };
        let cases = [("/a//b///?c//d", "/a/b/?c//d"), ("//", "//"), ("/a", "/a")];
        checked(&merging, &cases);
        let with = |path_with_escaped_slashes_action, normalize_path| ConnectionManager {
            path_with_escaped_slashes_action,
            normalize_path,
            ..ConnectionManager::default()
        };
        let cases = [
            ("/a%2fb/../c%5Cd?%2f", "/a/b/../c\\d?%2f"),
            ("/a%2e", "/a%2e"),
        ];
        checked(&with(EscapedSlashes::UnescapeAndForward, None), &cases);
        let cases = [("/a%2F..%2Fb?x=%2F", "to /b?x=%2F"), ("/a/../b", "/b")];
        checked(
            &with(EscapedSlashes::UnescapeAndRedirect, Some(true)),
            &cases,
        );
        let cases = [("/a%5cb", "refused"), ("/a?%5c", "/a?%5c")];
        checked(&with(EscapedSlashes::RejectRequest, None), &cases);
    }
}
