//! `host-sim replay`.

mod foreign;
mod services;
mod terms;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::folder::Folder;

/// Lets two calls pass for 3 tokens each, refuses every later one, and answers `/q` with an account.
const QUOTA: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $passed (mut i32) (i32.const 0))
    (data (i32.const 16) ":path")
    (data (i32.const 32) "verdict")
    (data (i32.const 48) "cost")
    (data (i32.const 64) "ok")
    (data (i32.const 80) "none")
    (data (i32.const 96) "3")
    (data (i32.const 100) "0")
    (data (i32.const 112) "{\"price\":3}")
    (data (i32.const 128) "{\"limit\":6,\"ends\":\"2026-11-23T00:00:00Z\",\"plan\":\"small\"}")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 4096)
    (func $verdict (param $text i32) (param $length i32) (param $cost i32)
        (drop (call $set (i32.const 32) (i32.const 7) (local.get $text) (local.get $length)))
        (drop (call $set (i32.const 48) (i32.const 4) (local.get $cost) (i32.const 1))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 1024) (i32.const 1028)))
        (if (i32.eq (i32.load (i32.const 1028)) (i32.const 2)) (then
            (drop (call $answer (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 128) (i32.const 56)
                (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))
        (if (i32.lt_u (global.get $passed) (i32.const 2)) (then
            (global.set $passed (i32.add (global.get $passed) (i32.const 1)))
            (call $verdict (i32.const 64) (i32.const 2) (i32.const 96))
            (return (i32.const 0))))
        (call $verdict (i32.const 80) (i32.const 4) (i32.const 100))
        (drop (call $answer (i32.const 429) (i32.const 0) (i32.const 0) (i32.const 112) (i32.const 11)
            (i32.const 0) (i32.const 0) (i32.const -1)))
        i32.const 1))"#;

const MAPPING: &str = r#"
organization = "%customer"
[properties]
verdict = "verdict"
cost = "cost"
[verdicts]
passed = ["ok"]
by_cost = ["none"]
[refusal]
cost = "/price"
[details]
path = "/q"
limit = "/limit"
plan = "/plan"
day_ends = "/ends"
"#;

/// Three calls, out of order, and two lines that are none.
const LOG: &str = r#"{"start_time":"2026-11-22T12:00:00Z","method":"GET","path":"/first","response_code":200,"duration":1500,"customer":"a"}
{"start_time":"2026-11-22T12:00:03Z","method":"GET","path":"/third","response_code":200,"duration":10,"customer":"a"}
{"start_time":"2026-11-22T12:00:01Z","method":"GET","path":"/second","response_code":200,"duration":10,"customer":"a"}
{"start_time":"yesterday","method":"GET","path":"/","response_code":200}
half a li
"#;

fn folder() -> Folder {
    Folder::with(&[
        ("quota.wasm", QUOTA),
        ("mapping.toml", MAPPING),
        ("access.log", LOG),
    ])
}

const REPLAY: [&str; 5] = [
    "replay",
    "--plugin",
    "quota.wasm",
    "--mapping",
    "mapping.toml",
];

#[test]
fn a_table_says_who_is_refused_and_what_would_do() {
    let (status, said) = folder().run(&[&REPLAY[..], &["access.log"]].concat());
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn the_document_has_every_number() {
    let (_, said) = folder().run(&[&REPLAY[..], &["access.log", "--json"]].concat());
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["log"]["unread"], 2);
    assert_eq!(document["log"]["out_of_order"], 1);
    let forecast = &document["forecasts"][0];
    assert_eq!(
        (&forecast["calls"], &forecast["refused"]),
        (&json!(3), &json!(1))
    );
    let organization = &forecast["organizations"][0];
    let told = [
        "organization",
        "plan",
        "cost",
        "limit",
        "used",
        "need",
        "share",
        "peak_concurrency",
    ];
    let told: Vec<_> = told.iter().map(|name| organization[name].clone()).collect();
    assert_eq!(json!(told), json!(["a", "small", 6, 6, 6, 9, 150, 2]));
    assert_eq!(
        organization["first_refusal"],
        json!({ "at": "2026-11-22T12:00:03Z", "reason": "none", "call": "GET /third" })
    );
    assert_eq!(organization["remedy"]["additional"], 3);
}

#[test]
fn every_format_and_gzip_and_the_standard_input_forecast_the_same() {
    let folder = folder();
    let (_, expected) = folder.run(&[&REPLAY[..], &["access.log", "--json"]].concat());
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let csv = "time,method,path,status,duration,customer\n2026-11-22T12:00:00Z,GET,/first,200,1500,a\n\
        2026-11-22T12:00:03Z,GET,/third,200,10,a\n2026-11-22T12:00:01Z,GET,/second,200,10,a\n";
    let text = |at: u8, path: &str, duration: u32| {
        format!(
            "[2026-11-22T12:00:0{at}Z] \"GET /{path} HTTP/1.1\" 200 - 0 0 {duration} - \"-\" \"-\" \"-\" \"-\" \"-\" \"a\"\n"
        )
    };
    let text = [
        text(0, "first", 1500),
        text(3, "third", 10),
        text(1, "second", 10),
    ]
    .concat();
    let ncsa = |at: u8, path: &str, duration: &str| {
        format!(
            "1.2.3.4 - a [22/Nov/2026:12:00:0{at} +0000] \"GET /{path} HTTP/1.1\" 200 0 \"-\" \"-\" {duration}\n"
        )
    };
    let ncsa = [
        ncsa(0, "first", "1.5"),
        ncsa(3, "third", "0.01"),
        ncsa(1, "second", "0.01"),
    ]
    .concat();
    for (log, flags) in [
        (csv, &[][..]),
        (text.as_str(), &["--field", "customer=extra1"]),
        (
            ncsa.as_str(),
            &["--field", "customer=user", "--field", "duration_s=extra1"],
        ),
        (LOG, &[]),
    ] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(log.as_bytes()).unwrap();
        let arguments = [&REPLAY[..], &["-", "--json"], flags].concat();
        let mut command = folder.command(&arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&packed.finish().unwrap())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["forecasts"], expected["forecasts"], "{log}");
    }
}

