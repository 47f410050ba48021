//! Lists of pairs as they cross the ABI: `u32 n | n × (u32 key length, u32 value length) | n × (key \0 value \0)`, little endian.

/// Envoy takes no more than this from a guest.
const MAX_BYTES: usize = 1024 * 1024;
/// Envoy takes no more than this from a guest.
const MAX_PAIRS: usize = 1024;

/// A list of keys and values.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Writes what the guest gets behind what is there. An empty list is no bytes at all.
pub(crate) fn encode<'p>(
    pairs: impl ExactSizeIterator<Item = (&'p [u8], &'p [u8])> + Clone,
    encoded: &mut Vec<u8>,
) {
    if pairs.len() == 0 {
        return;
    }
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    encoded.extend_from_slice(&count.to_le_bytes());
    for (key, value) in pairs.clone() {
        encoded.extend_from_slice([length(key), length(value)].as_flattened());
    }
    for (key, value) in pairs {
        encoded.extend_from_slice(key);
        encoded.push(0);
        encoded.extend_from_slice(value);
        encoded.push(0);
    }
}

/// What the guest gave. Anything malformed, too long or with bytes left over is an **empty list** and no error, as in Envoy:
/// setting a map to it wipes the map.
pub(crate) fn decode(bytes: &[u8]) -> Pairs {
    if bytes.len() > MAX_BYTES {
        return Pairs::new();
    }
    let mut rest = bytes;
    try_decode(&mut rest)
        .filter(|_| rest.is_empty())
        .unwrap_or_default()
}

fn try_decode(rest: &mut &[u8]) -> Option<Pairs> {
    let count = usize::try_from(take_u32(rest)?)
        .ok()
        .filter(|count| *count <= MAX_PAIRS)?;
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        lengths.push((take_u32(rest)?, take_u32(rest)?));
    }
    lengths
        .into_iter()
        .map(|(key, value)| Some((take_terminated(rest, key)?, take_terminated(rest, value)?)))
        .collect()
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

fn take_terminated(rest: &mut &[u8], length: u32) -> Option<Vec<u8>> {
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after.strip_prefix(b"\0")?;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"\x01\0\0\0\x02\0\0\0\x01\0\0\0ab\0c\0";

    fn encoded(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut encoded = Vec::new();
        encode(pairs.iter().copied(), &mut encoded);
        encoded
    }

    #[test]
    fn round_trip() {
        assert_eq!(encoded(&[(b"ab", b"c")]), ONE);
        assert_eq!(decode(ONE), [(b"ab".to_vec(), b"c".to_vec())]);
        assert_eq!(encoded(&[]), b"");
    }

    #[test]
    fn whatever_is_wrong_is_an_empty_list() {
        let many = |count: usize| encoded(&vec![(&b"a"[..], &b""[..]); count]);
        assert_eq!(decode(&many(1024)).len(), 1024);
        let mut huge = encoded(&[(b"a", &vec![b'x'; MAX_BYTES])]);
        for wrong in [
            b"".as_slice(),
            b"\x01\0\0",
            &ONE[..ONE.len() - 1],
            &[ONE, b"!"].concat(),
            b"\x01\0\0\0\x02\0\0\0\x01\0\0\0ab!c\0",
            b"\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0ab\0c\0",
            &many(1025),
            &huge,
        ] {
            assert_eq!(decode(wrong), Pairs::new());
        }
        huge.truncate(MAX_BYTES);
        assert_eq!(decode(&huge), Pairs::new());
    }
}
