//! Hashes of keys that need no more than to be spread: numbers that the host counts up, and keys that bring a hash of their own.
//!
//! The standard library's hash keeps whoever chooses keys from making a map slow. The key of an account takes it a thousand
//! instructions, and a call looks its account up seven times; these take ten.

use std::hash::{BuildHasherDefault, Hasher};

/// Spreads numbers over 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread(u64);

/// Makes [`Spread`]s.
pub type BuildSpread = BuildHasherDefault<Spread>;

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio: of numbers that follow each other, the products are far apart.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, hash::BuildHasher as _};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Hash maps take their places from the lowest bits and tell entries apart by the highest seven.
    #[test]
    fn numbers_that_follow_each_other_are_far_apart() {
        let hash = |number: u32| BuildSpread::default().hash_one(number);
        let low: HashSet<_> = (0..1024).map(|number| hash(number) % 1024).collect();
        let high: HashSet<_> = (0..1024).map(|number| hash(number) >> 57).collect();
        assert_eq!((low.len(), high.len()), (1024, 128));
    }

    #[test]
    fn texts_have_hashes_too() {
        let hash = |text: &str| BuildSpread::default().hash_one(text);
        assert_ne!(hash("ab"), hash("ba"));
    }
}