#[test]
fn what_cannot_be_forecast_exits_with_2() {
    let folder = folder();
    folder.write("words.log", "hello\nworld\n");
    folder.write("empty.log", "{\"start_time\":\"never\"}\n");
    let check = |arguments: &[&str], expected: &str| {
        let (status, said) = folder.run(&[&REPLAY[..], arguments].concat());
        assert_eq!((status, said.as_str()), (Some(2), expected));
    };
    check(
        &["none.log"],
        "error: none.log: No such file or directory (os error 2)\n",
    );
    check(
        &["words.log"],
        "error: words.log: the format cannot be told by the beginning \"hello\": no line of it is of any known format, nor a heading with the \
         names of columns; say which one it is with --format (one of envoy, istio, istio-before-1.9, envoy-details, traefik, ingress-nginx, \
         haproxy, alb, elb, api-gateway-clf, api-gateway-csv, apache-vhost, combined, nginx, apache, common, cloudfront, iis, w3c, envoy-gateway, istio-json, caddy, \
         traefik-json, gcp, kong, cloudflare, cloudfront-json, api-gateway, nginx-json, apache-json, json, csv), or describe a line, as in \
         --format '<remote> <user> [<time>] \"<request>\" <status> <duration>'\n",
    );
    check(
        &["empty.log"],
        "error: no line of the log tells of a call: empty.log:1: no method\n",
    );
    check(
        &["access.log", "--field", "customers=a"],
        "error: unknown field `customers`, expected time, start_time, end_time, method, path, query, request, status, duration, duration_s, duration_ms, duration_us, duration_ns, body, customer\n",
    );
}

