//! Names of query parameters, as frameworks read them.
//!
//! Express and Rack take `from[]`, `[from]`, `]from` and `from[0]` for `from`; PHP makes `_` of `.`, blanks and a bracket that is not
//! closed, and cuts off blanks before a name; some do not mind white space around it, a NUL behind it, or its case.

use super::folding::fold;

/// The forms of a name in which frameworks compare it.
#[derive(Clone, Debug)]
struct Forms {
    /// Without case.
    folded: String,
    /// What is outside and between brackets: `page` and `from` of `page[from]`.
    keys: Vec<String>,
    /// As PHP writes it.
    flat: String,
}

/// The name of a parameter that prices depend on.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// As the rules write it.
    text: String,
    forms: Forms,
}

/// Some names, each found by all its forms in the same time, however many they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Vec<String>,
    /// Each form and the place of its name, in order.
    forms: Vec<(String, usize)>,
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            forms: Forms::of(text),
        }
    }

    /// The name of the value in a form that a JSON Pointer leads to by these keys.
    pub(super) fn of_keys(keys: &[String]) -> Self {
        let mut keys = keys.iter().map(String::as_str);
        let first = keys.next().unwrap_or_default().to_owned();
        Self::new(&keys.fold(first, |name, key| format!("{name}[{key}]")))
    }

    /// Whether some backend takes the two for the same, which are names in rules.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.forms.folded == other.forms.folded
    }
}

impl Names {
    /// Adds a name unless it is there; its place.
    pub(super) fn add(&mut self, name: &Name) -> usize {
        if let Some(place) = self.texts.iter().position(|known| *known == name.text) {
            return place;
        }
        let place = self.texts.len();
        self.texts.push(name.text.clone());
        let Forms { folded, keys, flat } = name.forms.clone();
        let flat = (keys.len() < 2).then_some(flat);
        for form in [folded, keys.join("/")].into_iter().chain(flat) {
            let form = (form, place);
            let at = self.forms.partition_point(|known| *known < form);
            if self.forms.get(at) != Some(&form) {
                self.forms.insert(at, form);
            }
        }
        place
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether the name at this place is written so by the rules.
    pub(super) fn is_text(&self, place: usize, text: &[u8]) -> bool {
        self.texts
            .get(place)
            .is_some_and(|known| known.as_bytes() == text)
    }

    /// Whether one of them begins with these letters, or is them, without case. Most names of a query do not, and need not be decoded.
    pub(super) fn begin(&self, letters: &[u8]) -> bool {
        let first = self.forms.get(self.first(letters));
        let beginning = first.and_then(|(form, _)| form.as_bytes().get(..letters.len()));
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(letters))
    }

    /// The places of the names that some backend takes a name for that is ASCII, and is none but for its case to all.
    pub(super) fn of_letters(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        let forms = self.forms.get(self.first(name)..).unwrap_or_default();
        let same = forms
            .iter()
            .take_while(|(form, _)| form.as_bytes().eq_ignore_ascii_case(name));
        same.map(|(_, place)| *place)
    }

    /// The places of the names that some backend takes a name for that a query gives, decoded; each once.
    pub(super) fn of_text(&self, name: &str) -> Vec<usize> {
        let mut found: Vec<usize> = self.of_letters(name.as_bytes()).collect();
        if letters(name.as_bytes()) < name.len() {
            let Forms { folded, keys, flat } = Forms::of(name);
            found.extend(self.of_letters(folded.as_bytes()));
            found.extend(self.of_letters(flat.as_bytes()));
            let mut beginning = String::new();
            for key in keys {
                if !beginning.is_empty() {
                    beginning.push('/');
                }
                beginning.push_str(&key);
                found.extend(self.of_letters(beginning.as_bytes()));
            }
            found = found
                .iter()
                .enumerate()
                .filter(|(at, place)| !found.iter().take(*at).any(|known| known == *place))
                .map(|(_, place)| *place)
                .collect();
        }
        found
    }

