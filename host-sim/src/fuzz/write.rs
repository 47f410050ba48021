//! What was found, as the text of a scenario that `host-sim run` runs.

use super::act::Act;
use super::execution::{Execution, possible};
use super::fault::Fault;
use super::{Base, Fuzzer};
use crate::model::{
    AnswerOverride, Departure, HttpVersion, Request, Service, ServiceBehaviour, UpstreamBehaviour,
};
use crate::scenario::text::{bytes, comment, fields, line, members, pieces, quoted};

/// The file: what the scenario sets up with which it began, an invariant if the fault is a death, and the steps.
pub(super) fn scenario(base: &Base, acts: &[Act], fault: &Fault, fuzzer: &Fuzzer) -> String {
    let mut text = String::new();
    comment(&mut text, &fault.to_string());
    if matches!(fault, Fault::Leak(_)) {
        comment(
            &mut text,
            "host-sim bench --scenario repeats it, and tells what the memory does",
        );
    }
    text.push_str(&base.scenario.head(&format!(
        "Found with seed {}: {}.",
        fuzzer.settings.seed,
        short(fault)
    )));
    let is_death = matches!(fault, Fault::Died(_) | Fault::Endless(_));
    if is_death
        && !base
            .scenario
            .invariants
            .iter()
            .any(|invariant| invariant.alive)
    {
        text.push_str("\n[[invariant]]\nalive = true\n");
    }
    let execution = Execution::of(base, acts, fuzzer);
    let mut accepted = execution.accepted.into_iter();
    let mut open: std::collections::BTreeMap<u32, &Request> = std::collections::BTreeMap::new();
    for act in acts {
        let written = step(act, &mut open, &mut accepted);
        if !written.is_empty() {
            text.push_str("\n[[step]]\n");
            text.push_str(&written);
        }
    }
    // As at the end of every scenario here.
    for number in open.into_keys() {
        text.push_str("\n[[step]]\n");
        line(&mut text, "finish", &format!("{{ call = \"{number}\" }}"));
    }
    text
}

/// What it is called.
fn short(fault: &Fault) -> String {
    match fault {
        Fault::Broken { what, .. } => format!("{what} does not hold"),
        Fault::Forgotten(_) => "a call is held for ever".to_owned(),
        Fault::Leak(_) => "memory grows for ever".to_owned(),
        other => other.to_string(),
    }
}

fn step<'a>(
    act: &'a Act,
    open: &mut std::collections::BTreeMap<u32, &'a Request>,
    accepted: &mut impl Iterator<Item = bool>,
) -> String {
    let mut text = String::new();
    match act {
        Act::Call(call) => line(&mut text, "request", &request(call)),
        Act::Calls(calls) => {
            let calls: Vec<_> = calls.iter().map(request).collect();
            line(
                &mut text,
                "parallel",
                &format!("{{ requests = [{}] }}", calls.join(", ")),
            );
        }
        Act::Open(number, call) => {
            if open.insert(*number, call).is_none() {
                line(
                    &mut text,
                    "open",
                    &format!("{{ call = \"{number}\", request = {} }}", request(call)),
                );
            }
        }
        Act::Finish(number) => {
            if open.remove(number).is_some() {
                line(&mut text, "finish", &format!("{{ call = \"{number}\" }}"));
            }
        }
        Act::Leave(number, departure) => {
            if let Some(call) = open.remove(number) {
                let how = match possible(*departure, call) {
                    Departure::Usual => String::new(),
                    Departure::Reset(code) => format!(", reset = \"{code}\""),
                    other => format!(", by = \"{other}\""),
                };
                // An answer may be cut off then, or not.
                line(
                    &mut text,
                    "disconnect",
                    &format!("{{ call = \"{number}\"{how} }}"),
                );
            }
        }
        Act::Advance(by) => {
            let by = jiff::SignedDuration::try_from(*by).unwrap_or_default();
            line(&mut text, "advance", &quoted(&format!("{by:#}")));
        }
        Act::Service(known) => line(&mut text, "service", &service(known)),
        Act::Configure(config) => {
            let rejected = if accepted.next().unwrap_or(true) {
                ""
            } else {
                ", rejected = true"
            };
            line(
                &mut text,
                "configure",
                &format!("{{ config_text = {}{rejected} }}", quoted(config)),
            );
        }
        Act::CasConflicts(count) => line(&mut text, "cas_conflicts", &count.to_string()),
    }
    text
}

