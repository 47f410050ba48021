//! What stands around the lines of a log because something has carried them: container engines, kubectl, syslog.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// What a line is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// A JSON object with the line as one of its members: docker's json-file (`log`), journald and stern as JSON (`MESSAGE`, `message`), Loki's
    /// logcli (`line`), Cloud Logging (`textPayload`, `jsonPayload`).
    Member(&'static str),
    /// `2026-11-22T12:00:00.123Z stdout F line`, as the engines of Kubernetes write it; a line is in several pieces if `P` stands there.
    Cri,
    /// `web-1  | line`, as docker compose prints it.
    Compose,
    /// `<134>Feb  6 12:14:14 host program[7]: line` (RFC 3164), with the priority or without it, and with any other time.
    Syslog,
    /// `<134>1 2026-11-22T12:00:00Z host program 7 - - line` (RFC 5424).
    Syslog5424,
    /// `[pod/name/container] line`, as `kubectl logs --prefix` prints it.
    Kubectl,
    /// `pod container line`, as stern prints it; a namespace may go before it.
    Stern(u8),
    /// `2026-11-22T12:00:00.123Z line`.
    Time,
    /// `2026/11/22 12:00:00.123<tab>INFO<tab>http.log.access<tab>handled request<tab>{…}`: columns with the time before a JSON object that does not
    /// tell it, as Caddy's console format and fluentd write it.
    Columns,
    /// `time=2026-11-22T12:00:00Z msg="a b"` (logfmt).
    Pairs,
    /// `<request id="7"> <ip>192.0.2.7</ip> … </request>`, as API Gateway's example has it.
    Elements,
    /// Colours of a terminal.
    Colours,
}

/// A line, or a piece of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inside<'l> {
    pub(super) line: Cow<'l, str>,
    /// Where the piece came from if another one follows, or may have come before.
    pub(super) stream: Option<Cow<'l, str>>,
    /// Whether the line goes on in the next piece.
    pub(super) goes_on: bool,
}

/// All of them, those first that are surest.
pub(super) const ALL: &[Wrapper] = &[
    Wrapper::Colours,
    Wrapper::Columns,
    Wrapper::Elements,
    Wrapper::Cri,
    Wrapper::Kubectl,
    Wrapper::Syslog5424,
    Wrapper::Compose,
    Wrapper::Member("log"),
    Wrapper::Member("message"),
    Wrapper::Member("MESSAGE"),
    Wrapper::Member("line"),
    Wrapper::Member("textPayload"),
    Wrapper::Member("jsonPayload"),
    Wrapper::Syslog,
    Wrapper::Time,
    Wrapper::Stern(2),
    Wrapper::Stern(3),
    Wrapper::Pairs,
];

impl Wrapper {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Member("log") => "docker's json-file",
            Self::Member("MESSAGE") => "journald as JSON",
            Self::Member("textPayload" | "jsonPayload") => "Cloud Logging",
            Self::Member(_) => "JSON",
            Self::Cri => "CRI",
            Self::Compose => "docker compose",
            Self::Syslog | Self::Syslog5424 => "syslog",
            Self::Kubectl => "kubectl logs --prefix",
            Self::Stern(_) => "stern",
            Self::Time => "times",
            Self::Columns => "columns before JSON",
            Self::Pairs => "logfmt",
            Self::Elements => "XML",
            Self::Colours => "colours",
        }
    }

    /// The line that is in it; `None` if this is no such wrapper.
    pub(super) fn inside<'l>(self, text: &'l str) -> Option<Inside<'l>> {
        match self {
            Self::Member(name) => member(text, name),
            Self::Cri => cri(text),
            Self::Compose => {
                let (name, line) = text.split_once('|')?;
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
                let trimmed = name.trim_end_matches(' ');
                let named = !trimmed.is_empty() && trimmed.bytes().all(is_name);
                (named && name.len() > trimmed.len())
                    .then(|| whole(line.strip_prefix(' ').unwrap_or(line)))
            }
            Self::Syslog => syslog(text).map(whole),
            Self::Syslog5424 => syslog_5424(text).map(whole),
            Self::Kubectl => {
                let (name, line) = text.strip_prefix('[')?.split_once("] ")?;
                let named = name.starts_with("pod/") && !name.contains(' ');
                named.then(|| whole(line))
            }
            Self::Stern(words) => {
                let mut rest = text;
                for _ in 0..words {
                    let (word, behind) = rest.split_once(' ')?;
                    let is_name =
                        |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
                    let named = word.bytes().all(is_name)
                        && word.bytes().any(|byte| byte.is_ascii_lowercase());
                    if !named {
                        return None;
                    }
                    rest = behind;
                }
                Some(whole(rest))
            }
            Self::Time => {
                let (time, line) = text.split_once(' ')?;
                time.parse::<Timestamp>().ok()?;
                Some(whole(line))
            }
            Self::Columns => behind_columns(text).map(rewritten),
            Self::Pairs => pairs(text).map(rewritten),
            Self::Elements => elements(text).map(rewritten),
            Self::Colours => uncoloured(text).map(rewritten),
        }
    }
}

