//! Makes the table by which `cost_table/folding.rs` folds characters: for each the text that stands for all that are the same without
//! case, and composed or decomposed, canonically or by compatibility (Unicode Standard Annex 15, and the default caseless matching
//! D146 of the standard's section 3.13). The libraries that know these at run time add 90 to 120 KB to the module; the table adds a third of it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "what goes wrong here stops the build, and the module has nothing of it"
)]

use std::fmt::Write as _;
use std::{env, fs, path::Path};

use unicode_normalization::{UnicodeNormalization as _, char::canonical_combining_class};

#[path = "build/zones.rs"]
mod zones;

/// The most characters in a run of texts: to find the last one, all others are stepped over.
const LONGEST_RUN: usize = 16;

/// Fewer characters take less space as texts.
const SHORTEST_SHIFT: usize = 4;

#[derive(Clone, PartialEq)]
enum Fold {
    Same,
    /// The character is so much further.
    Shift(i32),
    Text(String),
    Mark,
    Ignored,
}

/// Characters that a comparison passes over (Default_Ignorable_Code_Point of the Unicode Character Database).
fn is_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
        | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

fn folded(c: char) -> String {
    let mut text = c.to_string();
    loop {
        let lower = text.chars().flat_map(char::to_lowercase);
        let cased = lower
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase);
        let kept: String = cased.filter(|c| !is_ignorable(*c)).collect();
        // By compatibility only what becomes ASCII by it, as full-width and mathematical letters do: templates are ASCII as a rule, and the
        // other half of these characters would double the table.
        let compatible: String = kept.nfkd().filter(|c| !is_ignorable(*c)).collect();
        let next = if compatible.is_ascii() {
            compatible
        } else {
            kept.nfd().collect()
        };
        // Turkish has a dotless `i`, and a dotted one whose dot stays behind in lower case.
        let next = next.replace('ı', "i").replace("i\u{307}", "i");
        if next == text {
            return text;
        }
        text = next;
    }
}

fn fold(c: char) -> Fold {
    // Syllables of Hangul are taken apart by arithmetic.
    if ('\u{ac00}'..='\u{d7a3}').contains(&c) {
        return Fold::Same;
    }
    let text = folded(c);
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Fold::Ignored,
        (Some(only), None) if only == c && canonical_combining_class(c) != 0 => Fold::Mark,
        (Some(only), None) if only == c => Fold::Same,
        (Some(only), None) => {
            Fold::Shift((u32::from(only) as i32).wrapping_sub(u32::from(c) as i32))
        }
        _ => Fold::Text(text),
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let all: Vec<(u32, Fold)> = ('\u{80}'..=char::MAX)
        .map(|c| (u32::from(c), fold(c)))
        .collect();
    let (mut ranges, mut texts) = (String::new(), Vec::new());
    let mut count = 0_usize;
    let mut range = |start: u32, length: usize, kind: u32, value: u32| {
        count += 1;
        writeln!(
            ranges,
            "    ({:#x}, {:#x}),",
            start << 11 | (length as u32 - 1),
            kind << 24 | value
        )
        .unwrap();
    };
    let run = |at: usize, most: usize, same: &dyn Fn(usize) -> bool| {
        let goes_on = |length: &usize| {
            all.get(at + length)
                .is_some_and(|(c, _)| *c == all[at].0 + *length as u32)
                && same(at + length)
        };
        (1..most).take_while(goes_on).count() + 1
    };
    let mut at = 0;
    while at < all.len() {
        let (start, this) = &all[at];
        let same = run(at, 2048, &|other| all[other].1 == *this);
        // Upper and lower case in turns.
        let pairs = run(at, 2048, &|other| match (other - at) % 2 {
            0 => all[other].1 == Fold::Shift(1),
            _ => all[other].1 == Fold::Same,
        });
        at += match this {
            Fold::Same => same,
            Fold::Mark => {
                range(*start, same, 3, 0);
                same
            }
            Fold::Ignored => {
                range(*start, same, 4, 0);
                same
            }
            Fold::Shift(by) if same >= SHORTEST_SHIFT => {
                range(*start, same, 0, (*start as i32 + by) as u32);
                same
            }
            Fold::Shift(1) if pairs >= 2 * SHORTEST_SHIFT => {
                range(*start, pairs, 1, 0);
                pairs
            }
            Fold::Shift(_) | Fold::Text(_) => {
                let length = run(at, LONGEST_RUN, &|other| {
                    matches!(all[other].1, Fold::Shift(_) | Fold::Text(_))
                });
                range(*start, length, 2, texts.len() as u32);
                for (c, fold) in &all[at..at + length] {
                    let text = match fold {
                        Fold::Shift(by) => {
                            char::from_u32((*c as i32 + by) as u32).unwrap().to_string()
                        }
                        Fold::Text(text) => text.clone(),
                        Fold::Same | Fold::Mark | Fold::Ignored => String::new(),
                    };
                    texts.push(u8::try_from(text.len()).unwrap());
                    texts.extend(text.bytes());
                }
                length
            }
        };
    }
    let source = format!(
        "static RANGES: [(u32, u32); {count}] = [\n{ranges}];\n\nstatic TEXTS: [u8; {}] = {texts:?};\n",
        texts.len()
    );
    let folder = env::var("OUT_DIR").unwrap();
    let folder = Path::new(&folder);
    fs::write(folder.join("folding.rs"), source).unwrap();
    zones::write(folder);
}
