//! What a query string may give the parameters that prices depend on.
//!
//! A parameter that is given twice is one value to some backends and another to others; the same holds for a name that only some
//! take for it ([`Name`]), for `;` between parameters, for `+`, and for escapes within escapes. So a parameter has all the values that
//! any backend may see, and is surely there only if all see it.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::found::Found;
use super::name::{Names, letters};
use super::rewriting;

/// More values of one parameter than any honest client sends.
const MAX_VALUES: usize = 32;

/// More parameters with a name that only some take for one of those that count than any honest client sends.
const MAX_ODD_NAMES: usize = 16;

/// The longest name that is decoded, and the longest value that is decoded more than once, in bytes.
const LONGEST: usize = 192;

/// How often names and values are decoded at most.
const MAX_DECODINGS: usize = 3;

/// All that a parameter may be.
#[derive(Debug, Default)]
pub(super) struct Values<'q> {
    /// As the query writes them.
    written: Vec<&'q [u8]>,
    found: Vec<Cow<'q, str>>,
    /// Whether every backend sees one of them.
    surely: bool,
}

/// The parameters of a query that some prices depend on.
#[derive(Debug)]
pub(super) struct Parameters<'q> {
    names: &'q Names,
    /// Of each name.
    values: Vec<Values<'q>>,
    /// How many more names may be decoded.
    odd: usize,
    /// The last name that was, the places of those that it may be, and whether it surely is.
    last: (&'q [u8], Vec<(usize, bool)>),
}

/// There are more values than are worth looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyValues;

static NONE: Values<'static> = Values {
    written: Vec::new(),
    found: Vec::new(),
    surely: false,
};

impl<'q> Parameters<'q> {
    fn of(names: &'q Names) -> Self {
        Self {
            names,
            values: Vec::new(),
            odd: MAX_ODD_NAMES,
            last: (b"", Vec::new()),
        }
    }

    /// What `query` gives the parameters `names`.
    ///
    /// # Errors
    ///
    /// It gives one of them too many values.
    pub(super) fn read(query: &'q str, names: &'q Names) -> Result<Self, TooManyValues> {
        let mut parameters = Self::of(names);
        if names.is_empty() || query.is_empty() {
            return Ok(parameters);
        }
        for piece in query.as_bytes().split(|byte| *byte == b'&') {
            parameters.add(piece, true)?;
            if piece.contains(&b';') {
                for piece in piece.split(|byte| *byte == b';') {
                    parameters.add(piece, false)?;
                }
            }
        }
        Ok(parameters)
    }

    /// What the parameter whose name is at this place may be.
    pub(super) fn values(&self, place: usize) -> &Values<'q> {
        self.values.get(place).unwrap_or(&NONE)
    }

    /// Adds a parameter as it is written; `whole` unless it is one only where `;` separates.
    fn add(&mut self, piece: &'q [u8], whole: bool) -> Result<(), TooManyValues> {
        let (name, value) = name_and_value(piece);
        let names = self.names;
        let (letters, behind) = name.split_at_checked(letters(name)).unwrap_or_default();
        if behind.is_empty() {
            for place in names.of_letters(letters) {
                self.add_value(place, value, whole && names.is_text(place, name))?;
            }
        } else if names.begin(letters) {
            if self.last.0 != name {
                self.odd = self.odd.checked_sub(1).ok_or(TooManyValues)?;
                self.last = (name, places(name, names)?);
            }
            let (name, places) = std::mem::take(&mut self.last);
            for &(place, surely) in &places {
                self.add_value(place, value, whole && surely)?;
            }
            self.last = (name, places);
        }
        Ok(())
    }

    fn add_value(
        &mut self,
        place: usize,
        value: &'q [u8],
        surely: bool,
    ) -> Result<(), TooManyValues> {
        self.values.resize_with(self.names.len(), Values::default);
        let Some(values) = self.values.get_mut(place) else {
            return Ok(());
        };
        values.surely |= surely;
        if values.written.last() == Some(&value) {
            return Ok(());
        }
        if value.len() > LONGEST && value.windows(3).any(|escape| escape == b"%25") {
            return Err(TooManyValues);
        }
        values.written.push(value);
        for text in texts(value) {
            if !values.found.contains(&text) {
                values.found.push(text);
            }
        }
        if values.written.len() > MAX_VALUES {
            return Err(TooManyValues);
        }
        Ok(())
    }
}

