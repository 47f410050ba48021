//! What compares texts: names of headers, ids, keys of maps. The C library's compares byte by byte, which takes three times the
//! instructions for texts as short as these.

#![allow(
    unsafe_code,
    reason = "it is called by address; each block says why it is sound"
)]

/// Compares `count` bytes: negative, zero or positive as the C standard has it (ISO/IEC 9899:2018, section 7.24.4.1).
///
/// # Safety
/// So many bytes are at both addresses.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    // SAFETY: the caller vouches for `count` bytes, and each use is at a place before it, with as many bytes behind it as are read.
    let word = |bytes: *const u8, at| unsafe { bytes.add(at).cast::<u64>().read_unaligned() };
    // SAFETY: likewise.
    let half = |bytes: *const u8, at| unsafe { bytes.add(at).cast::<u32>().read_unaligned() };
    let mut at = 0_usize;
    while count.wrapping_sub(at) >= 8 && word(one, at) == word(other, at) {
        at = at.wrapping_add(8);
    }
    if count.wrapping_sub(at) >= 4 && half(one, at) == half(other, at) {
        at = at.wrapping_add(4);
    }
    while at < count {
        // SAFETY: likewise.
        let (one, other) = unsafe { (*one.add(at), *other.add(at)) };
        if one != other {
            return i32::from(one).wrapping_sub(i32::from(other));
        }
        at = at.wrapping_add(1);
    }
    0
}
