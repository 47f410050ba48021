//! Path templates: as OpenAPI documents write them, and as the filter's cost table has them.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::segment::{self, Piece};
use crate::command::openapi::Parameter;

/// The most segments of a template; the filter takes no more.
const MOST_SEGMENTS: usize = 32;

/// What stands for any one segment where a call is made up.
const SAMPLE: &str = "7f3c";

/// An operation as a cost table names it: a method and a path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Template {
    /// The path first, so that the operations of one path stand together.
    pub(crate) path: String,
    pub(crate) method: String,
}

/// What a path of a document becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Converted {
    pub(crate) path: String,
    /// What the path says of the query, which belongs to no template.
    pub(crate) when: Vec<(String, String)>,
    /// In what the template is not the one of the document.
    pub(crate) differences: Vec<Difference>,
}

/// Something in which a template is not the one of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) why: String,
    /// Whether there may be calls of the operation that the template does not fit.
    pub(crate) is_loss: bool,
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Template {
    /// Reads an operation as a cost table names it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        Some(Self {
            path: path.to_owned(),
            method: method.to_owned(),
        })
    }

    /// The same for all templates that the cost table cannot tell apart.
    pub(super) fn anonymous(&self) -> Self {
        let path: Vec<String> = self.path.split('/').map(anonymous).collect();
        Self {
            path: path.join("/"),
            method: self.method.clone(),
        }
    }

    /// The path of a call that is this operation, with these values of parameters where there are any.
    pub(crate) fn sample(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut sample = String::new();
        for segment in self.path.split('/').skip(1) {
            sample.push('/');
            let parameter = segment
                .split_once('{')
                .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
            match (segment, parameter) {
                ("*" | "**", _) => sample.push_str(SAMPLE),
                (_, Some((before, (name, after)))) => {
                    let value = value(name).unwrap_or_else(|| SAMPLE.to_owned());
                    sample.extend([before, &value, after]);
                }
                (text, None) => sample.push_str(text),
            }
        }
        sample
    }

    /// The method of a call that is this operation.
    pub(crate) fn sample_method(&self) -> &str {
        match self.method.as_str() {
            "*" => "GET",
            method => method,
        }
    }
}

/// A segment, without case and without the name of its parameter.
pub(super) fn anonymous(segment: &str) -> String {
    match segment.split_once('{').zip(segment.split_once('}')) {
        Some(((prefix, _), (_, suffix))) => caseless(&format!("{prefix}{{}}{suffix}")),
        None if segment == "*" => "{}".to_owned(),
        None => caseless(segment),
    }
}

/// A text as it is compared; `ß` is `SS`.
pub(super) fn caseless(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

/// Writes the path of a document as a template of the cost table.
pub(crate) fn convert(path: &str, parameters: &[Parameter]) -> Converted {
    let mut differences = Vec::new();
    let mut differs = |why: String, is_loss: bool| differences.push(Difference { why, is_loss });
    let (path, fragment) = outside_braces(path, '#');
    if fragment.is_some() {
        differs("a fragment is never part of a call".to_owned(), true);
    }
    let (path, query) = outside_braces(path, '?');
    let when = query.map(conditions).unwrap_or_default();
    let mut names = Vec::new();
    let mut segments: Vec<String> = Vec::new();
    let mut pending = split(path, parameters).into_iter().peekable();
    while let Some(pieces) = pending.next() {
        let is_last = pending.peek().is_none();
        match pieces.as_slice() {
            [] => continue,
            [Piece::Text(text)] if text == "." => continue,
            [Piece::Text(text)] if text == ".." => {
                segments.pop();
                continue;
            }
            [Piece::Rest(_)] if is_last => {
                segments.push("**".to_owned());
                continue;
            }
            [Piece::Text(text)] if text == "**" && is_last => {
                segments.push("**".to_owned());
                continue;
            }
            _ => {}
        }
        if let Some(Piece::Rest(name)) = pieces.iter().find(|piece| matches!(piece, Piece::Rest(_)))
        {
            let why = format!("`{{{name}}}` may hold slashes, and only `**` at the end can");
            differs(why, true);
        }
        let written = segment::write(&pieces, &mut names);
        if let Some(why) = written.why {
            differs(why, false);
        }
        segments.push(written.text);
    }
    let is_rest = |segment: &String| segment == "**";
    if segments.iter().filter(|segment| !is_rest(segment)).count() > MOST_SEGMENTS {
        let why = format!("a template has at most {MOST_SEGMENTS} segments");
        differs(why, false);
        segments.truncate(MOST_SEGMENTS);
        segments.push("**".to_owned());
    }
    Converted {
        path: format!("/{}", segments.join("/")),
        when,
        differences,
    }
}

/// What is before and behind a character that is in no braces.
fn outside_braces(text: &str, at: char) -> (&str, Option<&str>) {
    let mut depth = 0_u32;
    for (place, c) in text.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            c if c == at && depth == 0 => {
                let (before, rest) = text.split_at_checked(place).unwrap_or((text, ""));
                return (before, rest.get(1..));
            }
            _ => {}
        }
    }
    (text, None)
}