/// A request as an inline table.
fn request(request: &Request) -> String {
    let plain = Request::default();
    let mut all = Vec::new();
    let mut add = |name: &str, value: String| all.push(format!("{name} = {value}"));
    if request.method != plain.method {
        add("method", quoted(&request.method));
    }
    if request.path != plain.path {
        add("path", quoted(&request.path));
    }
    if request.hostless {
        add("authority", "false".to_owned());
    } else if request.authority != plain.authority {
        add("authority", quoted(&request.authority));
    }
    if let Some(scheme) = &request.scheme {
        add("scheme", quoted(scheme));
    }
    if !request.headers.is_empty() {
        add("headers", table(&request.headers));
    }
    if let Some((name, value)) = body(&request.body) {
        add(name, value);
    }
    if !request.trailers.is_empty() {
        add("trailers", table(&request.trailers));
    }
    match (request.http, request.http_10) {
        (HttpVersion::Two, _) => add("http", "2".to_owned()),
        (HttpVersion::One, true) => add("http", "1.0".to_owned()),
        (HttpVersion::One, false) => {}
    }
    if let Some(worker) = request.worker {
        add("worker", worker.to_string());
    }
    if request.unfinished {
        add("unfinished", "true".to_owned());
    }
    match &request.upstream {
        UpstreamBehaviour::Answer(answer) if *answer == AnswerOverride::default() => {}
        UpstreamBehaviour::Neighbour(answer) => {
            let body = answer.pieces().cloned().collect::<Vec<_>>();
            add(
                "neighbour",
                answered(
                    Some(answer.status),
                    Some(&answer.headers),
                    Some(&body),
                    false,
                ),
            );
        }
        UpstreamBehaviour::Answer(answer) => {
            let (headers, body) = (answer.headers.as_deref(), answer.body.as_deref());
            add(
                "upstream",
                answered(answer.status, headers, body, answer.streams),
            );
        }
        UpstreamBehaviour::InternalRedirect { status, location } => {
            add(
                "upstream",
                format!(
                    "{{ status = {status}, internal_redirect = {} }}",
                    quoted(location)
                ),
            );
        }
        other => add("upstream", quoted(named(other))),
    }
    braced(&all)
}

fn braced(members: &[String]) -> String {
    if members.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", members.join(", "))
    }
}

fn named(behaviour: &UpstreamBehaviour) -> &'static str {
    match behaviour {
        UpstreamBehaviour::ResetAfterHeaders => "reset_after_headers",
        UpstreamBehaviour::Timeout => "timeout",
        UpstreamBehaviour::Unreachable => "unreachable",
        UpstreamBehaviour::NoHealthyUpstream => "no_healthy_upstream",
        UpstreamBehaviour::DirectResponse => "direct_response",
        UpstreamBehaviour::Redirect => "redirect",
        _ => "reset",
    }
}

fn answered(
    status: Option<u16>,
    headers: Option<&[(String, String)]>,
    pieces: Option<&[Vec<u8>]>,
    streams: bool,
) -> String {
    let mut all = Vec::new();
    all.extend(status.map(|status| format!("status = {status}")));
    all.extend(headers.map(|headers| format!("headers = {}", table(headers))));
    if let Some(pieces) = pieces {
        let (name, value) = body(pieces).unwrap_or(("body", "\"\"".to_owned()));
        all.push(format!("{name} = {value}"));
    }
    if streams {
        all.push("streams = true".to_owned());
    }
    braced(&all)
}

fn table(headers: &[(String, String)]) -> String {
    braced(&members(&fields(headers, |_| true)))
}

/// The key and the value of a body; nothing without one.
fn body(all: &[Vec<u8>]) -> Option<(&'static str, String)> {
    match all {
        [] => None,
        all => Some(pieces(all).unwrap_or_else(|| bytes(&all.concat()))),
    }
}

fn service(service: &Service) -> String {
    let mut all = vec![format!("cluster = {}", quoted(&service.cluster))];
    all.push(match &service.behaviour {
        ServiceBehaviour::Unreachable => "down = \"unreachable\"".to_owned(),
        ServiceBehaviour::Hang => "down = \"hang\"".to_owned(),
        ServiceBehaviour::Reset => "down = \"reset\"".to_owned(),
        ServiceBehaviour::ResetAfterHeaders => "down = \"reset_after_headers\"".to_owned(),
        ServiceBehaviour::Answers(answers) => {
            let answer = |answer: &crate::model::ServiceAnswer| {
                let mut members = vec![format!("path = {}", pattern(&answer.path))];
                members.push(format!("status = {}", answer.answer.status));
                if !answer.answer.headers.is_empty() {
                    members.push(format!("headers = {}", table(&answer.answer.headers)));
                }
                let whole: Vec<_> = answer.answer.pieces().cloned().collect();
                members.extend(body(&whole).map(|(name, value)| format!("{name} = {value}")));
                braced(&members)
            };
            let answers: Vec<_> = answers.iter().map(answer).collect();
            format!("answers = [{}]", answers.join(", "))
        }
        ServiceBehaviour::Resp(_) | ServiceBehaviour::Function(_) => "down = \"hang\"".to_owned(),
    });
    braced(&all)
}

fn pattern(pattern: &crate::model::pattern::Pattern) -> String {
    use crate::model::pattern::Pattern;
    match pattern {
        Pattern::Exactly(text) => quoted(text),
        Pattern::Matches(regex) => format!("{{ matches = {} }}", quoted(regex.as_str())),
        Pattern::Contains(text) => format!("{{ contains = {} }}", quoted(text)),
        _ => "true".to_owned(),
    }
}
