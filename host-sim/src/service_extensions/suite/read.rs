//! From fields to what they mean.

use std::path::Path;

use regex::bytes::Regex;

use super::field::{At, Message, Read, Unused, Wrong};
use super::{
    Case, Chunking, Content, Env, Expectation, ExpectedHeaders, Immediate, Input, Invocation,
    Matcher, Source, What,
};
use crate::model::LogLevel;
use crate::scenario::ScenarioError;
use crate::service_extensions::text_format::{self, Field, Malformed, Place, Value};

/// Reads a file's text; `path` is for messages.
pub(in crate::service_extensions) fn read(
    text: &str,
    path: &Path,
) -> Result<Content, ScenarioError> {
    let wrong = |Wrong {
                     place,
                     key,
                     message,
                 }| ScenarioError::Invalid {
        path: path.to_owned(),
        line: place.line,
        column: place.column,
        key,
        message,
    };
    let fields = text_format::parse(text).map_err(|Malformed { place, message }| {
        let key = ".".to_owned();
        wrong(Wrong {
            place,
            key,
            message,
        })
    })?;
    let mut content = Content::default();
    Message::new(&fields, String::new())
        .each(
            &["env", "test"],
            &mut content.unused,
            |name, at, unused| match name {
                "env" | "runtime" => env(at.message()?, unused).map(|env| content.env = env),
                "test" => {
                    case(at.message()?, at.field.place, unused).map(|case| content.tests.push(case))
                }
                _ => at.unknown(),
            },
        )
        .map_err(wrong)?;
    Ok(content)
}

fn env(message: Message<'_>, unused: &mut Unused) -> Read<Env> {
    let mut env = Env::default();
    let known = &[
        "wasm_path",
        "config_path",
        "log_level",
        "log_path",
        "time_secs",
        "test_path",
        "num_additional_streams",
        "additional_stream_advance_rate",
    ];
    message.each(known, unused, |name, at, unused| {
        match name {
            "wasm_path" => env.wasm_path = Some(at.text()?),
            "config_path" => env.config_path = Some(at.text()?),
            "log_level" | "min_log_level" => env.log_level = log_level(at)?,
            "time_secs" => env.time_secs = at.number()?,
            "log_path" => note(
                unused,
                at,
                "what the plugin logs is shown where a test fails",
            ),
            "test_path" => note(unused, at, "the file is known by its own path"),
            "num_additional_streams" | "additional_stream_advance_rate" => {
                note(unused, at, FOR_BENCHMARKS)
            }
            _ => return at.unknown(),
        }
        Ok(())
    })?;
    Ok(env)
}

const FOR_BENCHMARKS: &str = "benchmarks are made with `host-sim bench`";

fn note(unused: &mut Unused, at: &At<'_>, why: &str) {
    unused.push((at.field.place.line, format!("`{}`: {why}", at.field.name)));
}

fn log_level(at: &At<'_>) -> Read<Option<LogLevel>> {
    let word = match &at.field.value {
        Value::Word(word) => word.as_str(),
        _ => "",
    };
    Ok(Some(match word {
        "UNDEFINED" | "0" => return Ok(None),
        "TRACE" | "1" => LogLevel::Trace,
        "DEBUG" | "2" => LogLevel::Debug,
        "INFO" | "3" => LogLevel::Info,
        "WARN" | "4" => LogLevel::Warn,
        "ERROR" | "5" => LogLevel::Error,
        "CRITICAL" | "6" => LogLevel::Critical,
        _ => return at.expected("TRACE, DEBUG, INFO, WARN, ERROR or CRITICAL"),
    }))
}

