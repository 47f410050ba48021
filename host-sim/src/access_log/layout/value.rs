//! Where values of any kind end in a line of text, and what they say without their escapes.

use std::borrow::Cow;

use crate::access_log::known::Quotes;

/// Where the quotation mark is that ends a value.
pub(super) fn closing(text: &str, quotes: Quotes) -> Option<usize> {
    let bytes = text.as_bytes();
    match quotes {
        Quotes::Escaped => {
            let mut escaped = false;
            bytes.iter().position(|byte| {
                let closes = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            })
        }
        Quotes::Hashed => bytes.iter().position(|byte| *byte == b'"'),
        Quotes::Bare => (0..bytes.len()).find(|at| {
            let next = bytes.get(at.saturating_add(1));
            bytes.get(*at) == Some(&b'"') && next.is_none_or(|next| *next == b' ')
        }),
    }
}

/// The next value of any kind, and what is behind it. What cannot be one stays where it is.
pub(super) fn column<'l>(text: &mut &'l str, quotes: Quotes) -> Option<(&'l str, &'l str)> {
    *text = text.trim_start_matches(' ');
    if let Some(inside) = text.strip_prefix('"') {
        let end = closing(inside, quotes)?;
        return Some((inside.get(..end)?, inside.get(end.saturating_add(1)..)?));
    }
    if let Some((value, behind)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && (behind.is_empty() || behind.starts_with(' '))
    {
        return Some((value, behind));
    }
    let end = text.find(' ').unwrap_or(text.len());
    // `uct="0.01"` is one value, whatever is inside.
    let quoted = text.get(..end)?.find("=\"").map(|at| at.saturating_add(2));
    if let Some(from) = quoted
        && let Some(length) = closing(text.get(from..)?, quotes)
    {
        return text.split_at_checked(from.saturating_add(length).saturating_add(1));
    }
    text.split_at_checked(end).filter(|_| end > 0)
}

/// A value that says its name.
pub(super) fn named(value: &str) -> Option<(&str, &str)> {
    let (name, value) = value.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_name.then(|| (name, value.trim_matches('"')))
}

/// Calls back with each captured value, and gives what is behind all of them.
pub(super) fn captured<'l>(text: &'l str, put: &mut dyn FnMut(&'l str)) -> &'l str {
    let mut rest = text;
    while let Some((inside, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
    {
        inside.split('|').for_each(&mut *put);
        rest = behind.trim_start_matches(' ');
    }
    rest
}

/// A text without its escapes, and whether something in it was no UTF-8.
pub(super) fn unescaped(text: &str, mark: u8) -> (Cow<'_, str>, bool) {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let hex = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    while let [first, behind @ ..] = rest {
        let (byte, length) = match (*first == mark, mark, behind) {
            (false, _, _) => (Some(*first), 1),
            (true, b'#', [a, b, ..]) => (hex(&[*a, *b]), 3),
            (true, b'\\', [b'x', a, b, ..]) => (hex(&[*a, *b]), 4),
            (true, b'\\', [b'n', ..]) => (Some(b'\n'), 2),
            (true, b'\\', [b't', ..]) => (Some(b'\t'), 2),
            (true, b'\\', [b'r', ..]) => (Some(b'\r'), 2),
            (true, b'\\', [quoted, ..]) => (Some(*quoted), 2),
            _ => (None, 1),
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(*first),
        }
        let length = if byte.is_none() { 1 } else { length };
        rest = rest.get(length..).unwrap_or_default();
    }
    match String::from_utf8(bytes) {
        Ok(text) => (Cow::Owned(text), false),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (Cow::Owned(text), true)
        }
    }
}