    /// Where the first form is that is not before the text.
    fn first(&self, text: &[u8]) -> usize {
        let upper = text.iter().any(u8::is_ascii_uppercase);
        let lower = upper.then(|| text.to_ascii_lowercase());
        let text = lower.as_deref().unwrap_or(text);
        self.forms
            .partition_point(|(form, _)| form.as_bytes() < text)
    }
}

/// With how many letters that all frameworks read alike a name begins as it is written.
pub(super) fn letters(written: &[u8]) -> usize {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end = written.iter().position(|byte| !is_letter(byte));
    end.unwrap_or(written.len())
}

impl Forms {
    fn of(text: &str) -> Self {
        let is_before = |c: char| is_blank(c) || matches!(c, '?' | '[' | ']');
        let name = text.trim_start_matches(is_before);
        let name = name.split('\0').next().unwrap_or_default();
        let keys = name.split(['[', ']']).map(|key| key.trim_matches(is_blank));
        let keys = keys.filter(|key| !key.is_empty()).map(fold).collect();
        let base = match name.split_once('[') {
            Some((base, keys)) if keys.bytes().any(|byte| byte == b']') => base,
            _ => name,
        };
        let mut flat = fold(base.trim_end_matches(']'));
        if !flat.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let underscore = |c: char| if matches!(c, '.' | ' ' | '[') { '_' } else { c };
            flat = flat.chars().map(underscore).collect();
        }
        Self {
            folded: fold(text),
            keys,
            flat,
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, '\0'..=' ' | '\u{7f}'..='\u{a0}')
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn check(name: &str, same: &[&str], other: &[&str]) {
        let mut names = Names::default();
        names.add(&Name::new("a"));
        names.add(&Name::new(name));
        names.add(&Name::new("z[a]"));
        let is = |found: &str| {
            let written = found.as_bytes();
            let letters = letters(written);
            let head = &written[..letters];
            match letters == written.len() {
                true => names.of_letters(head).any(|place| place == 1),
                false => names.begin(head) && names.of_text(found).contains(&1),
            }
        };
        for found in same {
            assert!(is(found), "{name:?} {found}");
        }
        for found in other {
            assert!(!is(found), "{name:?} {found}");
        }
    }

    #[test]
    fn a_name_is_what_some_framework_takes_for_it() {
        check(
            "from",
            &[
                "from", "FROM", "from[]", "from[0]", "from[a]", "[from]", "from]", "]from",
                "[[from", "[]from", "?from", "??from", " from", "from ", "\tfrom", "from\0x",
                "from[", "ｆrom",
            ],
            &[
                "",
                "fro",
                "fromage",
                "from_date",
                "from-x",
                "xfrom",
                "a[from]",
                "page[from]",
                "from.date",
                "form",
            ],
        );
        check(
            "page_from",
            &[
                "page_from",
                "page.from",
                "page from",
                "page[from",
                "PAGE.FROM",
                " page.from",
                "page.from[]",
                "page.from[0]",
            ],
            &["page", "page[from]", "pagefrom", "page-from", "page.from.x"],
        );
        check(
            "page[from]",
            &[
                "page[from]",
                "Page[From]",
                "[page][from]",
                "page[from][]",
                "page[from",
                "page[ from ]",
            ],
            &["page", "page[]", "from", "page[to]", "pagefrom"],
        );
        check(
            "page.from",
            &["page.from", "page_from", "page.from[]"],
            &["page", "from"],
        );
        check("[from]", &["[from]", "from", "from[]"], &["fro"]);
        check("ſize", &["SIZE", "size[]", "ſize"], &["izes"]);
        check("größe", &["GRÖSSE", "gro\u{308}ße[]"], &["grosse", "gr"]);
    }

    #[test]
    fn keys_of_a_pointer_are_a_name_with_brackets() {
        let of = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            Name::of_keys(&keys).text
        };
        assert_eq!(of(&["ids"]), "ids");
        assert_eq!(of(&["data", "ids"]), "data[ids]");
    }
}
