//! How a plugin may read and edit a body, with Envoy's own rules (`Buffer::copyFrom` in its `context.cc`).

/// The edit is none that Envoy can make: it starts inside the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StartsInside {
    pub(crate) start: u32,
    pub(crate) length: usize,
}

/// The bytes that a read gets. A start behind the end is an empty read, and a length over the end is cut.
pub(crate) fn read(body: &[u8], start: u32, max: u32) -> &[u8] {
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(body.len());
    let end = start
        .saturating_add(usize::try_from(max).unwrap_or(usize::MAX))
        .min(body.len());
    body.get(start..end).unwrap_or_default()
}

/// Writes into a body. From 0: the first `size` bytes are dropped and the data takes their place, so that size 0 prepends and
/// a size over the end replaces. From the end or behind it: the data is appended. From anywhere else: an error.
pub(crate) fn write(
    body: &mut Vec<u8>,
    start: u32,
    size: u32,
    data: &[u8],
) -> Result<(), StartsInside> {
    let length = body.len();
    let at = usize::try_from(start).unwrap_or(usize::MAX);
    if at == 0 {
        let dropped = usize::try_from(size).unwrap_or(usize::MAX).min(length);
        body.splice(..dropped, data.iter().copied());
        return Ok(());
    }
    if at < length {
        return Err(StartsInside { start, length });
    }
    body.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_never_fail() {
        for (start, max, expected) in [
            (0, 9, "abc"),
            (1, 1, "b"),
            (3, 1, ""),
            (9, 9, ""),
            (1, u32::MAX, "bc"),
            (0, 0, ""),
        ] {
            assert_eq!(
                read(b"abc", start, max),
                expected.as_bytes(),
                "from {start}, at most {max}"
            );
        }
    }

    #[test]
    fn writes_go_to_the_front_or_the_end() {
        for (start, size, expected) in [
            (0, 0, Ok("XYabc")),
            (0, 1, Ok("XYbc")),
            (0, 3, Ok("XY")),
            (0, 9, Ok("XY")),
            (3, 0, Ok("abcXY")),
            (9, 1, Ok("abcXY")),
            (
                1,
                0,
                Err(StartsInside {
                    start: 1,
                    length: 3,
                }),
            ),
            (
                2,
                9,
                Err(StartsInside {
                    start: 2,
                    length: 3,
                }),
            ),
        ] {
            let mut body = b"abc".to_vec();
            let outcome =
                write(&mut body, start, size, b"XY").map(|()| String::from_utf8(body).unwrap());
            assert_eq!(
                outcome.as_deref(),
                expected.as_ref().copied(),
                "from {start}, size {size}"
            );
        }
    }
}