fn case(message: Message<'_>, place: Place, unused: &mut Unused) -> Read<Case> {
    let mut case = Case {
        line: place.line,
        ..Case::default()
    };
    let known = &[
        "name",
        "benchmark",
        "num_chunks",
        "chunk_size",
        "properties",
        "plugin_init",
        "stream_init",
        "request_headers",
        "request_body",
        "response_headers",
        "response_body",
        "stream_destroy",
    ];
    message.each(known, unused, |name, at, unused| {
        match name {
            "name" => case.name = at.text()?,
            "benchmark" => {
                if at.flag()? {
                    note(unused, at, FOR_BENCHMARKS);
                }
            }
            "num_chunks" | "chunk_size" if case.chunking.is_some() => {
                return at.wrong("expected one of `num_chunks` and `chunk_size`, once".to_owned());
            }
            "num_chunks" => case.chunking = Some(Chunking::Count(at.count()?)),
            "chunk_size" => case.chunking = Some(Chunking::Size(at.count()?)),
            "properties" => case.properties.push(property(at.message()?, unused)?),
            "plugin_init" => case.plugin_init = expectation(at.message()?, unused)?,
            "stream_init" => case.stream_init = expectation(at.message()?, unused)?,
            "stream_destroy" => case.stream_destroy = expectation(at.message()?, unused)?,
            "request_headers" => case.request_headers = Some(invocation(at, unused)?),
            "response_headers" => case.response_headers = Some(invocation(at, unused)?),
            "request_body" => case.request_body.push(invocation(at, unused)?),
            "response_body" => case.response_body.push(invocation(at, unused)?),
            _ => return at.unknown(),
        }
        Ok(())
    })?;
    let key = message.key;
    let several = case.request_body.len() > 1 || case.response_body.len() > 1;
    if case.chunking.is_some() && several {
        let message = "several invocations of a body beside `num_chunks` or `chunk_size`, expected one that is cut".to_owned();
        return Err(Wrong {
            place,
            key,
            message,
        });
    }
    if case.name.is_empty() {
        let message = "expected a `name`".to_owned();
        return Err(Wrong {
            place,
            key,
            message,
        });
    }
    Ok(case)
}

fn property(message: Message<'_>, unused: &mut Unused) -> Read<(String, Vec<u8>)> {
    let mut property = (String::new(), Vec::new());
    message.each(&["path", "value"], unused, |name, at, _| {
        match name {
            "path" => property.0 = at.text()?,
            "value" => property.1 = at.bytes()?,
            _ => return at.unknown(),
        }
        Ok(())
    })?;
    Ok(property)
}

fn invocation(at: &At<'_>, unused: &mut Unused) -> Read<Invocation> {
    let mut invocation = Invocation {
        line: at.field.place.line,
        ..Invocation::default()
    };
    at.message()?
        .each(&["input", "result"], unused, |name, at, unused| {
            match name {
                "input" => invocation.input = input(at.message()?, unused)?,
                "result" => invocation.result = expectation(at.message()?, unused)?,
                _ => return at.unknown(),
            }
            Ok(())
        })?;
    Ok(invocation)
}

fn input(message: Message<'_>, unused: &mut Unused) -> Read<Input> {
    let mut input = Input::default();
    message.each(
        &["header", "content", "file"],
        unused,
        |name, at, unused| {
            match name {
                "header" => {
                    let (name, value, _) = header(at, unused)?;
                    input.headers.push((name, value));
                }
                "content" => input.content = Some(Source::Content(at.bytes()?)),
                "file" => input.content = Some(Source::File(at.text()?, at.field.place.line)),
                _ => return at.unknown(),
            }
            if input.content.is_some() && !input.headers.is_empty() {
                return at.wrong("expected one of `header`, `content` and `file`".to_owned());
            }
            Ok(())
        },
    )?;
    Ok(input)
}

fn header(at: &At<'_>, unused: &mut Unused) -> Read<(String, Vec<u8>, usize)> {
    let mut header = (String::new(), Vec::new(), at.field.place.line);
    at.message()?
        .each(&["key", "value"], unused, |name, at, _| {
            match name {
                "key" => header.0 = at.text()?.to_ascii_lowercase(),
                "value" => header.1 = at.bytes()?,
                _ => return at.unknown(),
            }
            Ok(())
        })?;
    if header.0.is_empty() {
        return at.wrong("expected a `key`: the header's name".to_owned());
    }
    Ok(header)
}

