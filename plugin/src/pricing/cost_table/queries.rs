//! The queries that a call may have.
//!
//! Where a path is decoded before its query is split off, as by a proxy in between that passes on what it has decoded, a `%3F` in it
//! begins the query, and a `%23` takes the query away.

use super::name::Names;
use super::query::{Parameters, TooManyValues};

/// The query as it is written, and what else it may be.
#[derive(Debug)]
pub(super) struct Queries<'t> {
    written: &'t str,
    others: Vec<String>,
}

/// There are more than are worth looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyQueries;

impl<'t> Queries<'t> {
    /// More than any honest call has.
    const MOST: usize = 8;

    /// The query of a path that is read as it is written.
    pub(super) fn of(written: &'t str) -> Self {
        Self {
            written,
            others: Vec::new(),
        }
    }

    /// The path may be read so.
    pub(super) fn see(&mut self, reading: &[u8]) {
        let Some(end) = reading.iter().position(|byte| matches!(byte, b'?' | b'#')) else {
            return;
        };
        self.add(String::new());
        if let Some([b'?', behind @ ..]) = reading.get(end..) {
            let behind = String::from_utf8_lossy(behind);
            let end = behind.find('#').unwrap_or(behind.len());
            let behind = behind.get(..end).unwrap_or_default();
            let written = self.written;
            self.add(format!("{behind}&{written}"));
        }
    }

    fn add(&mut self, query: String) {
        if self.others.len() <= Self::MOST && !self.others.contains(&query) {
            self.others.push(query);
        }
    }

    /// Each of them.
    ///
    /// # Errors
    ///
    /// There are more than are worth pricing.
    pub(super) fn all(&self) -> Result<impl Iterator<Item = &str> + Clone, TooManyQueries> {
        if self.others.len() > Self::MOST {
            return Err(TooManyQueries);
        }
        let others = self.others.iter().map(String::as_str);
        Ok(std::iter::once(self.written).chain(others))
    }
}

/// The methods that a `POST` may stand for by a parameter of its query, `_method`, as Symfony, Laravel and Express's `method-override` have
/// it; in upper case.
///
/// # Errors
///
/// There are more than are worth looking at.
pub(super) fn methods<'m>(
    method: &str,
    queries: impl Iterator<Item = &'m str>,
    names: &Names,
) -> Result<Vec<String>, TooManyValues> {
    let mut methods = Vec::new();
    if !method.eq_ignore_ascii_case("POST") {
        return Ok(methods);
    }
    for query in queries {
        let parameters = Parameters::read(query, names)?;
        for value in parameters.values(0).found() {
            let value = value.trim().to_ascii_uppercase();
            if !methods.contains(&value) {
                methods.push(value);
            }
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::super::name::Name;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn seen(written: &str, readings: &[&str]) -> Result<Vec<String>, TooManyQueries> {
        let mut queries = Queries::of(written);
        for reading in readings {
            queries.see(reading.as_bytes());
        }
        let all = queries.all()?.map(str::to_owned);
        Ok(all.collect())
    }

    #[test]
    fn a_decoded_question_mark_begins_a_query_and_a_decoded_hash_ends_it() {
        let check = |readings: &[&str], expected: &[&str]| {
            assert_eq!(seen("a=1", readings).unwrap(), expected, "{readings:?}");
        };
        check(&["/b%3Fc"], &["a=1"]);
        check(&["/b%3Fc", "/b?c", "/b"], &["a=1", "", "c&a=1"]);
        check(&["/b#?c"], &["a=1", ""]);
        check(&["/b?c=2#d"], &["a=1", "", "c=2&a=1"]);
        check(&["/b?c?d", "/b?c?d"], &["a=1", "", "c?d&a=1"]);
    }

    #[test]
    fn queries_are_bounded() {
        let readings: Vec<String> = (0..20).map(|number| format!("/?{number}")).collect();
        let readings: Vec<&str> = readings.iter().map(String::as_str).collect();
        assert_eq!(seen("", &readings), Err(TooManyQueries));
        assert!(seen("", &readings[..7]).is_ok());
    }

    #[test]
    fn a_post_may_stand_for_another_method() {
        let mut names = Names::default();
        names.add(&Name::new("_method"));
        let check = |method: &str, query: &str, expected: &[&str]| {
            let methods = methods(method, [query].into_iter(), &names).unwrap();
            assert_eq!(methods, expected, "{method} {query}");
        };
        check("POST", "", &[]);
        check("POST", "method=DELETE&a=_method", &[]);
        check("POST", "_method=DELETE", &["DELETE"]);
        check(
            "post",
            "a=1&%5Fmethod=%20delete&_METHOD=put",
            &["DELETE", "PUT"],
        );
        check("GET", "_method=DELETE", &[]);
    }
}
