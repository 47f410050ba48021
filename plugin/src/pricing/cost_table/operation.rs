//! An operation of the priced API, `GET /tickets/{ticketId}`: a method and a path template.
//!
//! A template is compared with paths that were normalized, so anything that normalization removes (empty and dot segments,
//! percent-escapes, segment parameters) would never match: it is refused here, with the reason. So are the templates of other systems.

mod foreign;

use std::fmt;

use super::folding::fold;

/// The longest template, in segments. It bounds the depth of a lookup whatever the path, and how much of a path must be kept.
pub(super) const MAX_SEGMENTS: usize = 32;

/// A method and a path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// The method, or none for every method.
    pub(super) method: Option<String>,
    /// The segments of the path.
    pub(super) segments: Vec<Segment>,
    /// Whether the template ends with `**`: any number of further segments.
    pub(super) rest: bool,
}

/// One segment of a path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// This text.
    Literal(String),
    /// A segment that begins and ends like this, with at least one character in between: `{id}:archive`, `export.{format}`.
    Affixed {
        /// What is before the parameter.
        prefix: String,
        /// What is behind it.
        suffix: String,
    },
    /// Any one segment: `{name}` or `*`. The name only documents.
    Parameter,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Affixed { prefix, suffix } => write!(f, "{prefix}{{…}}{suffix}"),
            Self::Parameter => f.write_str("{…}"),
        }
    }
}

/// Why a text is not an operation; reads as what was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidOperation {
    /// No method, or no template.
    #[error("a method, one space and a path template, such as \"GET /tickets/{{id}}\"")]
    Shape,
    /// What other systems write for something that is written otherwise here.
    #[error("{instead}, found `{found}`")]
    Foreign {
        /// What is written here.
        instead: String,
        /// What was found.
        found: String,
    },
    /// The method is no HTTP token.
    #[error("an upper-case HTTP method or `*`, found `{0}`")]
    Method(String),
    /// The template is relative.
    #[error("a path template that starts with `/`, found `{0}`")]
    Relative(String),
    /// Repeated or trailing slashes.
    #[error(
        "no empty segment (repeated and trailing slashes are dropped from a path before it is matched)"
    )]
    EmptySegment,
    /// `.` or `..`.
    #[error("no segment `{0}` (dot segments of a path are resolved before it is matched)")]
    DotSegment(String),
    /// A character that a normalized path cannot hold, and what it is there.
    #[error("no `{character}` in a path template ({reason})")]
    Character {
        /// The character.
        character: char,
        /// Why it cannot match.
        reason: &'static str,
    },
    /// A space, a tab or the like.
    #[error("no whitespace and no control characters in a path template")]
    Whitespace,
    /// `{a`, `{}`.
    #[error("a parameter with a name in braces such as `{{id}}`, found `{0}`")]
    Braces(String),
    /// `{a}{b}`, `{a}-{b}`.
    #[error("at most one parameter in a segment, found `{0}`")]
    Parameters(String),
    /// `a*`, `***`.
    #[error("`*` and `**` to be whole segments, and `{{name}}` for a part of one, found `{0}`")]
    Stars(String),
    /// `**` before the end.
    #[error("`**` only as the last segment")]
    RestNotLast,
    /// The same name twice.
    #[error("each parameter once, found `{{{0}}}` twice")]
    RepeatedParameter(String),
    /// Deeper than [`MAX_SEGMENTS`].
    #[error("at most {MAX_SEGMENTS} segments, found {0}")]
    TooLong(usize),
}