fn whole(line: &str) -> Inside<'_> {
    Inside {
        line: Cow::Borrowed(line),
        stream: None,
        goes_on: false,
    }
}

fn rewritten(line: String) -> Inside<'static> {
    Inside {
        line: Cow::Owned(line),
        stream: None,
        goes_on: false,
    }
}

fn member<'l>(text: &'l str, name: &str) -> Option<Inside<'l>> {
    let mut members: Map<String, Value> = serde_json::from_str(text).ok()?;
    let stream = match members.remove("stream") {
        Some(Value::String(stream)) => Some(Cow::Owned(stream)),
        _ => None,
    };
    let line = match members.remove(name)? {
        Value::String(line) => line,
        object @ Value::Object(_) => object.to_string(),
        _ => return None,
    };
    // Docker cuts what is longer than 16 KiB, and only the last piece ends with the end of the line.
    let goes_on = name == "log" && stream.is_some() && !line.ends_with('\n');
    Some(Inside {
        line: Cow::Owned(line.trim_end_matches('\n').to_owned()),
        stream,
        goes_on,
    })
}

fn cri(text: &str) -> Option<Inside<'_>> {
    let (time, rest) = text.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let (tags, line) = rest.split_once(' ').unwrap_or((rest, ""));
    let tag = tags.split(':').next()?;
    let named = matches!(stream, "stdout" | "stderr") && matches!(tag, "F" | "P");
    if !named || time.parse::<Timestamp>().is_err() {
        return None;
    }
    Some(Inside {
        line: Cow::Borrowed(line),
        stream: Some(Cow::Borrowed(stream)),
        goes_on: tag == "P",
    })
}

/// What is behind `program[7]: `, before which stand a time and a host.
fn syslog(text: &str) -> Option<&str> {
    let text = without_priority(text);
    let (heading, line) = text.split_once(": ")?;
    let words = heading.split_whitespace().count();
    let begins_with_time = match words {
        // Month, day, time of the day, host and program; the host may be left out.
        4 | 5 => {
            const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let month = heading.get(..3)?;
            MONTHS.contains(month) && heading.contains(':')
        }
        2 | 3 => heading
            .split_whitespace()
            .next()?
            .parse::<Timestamp>()
            .is_ok(),
        _ => false,
    };
    begins_with_time.then_some(line)
}

