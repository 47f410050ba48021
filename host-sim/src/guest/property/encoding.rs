//! How values cross the ABI.

use super::Found;

pub(super) fn text(text: &str) -> Found {
    Ok(text.as_bytes().to_vec())
}

pub(super) fn integer(number: impl Into<u64>) -> Found {
    Ok(number.into().to_le_bytes().to_vec())
}

/// A number of bytes or entries.
pub(super) fn size(size: usize) -> Found {
    integer(u64::try_from(size).unwrap_or(u64::MAX))
}

pub(super) fn flag(flag: bool) -> Found {
    Ok(vec![u8::from(flag)])
}

/// A map without entries: the count alone.
pub(super) fn empty_map() -> Found {
    Ok(0_u32.to_le_bytes().to_vec())
}