/// The places of the names that a name as it is written may be, and whether it surely is.
fn places(written: &[u8], names: &Names) -> Result<Vec<(usize, bool)>, TooManyValues> {
    if written.len() > LONGEST {
        return Err(TooManyValues);
    }
    let mut places = Vec::new();
    for (at, text) in texts(written).iter().enumerate() {
        let surely = |place| at == 0 && names.is_text(place, text.as_bytes());
        places.extend(
            names
                .of_text(text)
                .into_iter()
                .map(|place| (place, surely(place))),
        );
    }
    Ok(places)
}

impl Values<'_> {
    /// The values, none of which need be the one that counts.
    pub(super) fn found(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(Cow::as_ref)
    }

    /// Whether every backend sees one of them.
    pub(super) fn surely(&self) -> bool {
        self.surely
    }

    /// Whether the parameter is there.
    pub(super) fn any(&self) -> Found {
        match (self.surely, self.found.is_empty()) {
            (true, _) => Found::Surely,
            (false, false) => Found::Maybe,
            (false, true) => Found::No,
        }
    }
}

/// How many records a query names in the arrays called so: values that are lists with commas count as what is in them. Of a query
/// with too many parameters all count.
pub(super) fn count_records(query: &str, arrays: &Names) -> u64 {
    if query.is_empty() || arrays.is_empty() {
        return 0;
    }
    let mut parameters = Parameters::of(arrays);
    let mut count = 0_u64;
    for piece in query.as_bytes().split(|byte| matches!(byte, b'&' | b';')) {
        if parameters.add(piece, true).is_err() {
            let ends = query.bytes().filter(|byte| b"&;,%".contains(byte)).count();
            return u64::try_from(ends).unwrap_or(u64::MAX).saturating_add(1);
        }
        let commas = |value: &str| value.bytes().filter(|byte| *byte == b',').count();
        let values = std::mem::take(&mut parameters.values);
        let most = values.iter().flat_map(Values::found).map(commas).max();
        let records = most.map_or(0, |commas| {
            u64::try_from(commas).unwrap_or(u64::MAX).saturating_add(1)
        });
        count = count.saturating_add(records);
    }
    count
}

fn name_and_value(piece: &[u8]) -> (&[u8], &[u8]) {
    let end = piece.iter().position(|byte| *byte == b'=');
    match end.and_then(|end| piece.split_at_checked(end)) {
        Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
        None => (piece, b""),
    }
}