fn syslog_5424(text: &str) -> Option<&str> {
    let unprefixed = without_priority(text);
    if unprefixed.len() == text.len() {
        return None;
    }
    let mut rest = unprefixed.strip_prefix("1 ")?;
    // Time, host, program, process and message id.
    for _ in 0..5 {
        rest = rest.split_once(' ')?.1;
    }
    let line = match rest.strip_prefix("- ") {
        Some(line) => line,
        // Structured data: elements in brackets, in whose values a bracket is escaped.
        None => {
            let mut escaped = false;
            let bytes = rest.bytes().enumerate();
            let mut ends = bytes.filter_map(|(at, byte)| {
                let ends = byte == b']' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends.then_some(at)
            });
            let goes_on = |at: usize| rest.get(at.saturating_add(1)..)?.strip_prefix(' ');
            ends.find_map(goes_on)?
        }
    };
    Some(line.trim_start_matches('\u{feff}'))
}

/// What is behind `<134>`.
fn without_priority(text: &str) -> &str {
    let inside = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match inside {
        Some((priority, rest)) if priority.parse::<u8>().is_ok() => rest,
        _ => text,
    }
}

/// The JSON object behind columns, with the time that is the first of them as its member `ts`.
fn behind_columns(text: &str) -> Option<String> {
    let (columns, behind) = text.split_once("\t{")?;
    let time = columns.split('\t').next()?;
    if !time.starts_with(|c: char| c.is_ascii_digit()) || !behind.ends_with('}') {
        return None;
    }
    let comma = if behind == "}" { "" } else { "," };
    Some(format!("{{\"ts\":{}{comma}{behind}", Value::from(time)))
}

/// Names with their values, as a JSON object. A value with blanks is in quotation marks, and escaped as in JSON.
fn pairs(text: &str) -> Option<String> {
    const LEAST: usize = 3;
    let mut members = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let (value, behind) = if behind.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(behind).into_iter::<String>();
            let value = values.next()?.ok()?;
            (value, behind.get(values.byte_offset()..)?)
        } else {
            let (value, behind) = behind.split_once(' ').unwrap_or((behind, ""));
            (value.to_owned(), behind)
        };
        members.insert(name.to_owned(), Value::String(value));
        rest = behind.trim_start();
    }
    (members.len() >= LEAST).then(|| Value::Object(members).to_string())
}

/// The elements inside one, as a JSON object.
fn elements(text: &str) -> Option<String> {
    let (outer, mut rest) = text.strip_prefix('<')?.split_once('>')?;
    let outer = outer.split(' ').next()?;
    let mut members = Map::new();
    loop {
        let (name, behind) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
        if name.strip_prefix('/') == Some(outer) {
            return Some(Value::Object(members).to_string());
        }
        let (value, behind) = behind.split_once(&format!("</{name}>"))?;
        let value = value.replace("&lt;", "<").replace("&gt;", ">");
        let value = value.replace("&quot;", "\"").replace("&amp;", "&");
        members.insert(name.to_owned(), Value::String(value));
        rest = behind;
    }
}

