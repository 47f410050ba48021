//! `host-sim record`: scenarios of what was recorded.

use crate::folder::Folder;

const HAR: &str = r#"{ "log": { "version": "1.2", "creator": {}, "entries": [
  { "startedDateTime": "2026-11-22T12:00:03.5+00:00",
    "request": { "method": "POST", "url": "https://api.example:8080/things?a=b#c", "httpVersion": "h2",
      "headers": [{ "name": ":method", "value": "POST" }, { "name": "Accept", "value": "*/*" }, { "name": "cookie", "value": "a=b" }],
      "postData": { "mimeType": "x", "params": [{ "name": "a b", "value": "é" }] } },
    "response": { "status": 200, "headers": [{ "name": "Date", "value": "now" }, { "name": "Content-Encoding", "value": "gzip" },
      { "name": "X-List", "value": "1" }, { "name": "x-list", "value": "2" }],
      "content": { "size": 3, "text": "AP8K", "encoding": "base64" } } },
  { "startedDateTime": "2026-11-22T12:00:00Z",
    "request": { "method": "GET", "url": "http://other.example", "httpVersion": "HTTP/1.1", "headers": [] },
    "response": { "status": 404, "headers": [], "content": { "size": 9 } } },
  { "request": { "method": "GET", "url": "http://api.example:8080/", "headers": [] }, "response": { "status": 0, "headers": [], "content": {} } },
  { "request": { "method": "GET", "url": "data:,a", "headers": [] }, "response": { "status": 200, "headers": [], "content": {} } }
] } }"#;

