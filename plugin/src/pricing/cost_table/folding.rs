//! Texts as they are compared without case.
//!
//! Backends differ in what they take for the same text: some fold the case of ASCII, some that of all letters (`ß` and `SS`, `K` and the
//! Kelvin sign, the dotless `ı`), and file systems and databases take composed and decomposed characters, or full-width ones, for the
//! same. [`fold`] undoes all of that. Two texts that any of them takes for the same are the same folded; what is the same only folded
//! may be the same to a backend or not, and whoever compares asks for both.
//!
//! The table is made by `build.rs`. Marks that follow each other are sorted, whatever their combining classes: that takes a few more
//! texts for the same than Unicode does, and no table of classes.

use std::borrow::Cow;

include!(concat!(env!("OUT_DIR"), "/folding.rs"));

/// The dot of `İ`, which stays behind in lower case.
const DOT_ABOVE: char = '\u{307}';

/// What a character is compared as.
enum Folded {
    Same,
    Mark,
    Ignored,
    Character(char),
    Text(&'static str),
}

/// A text that is being folded.
struct Folding {
    text: String,
    /// The marks on the last character.
    marks: Vec<char>,
}

/// The text as it is compared without case; most texts are ASCII, which costs no more than its letters in lower case.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folding = Folding {
        text: String::with_capacity(text.len()),
        marks: Vec::new(),
    };
    text.chars().for_each(|c| folding.add(c));
    folding.take_marks();
    folding.text
}

/// The bytes of a path or a query as they are compared without case. Those that are not UTF-8 are read as ISO 8859-1, as backends do
/// that know no other encoding.
pub(super) fn fold_bytes(bytes: &[u8]) -> String {
    fold(&text(bytes))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().copied().map(char::from).collect(),
        Cow::Borrowed,
    )
}

/// Whether the texts are the same without case; `folded` is folded already.
pub(super) fn is(text: &str, folded: &str) -> bool {
    text.eq_ignore_ascii_case(folded) || (!text.is_ascii() && fold(text) == folded)
}

impl Folding {
    fn add(&mut self, c: char) {
        if c.is_ascii() {
            return self.add_base(c.to_ascii_lowercase());
        }
        if let Some(letters) = letters(c) {
            return letters.for_each(|letter| self.add_base(letter));
        }
        match folded(c) {
            Folded::Same => self.add_base(c),
            Folded::Mark => self.add_mark(c),
            Folded::Ignored => {}
            Folded::Character(c) => self.add_folded(c),
            Folded::Text(text) => text.chars().for_each(|c| self.add_folded(c)),
        }
    }

    fn add_folded(&mut self, c: char) {
        if matches!(folded(c), Folded::Mark) {
            self.add_mark(c);
        } else {
            self.add_base(c);
        }
    }

    /// Adds a mark where it is among the sorted ones. Many marks on one character are no text: they stay as they come.
    fn add_mark(&mut self, mark: char) {
        const MOST: usize = 16;
        if self.marks.len() >= MOST {
            return self.marks.push(mark);
        }
        let place = self.marks.partition_point(|known| *known <= mark);
        self.marks.insert(place, mark);
    }

    fn add_base(&mut self, c: char) {
        self.take_marks();
        self.text.push(c);
    }

    fn take_marks(&mut self) {
        if self.marks.is_empty() {
            return;
        }
        if self.text.ends_with('i') {
            self.marks.retain(|mark| *mark != DOT_ABOVE);
        }
        self.text.extend(self.marks.drain(..));
    }
}

fn folded(c: char) -> Folded {
    let c = u32::from(c);
    let after = RANGES.partition_point(|(range, _)| range >> 11 <= c);
    let range = after.checked_sub(1).and_then(|at| RANGES.get(at));
    let Some(&(range, value)) = range else {
        return Folded::Same;
    };
    let at = c.wrapping_sub(range >> 11);
    if at > range & 0x7ff {
        return Folded::Same;
    }
    let (kind, value) = (value >> 24, value & 0xff_ffff);
    let character = |c: u32| char::from_u32(c).map_or(Folded::Same, Folded::Character);
    match kind {
        0 => character(value.wrapping_add(at)),
        1 if at.is_multiple_of(2) => character(c.wrapping_add(1)),
        1 => Folded::Same,
        2 => folded_text(value, at).map_or(Folded::Same, Folded::Text),
        3 => Folded::Mark,
        _ => Folded::Ignored,
    }
}

