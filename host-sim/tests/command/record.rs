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
            "error: a.har:2:25: at `log.entries[0].request`: missing field `method`\n",
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