impl Operation {
    /// Reads `METHOD /template`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidOperation> {
        let (method, template) = text.split_once(' ').ok_or(InvalidOperation::Shape)?;
        if method.is_empty() || template.is_empty() {
            return Err(InvalidOperation::Shape);
        }
        foreign::check_method(method)?;
        let method = match method {
            "*" => None,
            token if token.bytes().all(is_upper_case_token) => Some(token.to_owned()),
            other => return Err(InvalidOperation::Method(other.to_owned())),
        };
        foreign::check_template(template)?;
        let path = template
            .strip_prefix('/')
            .ok_or_else(|| InvalidOperation::Relative(template.to_owned()))?;
        path.split('/').try_for_each(foreign::check_segment)?;
        check_characters(path)?;
        let mut operation = Self {
            method,
            segments: Vec::new(),
            rest: false,
        };
        if path.is_empty() {
            return Ok(operation);
        }
        let mut names = Vec::new();
        for text in path.split('/') {
            if operation.rest {
                return Err(InvalidOperation::RestNotLast);
            }
            if text == "**" {
                operation.rest = true;
                continue;
            }
            let (segment, name) = parse_segment(text)?;
            if let Some(name) = name {
                if names.contains(&name) {
                    return Err(InvalidOperation::RepeatedParameter(name.to_owned()));
                }
                names.push(name);
            }
            operation.segments.push(segment);
        }
        if operation.segments.len() > MAX_SEGMENTS {
            return Err(InvalidOperation::TooLong(operation.segments.len()));
        }
        Ok(operation)
    }

    /// The operation as matching sees it: two with the same one would compete for the same calls.
    pub(super) fn folded(&self) -> Self {
        let fold = |segment: &Segment| match segment {
            Segment::Literal(text) => Segment::Literal(fold(text)),
            Segment::Affixed { prefix, suffix } => Segment::Affixed {
                prefix: fold(prefix),
                suffix: fold(suffix),
            },
            Segment::Parameter => Segment::Parameter,
        };
        Self {
            segments: self.segments.iter().map(fold).collect(),
            ..self.clone()
        }
    }
}

/// A character of a method (`tchar` of RFC 9110, section 5.6.2), without lower-case letters and what no method has.
fn is_upper_case_token(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_.!".contains(&byte)
}

#[inline(never)]
fn check_characters(path: &str) -> Result<(), InvalidOperation> {
    for character in path.chars() {
        let reason = match character {
            '%' => "a path is percent-decoded before it is matched: write the character itself",
            '?' => "query parameters are matched by \"when\" and \"tiers\"",
            '#' => "a fragment is never part of a path",
            ';' => "parameters of a segment are cut off before it is matched",
            '\\' => "it is read as `/`",
            _ if character.is_whitespace() || character.is_control() => {
                return Err(InvalidOperation::Whitespace);
            }
            _ => continue,
        };
        return Err(InvalidOperation::Character { character, reason });
    }
    Ok(())
}

