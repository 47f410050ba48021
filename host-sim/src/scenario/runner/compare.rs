//! Compares one exchange with what must be seen of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::pattern::Pattern;
use crate::model::{Exchange, UpstreamRequest};
use crate::scenario::{Expect, ExpectUpstream, Hex, JsonPattern};

/// What differed so far.
#[derive(Default)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    /// What was seen of the exchange that differs, if it was one.
    pub(super) answer: Option<Box<Exchange>>,
}

pub(super) struct Difference {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) observed: String,
}

impl Comparison {
    pub(super) fn differs(
        &mut self,
        what: impl Into<String>,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) {
        let (what, expected, observed) = (what.into(), expected.into(), observed.into());
        self.differences.push(Difference {
            what,
            expected,
            observed,
        });
    }

    /// Compares the values of one name with a pattern.
    pub(super) fn text(&mut self, what: String, pattern: &Pattern, values: &[&str]) {
        if pattern.allows(values) {
            return;
        }
        let observed = match values {
            [] => "absent".to_owned(),
            [value] => format!("{value:?}"),
            values => format!("{values:?}"),
        };
        self.differs(what, pattern.to_string(), observed);
    }

    /// Adds the same words to every difference.
    pub(super) fn note(&mut self, words: String) {
        for difference in &mut self.differences {
            difference.what.push_str(&words);
        }
    }

    fn fields(
        &mut self,
        what: &str,
        patterns: &BTreeMap<String, Pattern>,
        fields: &[(String, String)],
    ) {
        for (name, pattern) in patterns {
            let values: Vec<_> = fields
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            self.text(format!("{what}.{name}"), pattern, &values);
        }
    }

    fn body(&mut self, what: &str, pattern: &Pattern, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        match pattern {
            Pattern::Absent if body.is_empty() => {}
            Pattern::Exactly(expected)
                if expected.contains('\n') && text.contains('\n') && *expected != text =>
            {
                self.differs(what, expected.clone(), text);
            }
            pattern => self.text(what.to_owned(), pattern, &[&text]),
        }
    }
}

impl Comparison {
    fn bytes(&mut self, at: &str, expected: &Hex, body: &[u8]) {
        let observed = Hex(body.to_vec());
        if *expected != observed {
            self.differs(at, expected.to_string(), observed.to_string());
        }
    }

    fn json(&mut self, at: &str, pattern: &JsonPattern, body: &[u8]) {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => {
                let mut differences = Vec::new();
                pattern.compare(at, Some(&value), &mut differences);
                for difference in differences {
                    self.differs(difference.at, difference.expected, difference.observed);
                }
            }
            Err(error) => {
                let text = String::from_utf8_lossy(body);
                let observed = format!("not JSON ({error}): {text:?}");
                self.differs(at, pattern.to_string(), observed);
            }
        }
    }
}

/// Compares one exchange with what must be seen of it.
pub(super) fn exchange(expect: &Expect, observed: &Exchange, comparison: &mut Comparison) {
    if let Some(status) = expect.status
        && status != observed.status
    {
        comparison.differs(
            "expect.status",
            status.to_string(),
            observed.status.to_string(),
        );
    }
    if expect.reset != observed.aborted {
        let words = |reset, starved| match (reset, starved) {
            (false, _) => "the answer is whole",
            (true, false) => "the answer is cut off",
            (true, true) => {
                "the client waits for the rest of an answer that is shorter than its content-length"
            }
        };
        comparison.differs(
            "expect.reset",
            words(expect.reset, false),
            words(observed.aborted, observed.starved),
        );
    }
    let upstream = expect
        .upstream
        .or(expect.upstream_request.as_ref().map(|_| true));
    if let Some(expected) = upstream
        && expected != observed.upstream.is_some()
    {
        let words = |reached| {
            if reached {
                "the request reaches the upstream"
            } else {
                "the request never reaches the upstream"
            }
        };
        comparison.differs("expect.upstream", words(expected), words(!expected));
    }
    comparison.fields("expect.headers", &expect.headers, &observed.headers);
    if let Some(pattern) = &expect.body {
        comparison.body("expect.body", pattern, &observed.body);
    }
    if let Some(pattern) = &expect.body_json {
        comparison.json("expect.body_json", pattern, &observed.body);
    }
    if let Some(expected) = &expect.body_hex {
        comparison.bytes("expect.body_hex", expected, &observed.body);
    }
    comparison.fields("expect.trailers", &expect.trailers, &observed.trailers);
    if let (Some(expect), Some(observed)) = (&expect.upstream_request, &observed.upstream) {
        upstream_request("expect.upstream_request", expect, observed, comparison);
    }
    for (key, pattern) in &expect.properties {
        let value = observed.properties.get(key).map(String::as_str);
        comparison.text(
            format!("expect.properties.{key:?}"),
            pattern,
            value.as_slice(),
        );
    }
    if let Some(pattern) = &expect.response_code_details {
        let details = observed.response_code_details.as_deref();
        let what = "expect.response_code_details".to_owned();
        comparison.text(what, pattern, details.as_slice());
    }
    if let Some(pattern) = &expect.grpc_status {
        let status = observed.grpc_status.map(|status| status.to_string());
        let what = "expect.grpc_status".to_owned();
        comparison.text(what, pattern, status.as_deref().as_slice());
    }
    if !comparison.differences.is_empty() {
        comparison.answer = Some(Box::new(observed.clone()));
    }
}

/// Compares what a service has seen with what it must have seen.
pub(super) fn callouts(
    expect: &[ExpectUpstream],
    observed: &[UpstreamRequest],
    comparison: &mut Comparison,
) {
    if expect.len() != observed.len() {
        let seen: Vec<_> = observed
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect();
        let observed = format!("{} requests: {seen:?}", seen.len());
        return comparison.differs(
            "callouts.requests",
            format!("{} requests", expect.len()),
            observed,
        );
    }
    for (index, (expect, observed)) in expect.iter().zip(observed).enumerate() {
        upstream_request(
            &format!("callouts.requests[{index}]"),
            expect,
            observed,
            comparison,
        );
    }
}

fn upstream_request(
    at: &str,
    expect: &ExpectUpstream,
    observed: &UpstreamRequest,
    comparison: &mut Comparison,
) {
    if let Some(method) = &expect.method
        && *method != observed.method
    {
        comparison.differs(
            format!("{at}.method"),
            method.clone(),
            observed.method.clone(),
        );
    }
    if let Some(path) = &expect.path {
        comparison.text(format!("{at}.path"), path, &[&observed.path]);
    }
    comparison.fields(&format!("{at}.headers"), &expect.headers, &observed.headers);
    if let Some(body) = &expect.body {
        comparison.body(&format!("{at}.body"), body, &observed.body);
    }
    if let Some(pattern) = &expect.body_json {
        comparison.json(&format!("{at}.body_json"), pattern, &observed.body);
    }
    if let Some(expected) = &expect.body_hex {
        comparison.bytes(&format!("{at}.body_hex"), expected, &observed.body);
    }
}
