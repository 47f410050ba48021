//! Inputs without a fuzzer: the seeds, and others that are made of them, always the same.

use std::fs;
use std::path::PathBuf;

use rand::{Rng, RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// What is hardly found byte by byte.
const WORDS: [&str; 34] = [
    "%2f", "%252F", "%25", "%00", "%5c", "..", "/../", "/./", "//", ";", "\\", "?", "#", "[]", "[",
    "]", "&", "from", "ids", "\u{212a}", "\u{ff0f}", "\u{feff}", "\"", "\\u0000", "{", "}", ",",
    "null", "1e999", "-1", "\r\n", "*7\r\n", "$-1\r\n", "\u{0}",
];

/// The seeds of a target, by the names of their files.
///
/// # Panics
///
/// When there are none, or they cannot be read.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let files = fs::read_dir(&folder).expect("a folder of seeds");
    let mut files: Vec<_> = files.map(|file| file.expect("a seed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no seeds in {}", folder.display());
    let read = |file: &PathBuf| fs::read(file).expect("a seed");
    files.iter().map(read).collect()
}

/// So many inputs that are made of seeds.
pub fn made_of(seeds: &[Vec<u8>], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(15);
    (0..count).map(move |_| {
        let mut input = seeds.choose(&mut random).cloned().unwrap_or_default();
        for _ in 0..random.random_range(1..=6) {
            change(&mut input, seeds, &mut random);
        }
        input
    })
}

/// Changes one thing.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut impl Rng) {
    let place = random.random_range(0..=input.len());
    let end = input.len().min(place + random.random_range(0..16));
    match random.random_range(0..7) {
        0 if place < input.len() => input[place] = random.random(),
        1 if place < input.len() => input[place] ^= 1 << random.random_range(0..8),
        2 => drop(input.drain(place..end)),
        3 => {
            let copied = input[place..end].to_vec();
            input.splice(place..place, copied);
        }
        4 => {
            let other = seeds.choose(random).map_or(&[][..], Vec::as_slice);
            let start = random.random_range(0..=other.len());
            let stop = other.len().min(start + random.random_range(0..64));
            input.splice(place..end, other[start..stop].iter().copied());
        }
        _ => {
            let word = WORDS.choose(random).map_or("", |word| word);
            input.splice(place..place, word.bytes());
        }
    }
}
