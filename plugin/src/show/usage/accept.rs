//! Which representation a client prefers: the JSON document or the page.
//!
//! Content negotiation by `Accept` as RFC 9110 says (sections 5.6.6, 12.4.2 and 12.5.1), for these two representations. Nobody is ever
//! turned away with 406: whoever accepts neither, or both alike, gets JSON.

/// A representation of the usage details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// `application/json`.
    Json,
    /// `text/html; charset=utf-8`.
    Html,
}

impl Representation {
    /// The longest field that is read, in bytes: browsers send some 150.
    const LONGEST: usize = 1_000;

    /// What a client with this `Accept` field prefers. Several fields come joined by commas; what is malformed is ignored, and a field that
    /// is longer than any honest one.
    #[must_use]
    pub fn preferred(accept: Option<&str>) -> Self {
        let accept = accept
            .filter(|accept| accept.len() <= Self::LONGEST)
            .unwrap_or_default();
        if quality(accept, "text", "html") > quality(accept, "application", "json") {
            Self::Html
        } else {
            Self::Json
        }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The quality, in thousandths, that the most specific fitting range gives to a media type; 0 if none fits.
fn quality(accept: &str, r#type: &str, subtype: &str) -> u16 {
    let fitting = Elements(accept).filter_map(|element| {
        let range = Range::parse(element)?;
        Some((range.specificity(r#type, subtype)?, range.quality))
    });
    fitting
        .max_by_key(|&(specificity, quality)| (specificity, quality))
        .map_or(0, |(_, quality)| quality)
}

/// The elements of a comma-separated list, in which quoted strings may hold commas.
struct Elements<'a>(&'a str);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let (element, rest) = split_outside_quotes(self.0, b',');
        self.0 = rest;
        Some(element)
    }
}

/// What is before the first `separator` outside quoted strings, and what is after it.
fn split_outside_quotes(text: &str, separator: u8) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                let (before, after) = text.split_at(place);
                return (before, after.get(1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, "")
}

/// A media range with its weight.
#[derive(Debug)]
struct Range<'a> {
    r#type: &'a str,
    subtype: &'a str,
    /// Whether it has parameters that are not `charset=utf-8`, which neither representation has.
    is_narrower: bool,
    /// Whether it has `charset=utf-8`.
    is_utf8: bool,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(element: &'a str) -> Option<Self> {
        let (range, mut parameters) = split_outside_quotes(element, b';');
        let (r#type, subtype) = range.trim().split_once('/')?;
        if !is_token(r#type) || !is_token(subtype) || (r#type == "*" && subtype != "*") {
            return None;
        }
        let mut parsed = Self {
            r#type,
            subtype,
            is_narrower: false,
            is_utf8: false,
            quality: 1000,
        };
        while !parameters.is_empty() {
            let (parameter, rest) = split_outside_quotes(parameters, b';');
            parameters = rest;
            let parameter = parameter.trim();
            if parameter.is_empty() {
                continue;
            }
            let (name, value) = parameter.split_once('=')?;
            if name.eq_ignore_ascii_case("q") {
                // What follows the weight belonged to extensions that are gone since RFC 9110.
                parsed.quality = weight(value)?;
                break;
            }
            if name.eq_ignore_ascii_case("charset")
                && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            {
                parsed.is_utf8 = true;
            } else {
                parsed.is_narrower = true;
            }
        }
        Some(parsed)
    }

    /// How closely the range names a media type, if it fits.
    fn specificity(&self, r#type: &str, subtype: &str) -> Option<u8> {
        let fits = |range: &str, name: &str| range == "*" || range.eq_ignore_ascii_case(name);
        if self.is_narrower || !fits(self.r#type, r#type) || !fits(self.subtype, subtype) {
            return None;
        }
        let parts = [self.r#type != "*", self.subtype != "*", self.is_utf8];
        Some(parts.into_iter().map(u8::from).sum())
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(token)
}

/// A weight in thousandths: 0 to 1 with at most three decimals.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_field_that_no_honest_client_sends_is_not_read() {
        let accept = |length: usize| format!("text/html{}", ",".repeat(length - 9));
        check(&accept(1_000), Representation::Html);
        check(&accept(1_001), Representation::Json);
    }

    #[track_caller]
    fn check(accept: &str, expected: Representation) {
        assert_eq!(
            Representation::preferred(Some(accept)),
            expected,
            "{accept}"
        );
    }

    #[test]
    fn browsers_get_the_page_and_programs_the_document() {
        // Chromium, Firefox and Safari.
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
        ] {
            check(accept, Representation::Html);
        }
        // curl, fetch(), and libraries.
        for accept in [
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "",
        ] {
            check(accept, Representation::Json);
        }
        assert_eq!(Representation::preferred(None), Representation::Json);
    }

    #[test]
    fn the_weight_decides_and_a_tie_is_json() {
        check("text/html, application/json", Representation::Json);
        check(
            "text/html;q=0.9, application/json;q=0.8",
            Representation::Html,
        );
        check(
            "text/html;q=0.123, application/json;q=0.124",
            Representation::Json,
        );
        check("text/html;Q=1.000, */*;q=0.999", Representation::Html);
        check(
            "application/json;q=0, text/html;q=0.001",
            Representation::Html,
        );
        check("text/html;q=0, application/json;q=0", Representation::Json);
        check("image/png", Representation::Json);
    }

    #[test]
    fn the_most_specific_range_counts() {
        check("text/*, */*;q=0.1", Representation::Html);
        check("text/*;q=0.1, application/*;q=0.2", Representation::Json);
        check(
            "text/html;q=0.1, text/*, application/json;q=0.5",
            Representation::Json,
        );
        check(
            "text/html;charset=UTF-8, text/html;q=0, */*;q=0.5",
            Representation::Html,
        );
        // A version of the page that there is not.
        check("text/html;level=1, */*;q=0.1", Representation::Json);
        check("TEXT/HTML, */*;q=0.1", Representation::Html);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for malformed in [
            "text/html;q=2",
            "text/html;q=1.001",
            "text/html;q=0.0001",
            "text/html;q=",
            "text/html;q=x",
            "text/html;level",
            "text",
            "text/",
            "/html",
            "*/html",
            "text/html/x",
            "te xt/html",
        ] {
            check(&format!("{malformed}, */*;q=0.1"), Representation::Json);
            check(&format!("{malformed}, text/html"), Representation::Html);
        }
        check(
            ",, text/html ; ; q=0.5 ,, application/json;q=0.4,",
            Representation::Html,
        );
        check(
            r#"text/plain;a=", text/html;q=1, \"", application/json;q=0.5"#,
            Representation::Json,
        );
        check(
            r#"text/plain;a="never closed, text/html"#,
            Representation::Json,
        );
    }
}