/// The text of the character that is so many after the first one, whose text is at `start`.
fn folded_text(start: u32, at: u32) -> Option<&'static str> {
    let mut texts = TEXTS.get(usize::try_from(start).ok()?..)?;
    for _ in 0..at {
        let (length, rest) = texts.split_first()?;
        texts = rest.get(usize::from(*length)..)?;
    }
    let (length, rest) = texts.split_first()?;
    std::str::from_utf8(rest.get(..usize::from(*length))?).ok()
}

/// The letters of a syllable of Hangul (The Unicode Standard, section 3.12).
fn letters(syllable: char) -> Option<impl Iterator<Item = char>> {
    let index = u32::from(syllable).checked_sub(0xac00)?;
    if index >= 11_172 {
        return None;
    }
    let (first, vowel, last) = (index / 588, index % 588 / 28, index % 28);
    let last = (last > 0).then(|| last.wrapping_add(0x11a7));
    let letters = [first.wrapping_add(0x1100), vowel.wrapping_add(0x1161)];
    Some(letters.into_iter().chain(last).filter_map(char::from_u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_some_backend_takes_for_the_same_is_the_same_folded() {
        let same = |texts: &[&str]| {
            for text in texts {
                assert_eq!(fold(text), fold(texts[0]), "{text} and {}", texts[0]);
            }
        };
        same(&[
            "größe",
            "GRÖSSE",
            "GRÖẞE",
            "gro\u{308}ße",
            "GRO\u{308}SSE",
            "Größe",
        ]);
        same(&[
            "istanbul",
            "İstanbul",
            "ıstanbul",
            "ISTANBUL",
            "i\u{307}stanbul",
            "i\u{323}\u{307}stanbul".replace('\u{323}', "").as_str(),
        ]);
        same(&[
            "tickets",
            "tic\u{212a}et\u{17f}",
            "ＴＩＣＫＥＴＳ",
            "𝐭𝐢𝐜𝐤𝐞𝐭𝐬",
            "ti\u{ad}ckets",
            "tickets\u{200b}",
        ]);
        same(&["οδος", "ΟΔΟΣ", "οδοσ"]);
        same(&["한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"]);
        same(&["ớ", "o\u{31b}\u{301}", "o\u{301}\u{31b}", "Ớ"]);
        same(&["ﬁle", "file"]);
        same(&["µ", "μ", "Μ"]);
        let other =
            |one: &str, other: &str| assert_ne!(fold(one), fold(other), "{one} and {other}");
        other("größe", "grosse");
        other("é", "e");
        other("é", "è");
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_iso_8859_1() {
        assert_eq!(fold_bytes(b"GR\xd6\xdfE"), fold("größe"));
        assert_eq!(fold_bytes("GRÖẞE".as_bytes()), fold("größe"));
        assert_eq!(fold_bytes(b"ABC"), "abc");
    }

    #[test]
    fn texts_are_compared_with_one_that_is_folded() {
        assert!(is("From", "from"));
        assert!(is("ſrom", "srom"));
        assert!(is("STRASSE", &fold("straße")));
        assert!(!is("froms", "from"));
    }

    /// Every character, alone and between others, against the library that the table is made from.
    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn every_character_is_the_same_folded_in_all_its_forms() {
        use unicode_normalization::UnicodeNormalization as _;
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            let folded = fold(&text);
            let is_same = text.nfkd().eq(text.chars()) && c.to_lowercase().eq(c.to_uppercase());
            if folded == text && is_same {
                continue;
            }
            assert_eq!(fold(&folded), folded, "{c:?} folded twice");
            let compatible: String = text.nfkd().collect();
            let forms: [String; 5] = [
                text.nfc().collect(),
                text.nfd().collect(),
                if compatible.is_ascii() {
                    compatible
                } else {
                    text.clone()
                },
                text.chars().flat_map(char::to_lowercase).collect(),
                text.chars().flat_map(char::to_uppercase).collect(),
            ];
            for form in forms {
                assert_eq!(fold(&form), folded, "{c:?} as {form:?}");
            }
        }
    }
}