#[test]
fn a_log_that_is_not_to_be_believed_is_said_to_be_so() {
    let folder = folder();
    let line = |at: &str, who: &str| {
        format!(
            "{{\"start_time\":\"2026-11-22T{at}Z\",\"method\":\"GET\",\"path\":\"/\",\"response_code\":200,{who}\"duration\":1}}\n"
        )
    };
    let a = "\"customer\":\"a\",";
    let warnings = |lines: &[String], flags: &[&str]| {
        folder.write("b.log", &lines.concat());
        let (status, said) = folder.run(&[&REPLAY[..], &["b.log", "--json"], flags].concat());
        let document: Value = serde_json::from_str(&said).unwrap();
        (status, document["warnings"].clone())
    };
    let short = |covered: &str| {
        format!(
            "The log covers {covered} of a day, and limits are for a whole day: who goes on like this needs more than is told here."
        )
    };
    let unproven = "What would spare 1 organization is computed and not proven: it was not replayed, because the configuration does not say \
                    what they have, or no mapping tells where. It may not suffice.";
    let two_in_one = [
        line("12:00:05", a),
        line("12:10:00", a),
        line("12:00:01", a),
    ];
    assert_eq!(
        warnings(&two_in_one, &[]),
        (
            Some(1),
            json!([
                "The numbers are wrong: 1 of 3 calls stood too far out of order. Two logs in one file? Name them as two. Otherwise \
                 say --window 600.",
                short("10 minutes"),
                unproven,
            ])
        )
    );
    assert_eq!(
        warnings(&two_in_one, &["--window", "600"]),
        (Some(0), json!([short("10 minutes"), unproven]))
    );
    let mut leap = vec![line("12:00:00", a); 150];
    leap.insert(7, line("23:00:00", a));
    leap.push(line("12:00:02", ""));
    assert_eq!(
        warnings(&leap, &[]),
        (
            Some(0),
            json!([
                "1 line was set aside for a time that cannot be, such as 2026-11-22 23:00:00.",
                "The times of b.log are whole seconds: calls that followed each other within one are taken for calls at once.",
                short("2 seconds"),
                unproven,
                "1 call names no organization (1 refused)."
            ])
        )
    );
    folder.write("b.log", &line("12:00:00", ""));
    let (status, said) = folder.run(&[&REPLAY[..], &["b.log"]].concat());
    assert_eq!(
        (status, said.as_str()),
        (
            Some(2),
            "error: no line of the log names an organization; the names in the log are duration, method, path, response_code, start_time: say \
             which one names who called with --field customer=NAME, or cut it out of the host or the path, as with --field customer=host \
             --cut 'customer=^([^.]+)\\.'\n"
        )
    );
}

#[test]
fn a_condition_that_a_forecast_fulfils_fails_a_pipeline() {
    let folder = folder();
    let status = |conditions: &[&str]| {
        let flags: Vec<_> = conditions
            .iter()
            .flat_map(|text| ["--fail-if", text])
            .collect();
        let output = folder.command(&[&REPLAY[..], &["access.log", "--json"], &flags].concat());
        let output = { output }.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(
        status(&["refused > 0", "share >= 200", "unread > 1"]),
        (
            Some(1),
            "failed: refused > 0: the configuration: 1 call is refused\nfailed: unread > 1: the configuration: 2 lines could not be read\n"
                .to_owned()
        )
    );
    assert_eq!(
        status(&["refused > 1", "newly_refused > 0"]),
        (Some(0), String::new())
    );
    let (code, said) = status(&["calls > 1"]);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_packed_log_that_is_cut_off_is_forecast_up_to_there() {
    let folder = folder();
    let line = |number: u32| {
        format!(
            "{{\"start_time\":\"2026-11-22T12:00:0{}.{:03}Z\",\"method\":\"GET\",\"path\":\"/{number}\",\"response_code\":200,\
             \"duration\":1,\"customer\":\"a\"}}\n",
            number / 1000,
            number % 1000
        )
    };
    let log: String = (0..5000).map(line).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let zstd = zstd::encode_all(log.as_bytes(), 1).unwrap();
    for (name, packed) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd)] {
        let file = folder.path().join("access.log.packed");
        let told = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let (status, said) =
                folder.run(&[&REPLAY[..], &["access.log.packed", "--json"]].concat());
            assert_eq!(status, Some(0), "{said}");
            serde_json::from_str::<Value>(&said).unwrap()
        };
        let whole = told(&packed);
        let of = &whole["log"]["files"][0];
        assert_eq!(
            (&whole["log"]["calls"], &of["packing"], &of["cut_off"]),
            (&json!(5000), &json!(name), &json!(false))
        );
        let cut = told(&packed[..packed.len() * 2 / 3]);
        let (calls, file) = (
            cut["log"]["calls"].as_u64().unwrap(),
            &cut["log"]["files"][0],
        );
        assert!((100..5000).contains(&calls), "{name}: {calls} calls");
        assert_eq!(file["cut_off"], true);
        assert_eq!(
            cut["warnings"][0],
            "access.log.packed is cut off: this is forecast from what was whole of it."
        );
    }
}