/// What a query says of its parameters: their values, or any.
fn conditions(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut conditions: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = if value.is_empty() || value.contains('{') {
            "*".to_owned()
        } else {
            decoded(value)
        };
        let name = decoded(name);
        let known = conditions
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&name));
        if !known && !name.is_empty() && !name.contains('{') {
            conditions.push((name, value));
        }
    }
    conditions.sort();
    conditions
}

/// The pieces of each segment.
fn split(path: &str, parameters: &[Parameter]) -> Vec<Vec<Piece>> {
    let mut segments = Vec::new();
    let mut segment = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(['/', '{']).unwrap_or(rest.len());
        let (text, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !text.is_empty() {
            let text = percent_decode_str(text).decode_utf8_lossy();
            segment.push(Piece::Text(text.into_owned()));
        }
        rest = if let Some(behind) = behind.strip_prefix('/') {
            segments.push(std::mem::take(&mut segment));
            behind
        } else if let Some((inside, behind)) = behind
            .strip_prefix('{')
            .and_then(|behind| behind.split_once('}'))
        {
            parameter(inside, parameters, &mut segments, &mut segment);
            behind
        } else {
            // A brace that is not closed.
            if !behind.is_empty() {
                segment.push(Piece::Text(behind.to_owned()));
            }
            ""
        };
    }
    segments.push(segment);
    segments
}

/// Adds what is in braces. Google's `{name=projects/*}` is several segments, as is a parameter whose pattern has slashes.
fn parameter(
    inside: &str,
    parameters: &[Parameter],
    segments: &mut Vec<Vec<Piece>>,
    segment: &mut Vec<Piece>,
) {
    // Forms of the query (RFC 6570, sections 3.2.8 and 3.2.9).
    if inside.starts_with(['?', '&', '#']) {
        return;
    }
    let described = parameters
        .iter()
        .find(|parameter| parameter.is_in_path && parameter.name == inside);
    let of_schema = described.and_then(|parameter| parameter.pattern.as_deref());
    let of_schema = of_schema.map(|pattern| pattern.trim_start_matches('^').trim_end_matches('$'));
    let (name, pattern) = inside.split_once('=').unwrap_or((inside, ""));
    let pattern = match pattern {
        "" => of_schema.unwrap_or_default(),
        pattern => pattern,
    };
    let is_text = |part: &str| {
        let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !part.is_empty() && part.chars().all(is_one)
    };
    // An expression is taken apart only where it is clear: words, and anything but slashes.
    let parts = if pattern.contains("[^/]+") {
        split_expression(pattern)
    } else {
        pattern.split('/').collect()
    };
    let is_clear = |part: &&str| is_text(part) || matches!(*part, "*" | "**" | "[^/]+");
    if parts.len() > 1 && parts.iter().all(is_clear) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                segments.push(std::mem::take(segment));
            }
            segment.push(match *part {
                "*" | "[^/]+" => Piece::Parameter(name.to_owned()),
                "**" => Piece::Rest(name.to_owned()),
                text => Piece::Text(text.to_owned()),
            });
        }
        return;
    }
    let (bare, kind) = name.split_once(':').unwrap_or((name, ""));
    let reaches_on = pattern == "**"
        || name.starts_with(['+', '*'])
        || name.ends_with(['+', '*'])
        || name.starts_with("...")
        || name.ends_with("...")
        || matches!(kind, "path" | ".*" | ".+" | "*");
    segment.push(if reaches_on {
        Piece::Rest(bare.to_owned())
    } else {
        Piece::Parameter(bare.to_owned())
    });
}

