//! Recorded calls as the text of a scenario.

use std::collections::BTreeMap;

use super::{Behind, Call, Message, Options, Recording, headers};
use crate::model::HttpVersion;
use crate::scenario::text::{bytes, comment, fields, inline, key, line, members, pieces, quoted};

/// The whole file.
pub(super) fn write(recording: &Recording, options: &Options) -> String {
    let is_wanted = |call: &&Call| {
        let host = options.host.as_deref();
        host.is_none_or(|host| call.request.header(":authority") == Some(host))
    };
    let mut calls: Vec<_> = recording.calls.iter().filter(is_wanted).collect();
    calls.sort_by_key(|call| call.when);
    let mut text = String::new();
    let count = calls.len();
    let one = |call: &Call| {
        let value = |name| call.request.header(name).unwrap_or_default();
        format!("{} {}", value(":method"), value(":path"))
    };
    let about = match calls.as_slice() {
        [call] => format!("The recorded call {} is answered as it was.", one(call)),
        [first, ..] => format!(
            "{count} recorded calls, from {} on, are answered as they were.",
            one(first)
        ),
        [] => "No call was recorded.".to_owned(),
    };
    line(&mut text, "about", &quoted(&about));
    if let Some(file) = &options.config_file {
        line(&mut text, "config_file", &quoted(file));
    }
    let mut clock = calls
        .iter()
        .find_map(|call| call.when)
        .filter(|_| options.times);
    if let Some(start) = clock {
        line(&mut text, "clock", &quoted(&start.to_string()));
    }
    for call in calls {
        if let (Some(now), Some(when)) = (clock, call.when) {
            let passed = when.duration_since(now);
            if passed.is_positive() {
                let passed = format!("{passed:#}");
                text.push_str("\n[[step]]\n");
                line(&mut text, "advance", &quoted(&passed));
                clock = Some(when);
            }
        }
        step(&mut text, call, options);
    }
    text
}

/// One call.
fn step(text: &mut String, call: &Call, options: &Options) {
    text.push_str("\n[[step]]\n");
    comment(
        text,
        &match call.when {
            Some(when) => format!("{}, {when}", call.source),
            None => call.source.clone(),
        },
    );
    let request = &call.request;
    text.push_str("[step.request]\n");
    let named = |name| request.header(name).unwrap_or_default();
    line(text, "method", &quoted(named(":method")));
    line(text, "path", &quoted(named(":path")));
    if let Some(authority) = request.header(":authority") {
        line(text, "authority", &quoted(authority));
    }
    let two = call.http == HttpVersion::Two || !request.trailers.is_empty();
    if two {
        line(text, "http", "2");
    }
    let mut sent = fields(&request.headers, headers::is_of_client);
    let chunked = !two && request.header("content-length").is_none() && !request.bytes().is_empty();
    if chunked {
        sent.insert("transfer-encoding".to_owned(), vec!["chunked"]);
    }
    table(text, "headers", &sent);
    body(text, request);
    table(text, "trailers", &fields(&request.trailers, |_| true));

    let answer = call.response.as_ref();
    let upstream = match &call.behind {
        None => answer,
        Some(Behind::Nothing) => None,
        Some(Behind::Upstream(seen)) => seen.1.as_ref(),
    };
    if let Some(answer) = upstream {
        let is_behind = call.behind.is_some();
        let keep = if is_behind {
            headers::is_of_upstream
        } else {
            headers::is_lasting
        };
        text.push_str("[step.request.upstream]\n");
        line(text, "status", answer.header(":status").unwrap_or("200"));
        table(text, "headers", &fields(&answer.headers, keep));
        body(text, answer);
        table(text, "trailers", &fields(&answer.trailers, |_| true));
    }
    expect(text, call, options);
}

fn expect(text: &mut String, call: &Call, options: &Options) {
    text.push_str("[step.expect]\n");
    if matches!(call.behind, Some(Behind::Nothing)) {
        line(text, "upstream", "false");
    }
    match &call.response {
        None => comment(
            text,
            "the client left before it was answered, as far as the recording goes",
        ),
        Some(answer) => {
            line(text, "status", answer.header(":status").unwrap_or("200"));
            let is_wanted = |name: &str| {
                headers::is_lasting(name)
                    && !options.without_headers.iter().any(|other| other == name)
            };
            table(text, "headers", &fields(&answer.headers, is_wanted));
            if answer.truncated {
                comment(text, "of the body only the beginning was recorded");
            } else if answer.body.is_some() {
                whole(text, &answer.bytes());
            }
        }
    }
    if let Some(Behind::Upstream(seen)) = &call.behind {
        let seen = &seen.0;
        text.push_str("[step.expect.upstream_request]\n");
        line(
            text,
            "method",
            &quoted(seen.header(":method").unwrap_or_default()),
        );
        line(
            text,
            "path",
            &quoted(seen.header(":path").unwrap_or_default()),
        );
        let passed = fields(&seen.headers, headers::is_of_client);
        let sent = fields(&call.request.headers, headers::is_of_client);
        let mut members = members(&passed);
        let gone = sent.keys().filter(|name| !passed.contains_key(*name));
        members.extend(gone.map(|name| format!("{} = false", key(name))));
        inline(text, "headers", &members);
        let is_whole = !seen.truncated && !call.request.truncated;
        if is_whole && call.request.body.is_some() {
            whole(text, &seen.bytes());
        }
    }
}

/// The body of what is sent: in one piece, unless it came in several.
fn body(text: &mut String, message: &Message) {
    if message.truncated {
        comment(text, "of the body only the beginning was recorded");
    }
    match message.body.as_deref() {
        None => comment(text, "the body was not recorded"),
        Some([]) => {}
        Some(all) => {
            let (name, value) = pieces(all).unwrap_or_else(|| bytes(&all.concat()));
            line(text, name, &value);
        }
    }
}

/// A body in one piece.
fn whole(text: &mut String, body: &[u8]) {
    let (name, value) = bytes(body);
    line(text, name, &value);
}

fn table(text: &mut String, name: &str, fields: &BTreeMap<String, Vec<&str>>) {
    inline(text, name, &members(fields));
}