/// One segment, and the name of the parameter that it is.
#[inline(never)]
fn parse_segment(text: &str) -> Result<(Segment, Option<&str>), InvalidOperation> {
    match text {
        "" => return Err(InvalidOperation::EmptySegment),
        "." | ".." => return Err(InvalidOperation::DotSegment(text.to_owned())),
        "*" => return Ok((Segment::Parameter, None)),
        _ => {}
    }
    if let Some((prefix, rest)) = text.split_once('{') {
        let braces = || InvalidOperation::Braces(text.to_owned());
        let (name, suffix) = rest.split_once('}').ok_or_else(braces)?;
        if suffix.contains('{') && suffix.contains('}') {
            return Err(InvalidOperation::Parameters(text.to_owned()));
        }
        let is_name = !name.is_empty() && !name.contains(['{', '*']);
        if !is_name || prefix.contains('}') || suffix.contains(['{', '}']) {
            return Err(braces());
        }
        if prefix.contains('*') || suffix.contains('*') {
            return Err(InvalidOperation::Stars(text.to_owned()));
        }
        let segment = match (prefix, suffix) {
            ("", "") => Segment::Parameter,
            _ => Segment::Affixed {
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
            },
        };
        return Ok((segment, Some(name)));
    }
    if text.contains('}') {
        return Err(InvalidOperation::Braces(text.to_owned()));
    }
    if text.contains('*') {
        return Err(InvalidOperation::Stars(text.to_owned()));
    }
    Ok((Segment::Literal(text.to_owned()), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn an_operation_is_a_method_and_a_template() {
        fn check(text: &str, method: Option<&str>, segments: &[Segment], rest: bool) {
            let expected = Operation {
                method: method.map(str::to_owned),
                segments: segments.to_vec(),
                rest,
            };
            assert_eq!(Operation::parse(text), Ok(expected), "{text}");
        }
        check("GET /", Some("GET"), &[], false);
        check("GET /tickets", Some("GET"), &[literal("tickets")], false);
        check(
            "POST /a/{id}/*",
            Some("POST"),
            &[literal("a"), Segment::Parameter, Segment::Parameter],
            false,
        );
        check("OPTIONS /**", Some("OPTIONS"), &[], true);
        check("* /a/**", None, &[literal("a")], true);
        check(
            "M-SEARCH /größe.json",
            Some("M-SEARCH"),
            &[literal("größe.json")],
            false,
        );
        check(
            "GET /*/*",
            Some("GET"),
            &[Segment::Parameter, Segment::Parameter],
            false,
        );
        let affixed = |prefix: &str, suffix: &str| Segment::Affixed {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        };
        check(
            "POST /{id}:archive/export.{format}/a{b}c",
            Some("POST"),
            &[
                affixed("", ":archive"),
                affixed("export.", ""),
                affixed("a", "c"),
            ],
            false,
        );
    }

    #[test]
    fn names_of_parameters_and_case_do_not_tell_operations_apart() {
        let one = Operation::parse("GET /Tickets/{id}").unwrap();
        let other = Operation::parse("GET /tickets/*").unwrap();
        assert_eq!(one.folded(), other.folded());
        assert_ne!(
            one.folded(),
            Operation::parse("POST /tickets/*").unwrap().folded()
        );
        assert_ne!(
            one.folded(),
            Operation::parse("GET /tickets/**").unwrap().folded()
        );
    }

    #[test]
    fn what_cannot_match_is_refused() {
        fn check(text: &str, expected: &str) {
            assert_eq!(
                Operation::parse(text).unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
        let shape = "a method, one space and a path template, such as \"GET /tickets/{id}\"";
        check("", shape);
        check("GET", shape);
        check("GET ", shape);
        check(" /a", shape);
        check("G(T /a", "an upper-case HTTP method or `*`, found `G(T`");
        check("*** /a", "an upper-case HTTP method or `*`, found `***`");
        check("GET a", "a path template that starts with `/`, found `a`");
        check(
            "GET  /a",
            "a path template that starts with `/`, found ` /a`",
        );
        let empty = "no empty segment (repeated and trailing slashes are dropped from a path before it is matched)";
        check("GET /a/", empty);
        check("GET /a//b", empty);
        check("GET //", empty);
        check(
            "GET /a/../b",
            "no segment `..` (dot segments of a path are resolved before it is matched)",
        );
        check(
            "GET /.",
            "no segment `.` (dot segments of a path are resolved before it is matched)",
        );
        check(
            "GET /a%20b",
            "no `%` in a path template (a path is percent-decoded before it is matched: write the character itself)",
        );
        check(
            "GET /a?b=1",
            "no `?` in a path template (query parameters are matched by \"when\" and \"tiers\")",
        );
        check(
            "GET /a#b",
            "no `#` in a path template (a fragment is never part of a path)",
        );
        check(
            "GET /a;b",
            "no `;` in a path template (parameters of a segment are cut off before it is matched)",
        );
        check(
            "GET /a\\b",
            "no `\\` in a path template (it is read as `/`)",
        );
        check(
            "GET /a b",
            "no whitespace and no control characters in a path template",
        );
        check(
            "GET /a\u{7}",
            "no whitespace and no control characters in a path template",
        );
        for braces in ["{a", "a}", "{}", "a{}b", "{a}}", "}{"] {
            let expected =
                format!("a parameter with a name in braces such as `{{id}}`, found `{braces}`");
            check(&format!("GET /x/{braces}"), &expected);
        }
        for parameters in ["{a}{b}", "{a}-{b}", "x{a}y{b}z"] {
            let expected = format!("at most one parameter in a segment, found `{parameters}`");
            check(&format!("GET /x/{parameters}"), &expected);
        }
        for stars in ["a*", "***", "*.json", "{a}*", "*{a}"] {
            let expected = format!(
                "`*` and `**` to be whole segments, and `{{name}}` for a part of one, found `{stars}`"
            );
            check(&format!("GET /x/{stars}"), &expected);
        }
        check("GET /**/a", "`**` only as the last segment");
        check(
            "GET /{id}/a/{id}",
            "each parameter once, found `{id}` twice",
        );
        check(
            &format!("GET {}", "/a".repeat(33)),
            "at most 32 segments, found 33",
        );
        assert!(Operation::parse(&format!("GET {}/**", "/a".repeat(32))).is_ok());
    }
}