#[test]
fn the_document_is_what_its_schema_says() {
    let folder = folder();
    folder.write("other.json", "{}");
    let (status, schema) = folder.run(&["replay", "--json-schema"]);
    assert_eq!(status, Some(0), "{schema}");
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let flags = ["access.log", "--json", "--against", "other.json"];
    let (_, said) = folder.run(&[&REPLAY[..], &flags].concat());
    let mut document: Value = serde_json::from_str(&said).unwrap();
    let errors: Vec<_> = schema
        .iter_errors(&document)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    document["forecasts"][0]["refused"] = json!("many");
    assert!(!schema.is_valid(&document));
}

#[test]
fn the_page_needs_nothing_else_and_has_every_organization() {
    let folder = folder();
    let (status, said) = folder.run(&[&REPLAY[..], &["access.log", "--html", "a.html"]].concat());
    assert_eq!(status, Some(0), "{said}");
    let page = folder.read("a.html");
    assert!(
        page.contains("<h1 id=\"s0\">If tomorrow is like this log, 1 of 1 organizations would be refused calls.</h1>"),
        "{page}"
    );
    assert!(page.contains("3 more a day"), "{page}");
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn another_configuration_is_compared_before_anything_else() {
    let folder = folder();
    folder.write("other.json", "{}");
    let compare = ["access.log", "--against", "other.json", "--html", "a.html"];
    let (status, said) = folder.run(&[&REPLAY[..], &compare].concat());
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.ends_with("\nFrom the configuration to other.json: Nothing changes for anybody.\n"),
        "{said}"
    );
    let page = folder.read("a.html");
    let order = [
        "<h1 id=\"changes\">Nothing changes for anybody.</h1>",
        "<h2 id=\"s1\" class=\"next\">1 of 1 organizations would be refused calls.</h2>",
        "<details class=\"former\"><summary>Before: 1 of 1 organizations would be refused calls.</summary>",
        "<h2 id=\"s0\" class=\"next\">1 of 1 organizations would be refused calls.</h2>",
    ];
    let places = order.map(|part| page.find(part));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}"
    );
}

#[test]
fn a_filter_that_never_returns_is_given_up() {
    const ENDLESS: &str = r#"(module
        (memory (export "memory") 1)
        (global $calls (mut i32) (i32.const 0))
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) i32.const 4096)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (loop $forever (br_if $forever (i32.eq (global.get $calls) (i32.const 3))))
            i32.const 0))"#;
    const STUCK: &str = r#"(module
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) i32.const 4096)
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (loop $forever (br $forever)) i32.const 1))"#;
    let folder = folder();
    folder.write("endless.wasm", ENDLESS);
    folder.write("stuck.wasm", STUCK);
    let check = |plugin: &str, expected: &str| {
        let arguments = ["replay", "--plugin", plugin, "--timeout", "1"];
        let log = ["--field", "organization=customer", "access.log"];
        let (status, said) = folder.run(&[&arguments[..], &log].concat());
        assert_eq!((status, said.as_str()), (Some(1), expected));
    };
    check(
        "endless.wasm",
        "error: the filter does not return from call 2 of the log, in the order of time: waited for 1 second (--timeout)\n",
    );
    check(
        "stuck.wasm",
        "error: the filter does not return when it starts: waited for 1 second (--timeout)\n",
    );
}