/// What backends read of a name or value as it is written: first decoded once, with `+` for a blank, as nearly all do.
fn texts(written: &[u8]) -> Vec<Cow<'_, str>> {
    let is_plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'%' | b'+');
    if let (true, Ok(text)) = (written.iter().all(is_plain), std::str::from_utf8(written)) {
        return vec![Cow::Borrowed(text)];
    }
    let blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let with_blanks: Vec<u8> = written.iter().map(blank).collect();
    let mut forms: Vec<Vec<u8>> = vec![percent_decode(&with_blanks).collect()];
    for _ in 1..MAX_DECODINGS {
        match forms.last() {
            Some(last) if last.contains(&b'%') && last.len() <= LONGEST => {
                forms.push(percent_decode(last).collect())
            }
            _ => break,
        }
    }
    if written.contains(&b'+') {
        forms.push(percent_decode(written).collect());
    }
    let words: Vec<_> = forms
        .iter()
        .filter_map(|form| rewriting::words(form))
        .collect();
    forms.extend(words);
    let mut texts = Vec::new();
    for form in &forms {
        texts.push(Cow::Owned(String::from_utf8_lossy(form).into_owned()));
        if std::str::from_utf8(form).is_err() {
            texts.push(form.iter().copied().map(char::from).collect());
            let short = rewriting::shortened(form);
            texts.push(Cow::Owned(String::from_utf8_lossy(&short).into_owned()));
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::super::name::Name;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn names(texts: &[&str]) -> Names {
        let mut names = Names::default();
        for text in texts {
            names.add(&Name::new(text));
        }
        names
    }

    /// What `from` may be, and `-` unless it is surely there.
    fn values(query: &str) -> Vec<String> {
        let names = names(&["from", "include"]);
        let parameters = Parameters::read(query, &names).unwrap();
        let values = parameters.values(0);
        let absent = (!values.surely()).then(|| "-".to_owned());
        values.found().map(str::to_owned).chain(absent).collect()
    }

    #[test]
    fn an_ordinary_query_has_one_value() {
        assert_eq!(values(""), ["-"]);
        assert_eq!(values("limit=5&form=7&fromage=1"), ["-"]);
        assert_eq!(values("limit=5&from=7"), ["7"]);
        assert_eq!(values("from"), [""]);
        assert_eq!(values("&&from=&"), [""]);
        assert_eq!(values("from=a=b"), ["a=b"]);
    }

    #[test]
    fn names_and_values_are_decoded_at_least_once() {
        assert_eq!(values("%66rom=%37"), ["7"]);
        assert_eq!(values("%2566rom=9"), ["9", "-"]);
        assert_eq!(values("from=+7+"), [" 7 ", "+7+"]);
        assert_eq!(values("from=%2537"), ["%37", "7"]);
        assert_eq!(values("from=%zz%"), ["%zz%"]);
        assert_eq!(values("from=%ff"), ["\u{fffd}", "\u{ff}", ""]);
        assert_eq!(values("%u0066rom=%u0037"), ["%u0037", "7", "-"]);
        assert_eq!(values("%c1%a6rom=9"), ["9", "-"]);
    }

    #[test]
    fn every_occurrence_is_read() {
        assert_eq!(values("from=1&from=2&from=3"), ["1", "2", "3"]);
        assert_eq!(values("include=a&include=b&from=1"), ["1"]);
    }

    #[test]
    fn a_name_that_is_not_the_very_name_may_or_may_not_be_meant() {
        for query in [
            "FROM=9",
            "from[]=9",
            "from%5B0%5D=9",
            "%20from=9",
            "+from+=9",
            "from%00x=9",
            "[from]=9",
            "from]=9",
            "]from=9",
            "[[from=9",
            "[]from=9",
            "?from=9",
            "f%C5%97om=9"
                .replace("%C5%97", "%72")
                .replace("from", "FROM")
                .as_str(),
            "FRO%4D=9",
        ] {
            assert_eq!(
                values(query).first().map(String::as_str),
                Some("9"),
                "{query}"
            );
        }
        assert_eq!(values("From=9&from=1"), ["9", "1"]);
        assert_eq!(values("from[]=9&from=1"), ["9", "1"]);
        assert_eq!(values("xfrom[]=9&a[from]=9"), ["-"]);
    }

    #[test]
    fn a_semicolon_may_or_may_not_separate() {
        assert_eq!(values("from=1;from=9"), ["1;from=9", "1", "9"]);
        assert_eq!(values("a=1;from=9"), ["9", "-"]);
        assert_eq!(values("from;x=9"), ["", "-"]);
    }

    #[test]
    fn values_are_bounded() {
        let names = names(&["from"]);
        let many = |count: usize| {
            (0..count)
                .map(|value| format!("from={value}&"))
                .collect::<String>()
        };
        assert!(Parameters::read(&many(32), &names).is_ok());
        assert!(Parameters::read(&many(33), &names).is_err());
        assert!(Parameters::read(&"from=1&".repeat(1_000), &names).is_ok());
        assert!(Parameters::read(&"from[]=1&".repeat(100), &names).is_ok());
        let odd: String = (0..17).map(|at| format!("from[{at}]=1&")).collect();
        assert!(Parameters::read(&odd, &names).is_err());
    }

    #[test]
    fn records_in_a_query_count() {
        let arrays = names(&["ids", "data[ids]"]);
        let check = |query: &str, expected: u64| {
            assert_eq!(count_records(query, &arrays), expected, "{query}")
        };
        check("", 0);
        check("a=1,2&idsx=1", 0);
        check("ids[]=1&ids[]=2", 2);
        check("ids%5B%5D=1&IDS=2;ids=3", 3);
        check("ids=1,2,3", 3);
        check("ids=1%2C2", 2);
        check("ids=[1,2]&data[ids][]=5", 3);
        check("data=1", 0);
        check(&"ids[]=1&".repeat(300), 300);
        let odd: String = (0..17).map(|at| format!("ids[{at}]=1&")).collect();
        check(&odd, 18);
    }
}