fn expectation(message: Message<'_>, unused: &mut Unused) -> Read<Expectation> {
    let mut expected = Expectation::default();
    let known = &[
        "headers",
        "has_header",
        "no_header",
        "body",
        "immediate",
        "log",
    ];
    message.each(known, unused, |name, at, unused| {
        match name {
            "has_header" => expected.headers.has.push(header(at, unused)?),
            "no_header" => expected.headers.no.push(absent(at, unused)?),
            "headers" => headers(at, &mut expected.headers, unused)?,
            "body" => expected.body.push(matcher(at, unused)?),
            "immediate" => expected.immediate = Some(immediate(at, unused)?),
            "log" => expected.log.push(matcher(at, unused)?),
            _ => return at.unknown(),
        }
        Ok(())
    })?;
    Ok(expected)
}

fn absent(at: &At<'_>, unused: &mut Unused) -> Read<(String, usize)> {
    header(at, unused).map(|(name, _, line)| (name, line))
}

/// Expectations of headers, or, in older files, of one header's line.
fn headers(at: &At<'_>, expected: &mut ExpectedHeaders, unused: &mut Unused) -> Read<()> {
    let message = at.message()?;
    let is_line =
        |field: &Field| ["exact", "regex", "file", "invert"].contains(&field.name.as_str());
    if message.fields.iter().any(is_line) {
        expected.serialized.push(matcher(at, unused)?);
        return Ok(());
    }
    message.each(
        &["has_header", "no_header", "headers_serialized"],
        unused,
        |name, at, unused| {
            match name {
                "has_header" => expected.has.push(header(at, unused)?),
                "no_header" => expected.no.push(absent(at, unused)?),
                "headers_serialized" => expected.serialized.push(matcher(at, unused)?),
                _ => return at.unknown(),
            }
            Ok(())
        },
    )
}

fn immediate(at: &At<'_>, unused: &mut Unused) -> Read<Immediate> {
    let mut immediate = Immediate {
        line: at.field.place.line,
        ..Immediate::default()
    };
    let known = &["http_status", "grpc_status", "details", "body", "headers"];
    at.message()?.each(known, unused, |name, at, unused| {
        match name {
            "http_status" => immediate.http_status = Some(at.number()?),
            "grpc_status" => immediate.grpc_status = Some(at.number()?),
            "details" => immediate.details = Some(at.text()?),
            "body" => immediate.body.push(matcher(at, unused)?),
            "headers" => headers(at, &mut immediate.headers, unused)?,
            _ => return at.unknown(),
        }
        Ok(())
    })?;
    Ok(immediate)
}

fn matcher(at: &At<'_>, unused: &mut Unused) -> Read<Matcher> {
    let (mut invert, mut what) = (false, None);
    at.message()?.each(
        &["exact", "regex", "file", "invert"],
        unused,
        |name, at, _| {
            let found = match name {
                "invert" => {
                    invert = at.flag()?;
                    return Ok(());
                }
                "exact" => What::Exact(Source::Content(at.bytes()?)),
                "file" => What::Exact(Source::File(at.text()?, at.field.place.line)),
                "regex" => {
                    let source = at.text()?;
                    match Regex::new(&format!("^(?:{source})$")) {
                        Ok(regex) => What::Regex(regex, source),
                        Err(_) => return at.expected("a regular expression"),
                    }
                }
                _ => return at.unknown(),
            };
            if what.replace(found).is_some() {
                return at.wrong("expected one of `exact`, `regex` and `file`, once".to_owned());
            }
            Ok(())
        },
    )?;
    let Some(what) = what else {
        return at.wrong("expected one of `exact`, `regex` and `file`".to_owned());
    };
    let line = at.field.place.line;
    Ok(Matcher { line, invert, what })
}