/// A text without the sequences that colour it; `None` if it has none.
fn uncoloured(text: &str) -> Option<String> {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next()?.to_owned();
    let mut found = false;
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic())?;
        plain.push_str(part.get(end.saturating_add(1)..)?);
        found = true;
    }
    found.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_found() {
        let check = |wrapper: Wrapper, text: &str, expected: Option<&str>| {
            let inside = wrapper.inside(text);
            let line = inside.as_ref().map(|inside| inside.line.as_ref());
            assert_eq!(line, expected, "{text}");
        };
        let docker = Wrapper::Member("log");
        check(
            docker,
            r#"{"log":"a \"b\"\n","stream":"stdout","time":"2026-11-22T12:00:00Z"}"#,
            Some("a \"b\""),
        );
        check(docker, r#"{"message":"a"}"#, None);
        check(
            Wrapper::Member("message"),
            r#"{"message":{"a":1},"podName":"p"}"#,
            Some(r#"{"a":1}"#),
        );
        check(
            Wrapper::Cri,
            "2026-11-22T12:00:00.1Z stdout F a b",
            Some("a b"),
        );
        check(
            Wrapper::Cri,
            "2026-11-22T12:00:00.1+01:00 stderr P a",
            Some("a"),
        );
        check(Wrapper::Cri, "2026-11-22T12:00:00.1Z stdout X a", None);
        check(Wrapper::Compose, "web-1  | a | b", Some("a | b"));
        check(Wrapper::Compose, "a b  | c", None);
        check(Wrapper::Compose, "a|b", None);
        check(
            Wrapper::Syslog,
            "Feb  6 12:14:14 host haproxy[7]: a: b",
            Some("a: b"),
        );
        check(
            Wrapper::Syslog,
            "<134>Feb  6 12:14:14 haproxy[7]: a",
            Some("a"),
        );
        check(
            Wrapper::Syslog,
            "2026-11-22T12:00:00.1+01:00 host haproxy[7]: a",
            Some("a"),
        );
        check(Wrapper::Syslog, "what host haproxy[7]: a", None);
        check(
            Wrapper::Syslog5424,
            "<134>1 2026-11-22T12:00:00Z host nginx 7 - - a",
            Some("a"),
        );
        check(
            Wrapper::Syslog5424,
            r#"<134>1 2026-11-22T12:00:00Z host nginx 7 - [x a="\]"][y] a"#,
            Some("a"),
        );
        check(
            Wrapper::Syslog5424,
            "1 2026-11-22T12:00:00Z host nginx 7 - - a",
            None,
        );
        check(Wrapper::Kubectl, "[pod/web-7/proxy] a", Some("a"));
        check(Wrapper::Kubectl, "[2026-11-22T12:00:00Z] a", None);
        check(Wrapper::Stern(2), "web-7 proxy a", Some("a"));
        check(Wrapper::Stern(2), "1.2.3.4 - a", None);
        check(Wrapper::Time, "2026-11-22T12:00:00Z a", Some("a"));
        check(
            Wrapper::Columns,
            "2026/11/22 12:00:00.123\tINFO\thandled request\t{\"a\": {\"b\": \"\t{\"}}",
            Some("{\"ts\":\"2026/11/22 12:00:00.123\",\"a\": {\"b\": \"\t{\"}}"),
        );
        check(
            Wrapper::Columns,
            "2026-11-22T12:00:00Z\ta.b\t{}",
            Some("{\"ts\":\"2026-11-22T12:00:00Z\"}"),
        );
        check(
            Wrapper::Pairs,
            "a=\"c \\\"d\\\"\" b=1 e=",
            Some(r#"{"a":"c \"d\"","b":"1","e":""}"#),
        );
        check(Wrapper::Pairs, "a=1 b=2 c", None);
        check(Wrapper::Pairs, "GET /a?b=1 c=2 d=3", None);
        check(
            Wrapper::Elements,
            "<request id=\"7\"> <ip>192.0.2.7</ip> <path>/a?b&amp;c</path> </request>",
            Some(r#"{"ip":"192.0.2.7","path":"/a?b&c"}"#),
        );
        check(Wrapper::Elements, "<134>Feb  6 12:14:14 host a: b", None);
        check(Wrapper::Columns, "a\tb\t{}", None);
        check(Wrapper::Columns, "1\tb\t{", None);
        check(
            Wrapper::Colours,
            "\u{1b}[36mweb |\u{1b}[0m a",
            Some("web | a"),
        );
        check(Wrapper::Colours, "web", None);
    }

    #[test]
    fn a_piece_says_that_it_goes_on() {
        let goes_on = |wrapper: Wrapper, text: &str| wrapper.inside(text).unwrap().goes_on;
        assert!(goes_on(Wrapper::Cri, "2026-11-22T12:00:00Z stdout P a"));
        assert!(!goes_on(Wrapper::Cri, "2026-11-22T12:00:00Z stdout F a"));
        let docker = Wrapper::Member("log");
        assert!(goes_on(docker, r#"{"log":"a","stream":"stdout"}"#));
        assert!(!goes_on(docker, r#"{"log":"a\n","stream":"stdout"}"#));
        assert!(!goes_on(docker, r#"{"log":"a"}"#));
    }
}
