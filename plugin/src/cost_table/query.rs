//! The readings of a query string, as far as prices depend on it.
//!
//! A parameter that is given twice is one value to some backends and another to others; the same holds for a name in the wrong case
//! and for `;` between parameters. Some take `from[]` and `from[0]` for `from`, or do not mind white space around a name. Every such
//! reading is offered in turn, and the caller takes the dearest.

use std::borrow::Cow;

/// More occurrences of one parameter than any honest client sends: beyond them, readings are not evaluated one by one.
const MAX_OCCURRENCES: usize = 16;

/// A parameter that a price depends on, found in a query.
#[derive(Debug)]
struct Occurrence<'a> {
    /// The name as the rules spell it.
    name: &'a str,
    /// Whether the query spells it the same way.
    exact: bool,
    value: Cow<'a, str>,
}

/// Everything in a query that some prices depend on.
#[derive(Debug)]
struct Occurrences<'a>(Vec<Occurrence<'a>>);

/// One way to understand a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    occurrences: &'a Occurrences<'a>,
    /// Of several occurrences of a parameter, the one that counts; the last one where there are fewer.
    index: usize,
    /// Whether names and values are compared without case.
    folded: bool,
}

/// There are more readings than are worth evaluating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyReadings;

/// Shows each reading of `query`, as far as the parameters `names` go, to `read`: at least one.
///
/// # Errors
///
/// One of the parameters occurs so often that its readings are not worth evaluating; `read` may have been called before.
pub(super) fn each_reading(
    query: &str,
    names: &[String],
    mut read: impl FnMut(Reading<'_>),
) -> Result<(), TooManyReadings> {
    Occurrences::collect(query, |byte| byte == b'&', names)?.each_reading(&mut read);
    if query.bytes().any(|byte| byte == b';') {
        let ends = |byte| matches!(byte, b'&' | b';');
        Occurrences::collect(query, ends, names)?.each_reading(&mut read);
    }
    Ok(())
}

/// Whether the name in a parameter as it is written, up to its `=`, can be none of `names` to any backend. So are most names, which need not be
/// decoded then.
fn is_other(parameter: &[u8], names: &[String]) -> bool {
    let is_end =
        |byte: &u8| !matches!(byte, b'!'..=b'~') || matches!(byte, b'=' | b'%' | b'+' | b'[');
    let end = parameter.iter().position(is_end).unwrap_or(parameter.len());
    let (name, rest) = parameter.split_at_checked(end).unwrap_or_default();
    let is_whole = matches!(rest.first(), None | Some(b'='));
    let same = |wanted: &String| name.eq_ignore_ascii_case(wanted.as_bytes());
    is_whole && !names.iter().any(same)
}

/// The name as lenient backends read it: without white space around it, and up to a bracket (as for arrays in PHP and in the query
/// parsers of JavaScript) or a NUL.
fn plain(name: &str) -> &str {
    let name = name.trim_start();
    let end = name.find(['[', '\0']).unwrap_or(name.len());
    name.get(..end).unwrap_or(name).trim_end()
}

impl<'a> Occurrences<'a> {
    fn collect(
        query: &'a str,
        ends: impl Fn(u8) -> bool,
        names: &'a [String],
    ) -> Result<Self, TooManyReadings> {
        let mut occurrences = Self(Vec::new());
        let parameters = query.as_bytes().split(|byte| ends(*byte));
        let relevant = parameters.filter(|parameter| !is_other(parameter, names));
        for (name, value) in relevant.flat_map(form_urlencoded::parse) {
            for wanted in names {
                let same = |name: &str| name.eq_ignore_ascii_case(wanted);
                if !same(&name) && !same(plain(&name)) {
                    continue;
                }
                if occurrences.count(wanted) == MAX_OCCURRENCES {
                    return Err(TooManyReadings);
                }
                let exact = name == wanted.as_str();
                occurrences.0.push(Occurrence {
                    name: wanted,
                    exact,
                    value: value.clone(),
                });
            }
        }
        Ok(occurrences)
    }

    fn count(&self, name: &str) -> usize {
        self.0
            .iter()
            .filter(|occurrence| occurrence.name == name)
            .count()
    }

    /// Whether with case something may be read differently than without.
    fn case_may_matter(&self) -> bool {
        self.0.iter().any(|occurrence| {
            !occurrence.exact
                || occurrence
                    .value
                    .bytes()
                    .any(|byte| byte.is_ascii_alphabetic())
        })
    }

    fn each_reading(&self, read: &mut impl FnMut(Reading<'_>)) {
        if self.0.is_empty() {
            return read(Reading {
                occurrences: self,
                index: 0,
                folded: true,
            });
        }
        let most = self
            .0
            .iter()
            .map(|occurrence| self.count(occurrence.name))
            .max()
            .unwrap_or(1);
        let readings: &[bool] = if self.case_may_matter() {
            &[true, false]
        } else {
            &[true]
        };
        for index in 0..most {
            for &folded in readings {
                read(Reading {
                    occurrences: self,
                    index,
                    folded,
                });
            }
        }
    }
}

impl<'a> Reading<'a> {
    /// The value of the parameter `name`, or none where the query does not give it.
    pub(super) fn value(self, name: &str) -> Option<&'a str> {
        let mut found = self
            .occurrences
            .0
            .iter()
            .filter(|occurrence| occurrence.name == name && (self.folded || occurrence.exact));
        let first = found.next()?;
        let chosen = found.take(self.index).last().unwrap_or(first);
        Some(&chosen.value)
    }

    /// Whether two values are the same in this reading.
    pub(super) fn same(self, one: &str, other: &str) -> bool {
        if self.folded {
            one.eq_ignore_ascii_case(other)
        } else {
            one == other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The values of `from` in all readings, without repetitions; `-` where it is absent.
    fn values(query: &str) -> Vec<String> {
        let mut values = Vec::new();
        let names = ["from".to_owned(), "include".to_owned()];
        each_reading(query, &names, |reading| {
            let value = reading.value("from").unwrap_or("-").to_owned();
            if !values.contains(&value) {
                values.push(value);
            }
        })
        .unwrap();
        values
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
    fn names_and_values_are_decoded_once() {
        assert_eq!(values("%66rom=%37"), ["7"]);
        assert_eq!(values("from=+7+"), [" 7 "]);
        assert_eq!(values("from=%2537"), ["%37"]);
        assert_eq!(values("from=%zz%"), ["%zz%"]);
        assert_eq!(values("from=%ff"), ["\u{fffd}"]);
    }

    #[test]
    fn every_occurrence_is_read() {
        assert_eq!(values("from=1&from=2&from=3"), ["1", "2", "3"]);
        assert_eq!(values("include=a&include=b&from=1"), ["1"]);
    }

    #[test]
    fn a_name_in_another_case_may_or_may_not_be_meant() {
        assert_eq!(values("FROM=9"), ["9", "-"]);
        assert_eq!(values("From=9&from=1"), ["9", "1"]);
    }

    #[test]
    fn a_name_with_brackets_or_blanks_may_or_may_not_be_meant() {
        for query in [
            "from[]=9",
            "from%5B0%5D=9",
            "%20from=9",
            "+from+=9",
            "from%00x=9",
        ] {
            assert_eq!(values(query), ["9", "-"], "{query}");
        }
        assert_eq!(values("from[]=9&from=1"), ["9", "1"]);
        assert_eq!(values("xfrom[]=9&[from]=9"), ["-"]);
    }

    #[test]
    fn a_semicolon_may_or_may_not_separate() {
        assert_eq!(values("from=1;from=9"), ["1;from=9", "1", "9"]);
        assert_eq!(values("a=1;from=9"), ["-", "9"]);
    }

    #[test]
    fn values_are_the_same_without_case_in_some_reading_only() {
        let mut answers = Vec::new();
        each_reading("include=Contacts", &["include".to_owned()], |reading| {
            answers.push(reading.same("contacts", reading.value("include").unwrap()));
        })
        .unwrap();
        assert_eq!(answers, [true, false]);
    }

    #[test]
    fn readings_are_bounded() {
        let names = ["from".to_owned()];
        let mut readings = 0_u32;
        let sixteen = "from=1&".repeat(16);
        assert_eq!(
            each_reading(&sixteen, &names, |_| readings = readings.saturating_add(1)),
            Ok(())
        );
        assert_eq!(readings, 16);
        let sixteen = "from=a&".repeat(16);
        readings = 0;
        assert_eq!(
            each_reading(&sixteen, &names, |_| readings = readings.saturating_add(1)),
            Ok(())
        );
        assert_eq!(readings, 32);
        assert_eq!(
            each_reading(&format!("{sixteen}from=1"), &names, |_| ()),
            Err(TooManyReadings)
        );
        let semicolons = "from=1;".repeat(17);
        assert_eq!(
            each_reading(&semicolons, &names, |_| ()),
            Err(TooManyReadings)
        );
    }
}