/// `projects/[^/]+/jobs` at the slashes that are in no brackets.
fn split_expression(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, byte) in pattern.bytes().enumerate() {
        match byte {
            b'[' => depth = depth.saturating_add(1),
            b']' => depth = depth.saturating_sub(1),
            b'/' if depth == 0 => {
                parts.extend(pattern.get(start..at));
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.extend(pattern.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_templates() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/{id}", "/a/{id}"),
            ("/a/{id}/", "/a/{id}"),
            ("//a//b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/a/{b}.{c}", "/a/{b-c}"),
            ("/a%20b/%C3%A4", "/a{any}b/ä"),
            ("/files/{path*}", "/files/**"),
            ("/files/{+path}", "/files/**"),
            ("/files/{path:path}/meta", "/files/{path}/meta"),
            (
                "/v1/{name=projects/*/jobs/*}:run",
                "/v1/projects/{name}/jobs/{name_2}:run",
            ),
            ("/v1/{name=**}", "/v1/**"),
            ("/a{?x,y}", "/a"),
            ("/a/:id", "/a/{id}"),
            ("/a/{b", "/a/{any}b"),
        ] {
            assert_eq!(convert(path, &[]).path, expected, "{path}");
        }
        let deep = "/a".repeat(40);
        assert_eq!(convert(&deep, &[]).path, format!("{}/**", "/a".repeat(32)));
    }

    #[test]
    fn a_pattern_with_slashes_is_several_segments() {
        let named = |pattern: &str| Parameter {
            name: "name".to_owned(),
            is_in_path: true,
            pattern: Some(pattern.to_owned()),
            ..Parameter::default()
        };
        let check = |pattern: &str, expected: &str| {
            assert_eq!(convert("/v1/{name}", &[named(pattern)]).path, expected);
        };
        check(
            "^projects/[^/]+/jobs/[^/]+$",
            "/v1/projects/{name}/jobs/{name_2}",
        );
        check("projects/[^/]+", "/v1/projects/{name}");
        check("^[a-z/]+$", "/v1/{name}");
        check("[^/]+", "/v1/{name}");
    }

    #[test]
    fn a_query_in_a_path_is_a_condition() {
        let converted = convert("/a?b=c%20d&e&f={f}", &[]);
        let when = [("b", "c d"), ("e", "*"), ("f", "*")];
        let when = when.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            (converted.path.as_str(), converted.when),
            ("/a", when.to_vec())
        );
        assert!(
            convert("/#x", &[])
                .differences
                .iter()
                .all(|difference| difference.is_loss)
        );
    }

    #[test]
    fn a_sample_fits_its_template() {
        let sample = |text: &str| {
            let template = Template::parse(text).unwrap();
            let value = |name: &str| (name == "module").then(|| "tickets".to_owned());
            format!("{} {}", template.sample_method(), template.sample(value))
        };
        assert_eq!(sample("* /a/{b}/*.x"), "GET /a/7f3c/*.x");
        assert_eq!(
            sample("PUT /{module}/{id}:run/**"),
            "PUT /tickets/7f3c:run/7f3c"
        );
        assert_eq!(sample("GET /"), "GET /");
    }
}