#[test]
fn a_har_file_becomes_steps_in_the_order_of_their_times() {
    let folder = Folder::with(&[("calls.har", &format!("\u{feff}{HAR}"))]);
    let (status, said) = folder.run(&["record", "calls.har", "--times"]);
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn members_of_a_har_file_that_are_null_are_as_if_they_were_not_there() {
    let har = r#"{ "log": { "entries": [
      { "startedDateTime": null,
        "request": { "method": "GET", "url": "http://api.example/", "httpVersion": null, "headers": null, "postData": null },
        "response": { "status": 200, "headers": [{ "name": "x-a", "value": null }], "content": null } },
      { "request": null, "response": { "status": 200 } },
      { "request": { "method": "GET", "url": "http://api.example/b" }, "response": null },
      { "request": { "method": "GET", "url": "http://api.example/c" },
        "response": { "status": 200, "content": { "size": null, "text": null, "encoding": null } } }
    ] } }"#;
    let folder = Folder::with(&[("calls.har", har)]);
    let (status, said) = folder.run(&["record", "calls.har"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(said.matches("[step.request]").count(), 2, "{said}");
    assert_eq!(said.matches("passed over: ").count(), 2, "{said}");
    assert!(
        said.contains("log.entries[2]: GET http://api.example/b: it was never answered"),
        "{said}"
    );
}

#[test]
fn an_entry_that_cannot_be_read_is_passed_over_and_the_others_are_not() {
    let entry = |request: &str, response: &str| format!(r#"{{ {request} {response} "x": 1 }}"#);
    let answered = r#""response": { "status": 200 },"#;
    let request = |more: &str| {
        format!(r#""request": {{ "method": "GET", "url": "http://api.example/" {more} }},"#)
    };
    let entries = [
        entry(&request(""), answered),
        entry("", answered),
        entry(&request(""), ""),
        entry(&request(""), r#""response": {},"#),
        entry(r#""request": { "url": "http://api.example/" },"#, answered),
        entry(r#""request": { "method": "GET" },"#, answered),
        entry(
            &request(r#", "headers": [{ "name": null, "value": "x" }]"#),
            answered,
        ),
        entry(
            &request(r#", "postData": { "params": [{ "name": null }] }"#),
            answered,
        ),
        "null".to_owned(),
    ];
    let har = format!(r#"{{ "log": {{ "entries": [{}] }} }}"#, entries.join(","));
    let folder = Folder::with(&[("calls.har", &har)]);
    let (status, said) = folder.run(&["record", "calls.har"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(said.matches("[step.request]").count(), 1, "{said}");
    for (number, why) in [
        (1, "its request has no method or no address"),
        (
            2,
            "GET http://api.example/: it was never answered, or became another protocol",
        ),
        (
            3,
            "GET http://api.example/: it was never answered, or became another protocol",
        ),
        (4, "its request has no method or no address"),
        (5, "its request has no method or no address"),
        (
            6,
            "at `request.headers[0].name`: invalid type: null, expected a string",
        ),
        (
            7,
            "at `request.postData.params[0].name`: invalid type: null, expected a string",
        ),
        (8, "at `.`: invalid type: null, expected struct Entry"),
    ] {
        let line = format!("passed over: calls.har, log.entries[{number}]: {why}\n");
        assert!(said.contains(&line), "{line}{said}");
    }
}

#[test]
fn a_secret_is_neither_in_the_scenario_nor_on_the_terminal() {
    let har = r#"{ "log": { "entries": [
      { "request": { "method": "GET", "url": "https://user:S3cret-pass@api.example/a;jsessionid=S3cret-path?authToken=S3cret-query",
          "headers": [{ "name": "X-Functions-Key", "value": "S3cret-key" }, { "name": "x-client-id", "value": "c:S3cret-key" }] },
        "response": { "status": 200, "headers": [{ "name": "x-ratelimit-api-key-remaining", "value": "99" }] } },
      { "request": { "method": "GET", "url": "https://user:S3cret-pass@api.example/b;c=S3cret-path?authToken=S3cret-query" },
        "response": { "status": 0 } }
    ] } }"#;
    let folder = Folder::with(&[("calls.har", har)]);
    let (status, said) = folder.run(&["record", "calls.har"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("S3cret"), "{said}");
    assert!(
        said.contains("log.entries[1]: GET https://api.example/b: it was never answered"),
        "{said}"
    );
    let places = "took secrets out of the authority, the query, x-client-id, x-functions-key: ";
    assert!(said.contains(places), "{said}");
    assert!(
        said.contains("x-ratelimit-api-key-remaining = \"99\""),
        "{said}"
    );
}

#[test]
fn the_scenario_holds_with_the_filter_and_as_a_file() {
    // The filter holds bodies.
    let bodiless = HAR.replace("postData", "noPostData");
    let folder = Folder::with(&[("calls.har", &bodiless), ("filter.json", "{}")]);
    let arguments = [
        "record",
        "calls.har",
        "--host",
        "api.example:8080",
        "--plugin",
        "filter.wasm",
        "--config",
        "filter.json",
        "-o",
        "r.toml",
    ];
    let (status, said) = folder.run(&arguments);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.starts_with("r.toml: 1 calls\n"), "{said}");
    assert!(said.contains("took secrets out of cookie: "), "{said}");
    let kept = folder.run(&[&arguments[..], &["--keep-secrets"]].concat());
    assert_eq!(kept.0, Some(0), "{}", kept.1);
    assert!(!kept.1.contains("secrets"), "{}", kept.1);
    assert!(said.ends_with("ok       r.toml\n"), "{said}");
    let (status, said) = folder.run(&["run", "filter.wasm", "r.toml"]);
    assert_eq!(
        (status, said.as_str()),
        (Some(0), "ok       r.toml\n1 passed, 0 failed, 0 skipped\n")
    );
    // The filter adds this header, which the recording does not have.
    let wrong = bodiless
        .replace("\"X-List\"", "\"x-seen\"")
        .replace("\"x-list\"", "\"x-seen\"");
    folder.write("wrong.har", &wrong);
    let run = [
        "record",
        "wrong.har",
        "--host",
        "api.example:8080",
        "--plugin",
        "filter.wasm",
    ];
    let (status, said) = folder.run(&run);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("step[0].expect.headers.x-seen"), "{said}");
    let (status, said) = folder.run(&[&run[..], &["--without-header", "X-Seen"]].concat());
    assert_eq!(status, Some(0), "{said}");
}

/// A whole call before the plugin, and its pieces behind it; and one that the plugin answered.
#[test]
fn two_taps_tell_what_the_upstream_had_to_do_with_a_call() {
    let header = |name: &str, value: &str| {
        format!(r#"{{ "key": "{name}", "value": "{value}", "raw_value": "" }}"#)
    };
    let head = |id: &str| {
        [
            header(":method", "POST"),
            header(":path", "/a"),
            header(":authority", "h"),
            header("x-request-id", id),
        ]
        .join(", ")
    };
    let before = |id: &str, status: &str, body: &str| {
        format!(
            r#"{{ "http_buffered_trace": {{ "request": {{ "headers": [{}, {}], "body": {{ "as_bytes": "/w==", "truncated": false }}, "trailers": [] }},
                "response": {{ "headers": [{}, {}], {body} "trailers": [] }} }} }}"#,
            head(id),
            header("x-gone", "1"),
            header(":status", status),
            header("server", "envoy")
        )
    };
    let segment = |what: String| {
        format!(r#"{{ "http_streamed_trace_segment": {{ "trace_id": "7", {what} }} }}"#)
    };
    let behind = [
        segment(format!(
            r#""request_headers": {{ "headers": [{}, {}] }}"#,
            head("1"),
            header("x-new", "2")
        )),
        segment(r#""request_body_chunk": { "as_string": "x", "truncated": false }"#.to_owned()),
        segment(format!(
            r#""response_headers": {{ "headers": [{}, {}] }}"#,
            header(":status", "201"),
            header("server", "nginx")
        )),
        segment(r#""response_body_chunk": { "as_string": "one", "truncated": false }"#.to_owned()),
        segment(r#""response_body_chunk": { "as_string": "two", "truncated": true }"#.to_owned()),
    ];
    let folder = Folder::with(&[
        (
            "before/1.json",
            &before("1", "200", r#""body": { "as_string": "onetwo" },"#),
        ),
        ("before/2.json", &before("2", "429", "")),
        ("behind/7.json", &behind.join("\n")),
    ]);
    let (status, said) = folder.run(&["record", "before", "--behind", "behind"]);
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_no_recording_is_told() {
    for (name, text, said) in [
        ("a.har", "", "error: a.har: the file is empty\n"),
        (
            "a.har",
            "\u{1}binary",
            "error: a.har: this is not JSON; expected a HAR file, or what a tap filter writes with `format: JSON_BODY_AS_BYTES`\n",
        ),
        (
            "a.json",
            "{}",
            "error: a.json: this is neither a HAR file (`log.entries`) nor what a tap filter writes (`http_buffered_trace` and its kin)\n",
        ),
        (
            "a.har",
            "{\"log\":\n{\"entries\":[{\"request\":{}}]}}",
            "passed over: a.har, log.entries[0]: its request has no method or no address\nerror: there is no call in the recordings\n",
        ),
        (
            "a.har",
            "{\"log\": {\"entries\": null}}",
            "passed over: a.har: `log.entries` is null\nerror: there is no call in the recordings\n",
        ),
        (
            "a.har",
            "{\"log\": {}}",
            "error: a.har:1:10: at `log`: missing field `entries`\n",
        ),
        (
            "a.har",
            "{\"log\": 1",
            "error: a.har:1:9: at `log`: invalid type: integer `1`, expected struct Log\n",
        ),
        (
            "a.har",
            "{\"log\": {\"entries\": []}}",
            "error: there is no call in the recordings\n",
        ),
        (
            "a.json",
            "{\"socket_buffered_trace\": {}}",
            "error: a.json: this is the tap of a transport socket, which knows no HTTP; expected that of the HTTP filter `envoy.filters.http.tap`\n",
        ),
        (
            "a.json",
            "{\"http_buffered_trace\": {\n\"request\": {\"headers\": [{}]}}}",
            "error: a.json:2:26: at `http_buffered_trace.request.headers[0]`: missing field `key`\n",
        ),
        (
            "a.json",
            "{\"http_streamed_trace_segment\": {\"trace_id\": \"1\"}}",
            "passed over: a.json: the tap saw an answer and no request: a filter before it gave it\nerror: there is no call in the recordings\n",
        ),
        (
            "a.json",
            "{\"http_buffered_trace\": {}",
            "error: a.json:1:26: at `.`: EOF while parsing an object\n",
        ),
    ] {
        let folder = Folder::with(&[(name, text)]);
        assert_eq!(
            folder.run(&["record", name]),
            (Some(2), said.to_owned()),
            "{text}"
        );
    }
    let folder = Folder::with(&[("calls.har", HAR)]);
    let (status, said) = folder.run(&["record", "calls.har", "--host", "none"]);
    assert_eq!(status, Some(2));
    assert!(
        said.ends_with("error: no call of host `none` is in the recordings\n"),
        "{said}"
    );
}
