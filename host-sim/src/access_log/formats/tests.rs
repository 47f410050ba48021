//! A line or two of every format, as their documentation shows them, told apart by themselves.

use crate::access_log::{Entry, Fields, Format, Reader};

/// What of a log is a call, in short: when it came, how many milliseconds it took, what was called, and the answer's status.
fn told(entry: &Entry) -> String {
    let taken = entry.duration.map(|taken| taken.as_micros() as f64 / 1e3);
    let taken = taken.map_or_else(|| "?".to_owned(), |taken| taken.to_string());
    let Entry {
        started,
        method,
        path,
        status,
        ..
    } = entry;
    let organization = entry
        .values
        .first()
        .and_then(Option::as_deref)
        .unwrap_or("-");
    format!("{started} {taken} {method} {path} {status} {organization}")
}

fn fields(organization: &str) -> Fields {
    let fields = Fields::new(&["organization"]);
    match organization {
        "" => fields,
        name => fields.mapped("organization", name),
    }
}

fn read(format: &Format, fields: &Fields, log: &str) -> Vec<String> {
    let mut reader = Reader::new(log.as_bytes(), format, fields);
    let lines = std::iter::from_fn(|| reader.next_line().unwrap());
    lines
        .map(|line| match line {
            Ok(entry) => told(&entry),
            Err(unread) => unread.to_string(),
        })
        .collect()
}

/// The format that a log is told to be in, and what is read of it; the same if the format is named.
fn check(name: &str, organization: &str, log: &str, expected: &[&str]) {
    let fields = fields(organization);
    let format = Format::detect(log.as_bytes(), &fields).unwrap_or_else(|| panic!("{log}"));
    assert_eq!(format.known.name, name, "{log}");
    assert_eq!(read(&format, &fields, log), expected, "{log}");
    let named = Format::named(name)
        .unwrap()
        .found_in(log.as_bytes(), &fields);
    assert_eq!(read(&named, &fields, log), expected, "{log}");
}

const CALL: &str = "2026-11-22T12:00:00Z 4000 GET /api/tickets?a=1 200 acme";

#[test]
fn envoy_and_what_is_made_with_it() {
    let head = r#"[2026-11-22T12:00:00.000Z] "GET /api/tickets?a=1 HTTP/1.1" 200"#;
    let tail = r#""192.0.2.7" "curl/8" "id" "api.example" "10.0.0.1:80""#;
    let istio = "outbound|80||api.svc 10.0.0.2:1 10.0.0.3:80 10.0.0.4:2 - default";
    check(
        "envoy",
        "",
        &format!("{head} - 0 5 4000 3999 {tail} \"acme\""),
        &[CALL],
    );
    check(
        "envoy-details",
        "",
        &format!("{head} - via_upstream 0 5 4000 3999 {tail} acme"),
        &[CALL],
    );
    check(
        "istio",
        "",
        &format!("{head} - via_upstream - \"-\" 0 5 4000 3999 {tail} {istio} \"acme\""),
        &[CALL],
    );
    check(
        "istio-before-1.9",
        "",
        &format!("{head} - \"-\" \"-\" 0 5 4000 3999 {tail} {istio} \"acme\""),
        &[CALL],
    );
    let gateway = r#"{"start_time":"2026-11-22T12:00:00.000Z","method":"GET","x-envoy-origin-path":"/api/tickets?a=1","response_code":200,"duration":4000,"organization":"acme"}"#;
    check("envoy-gateway", "", gateway, &[CALL]);
    check(
        "istio-json",
        "",
        &gateway.replace("x-envoy-origin-path", "path"),
        &[CALL],
    );
}

#[test]
fn quotation_marks_of_clients_move_no_call_to_another_organization() {
    let line = |user_agent: &str, path: &str, behind: &str| {
        format!(
            "[2026-11-22T12:00:00.000Z] \"GET {path} HTTP/1.1\" 200 - 0 5 4000 3999 \"-\" \"{user_agent}\" \"id\" \"api\" \"10.0.0.1:80\"{behind}\n"
        )
    };
    let pretends = "x\" \"id\" \"api\" \"10.0.0.1:80\" \"beta";
    let honest = line("curl", "/api/tickets?a=1", " \"acme\"");
    let pretending = line(pretends, "/api/tickets?a=1", " \"acme\"");
    let called = "2026-11-22T12:00:00Z 4000 GET /api/tickets?q=\"a\" 200 acme";
    let odd = line("curl", "/api/tickets?q=\"a\"", " \"acme\"");
    check(
        "envoy",
        "",
        &[honest.as_str(), &pretending, &odd].concat(),
        &[CALL, CALL, called],
    );
    for within in ["\"", " \"", "\" ", "a\"b", "\\", "\\\""] {
        let log = [
            line(within, "/api/tickets?a=1", " \"acme\""),
            honest.clone(),
        ]
        .concat();
        check("envoy", "", &log, &[CALL, CALL]);
    }
    // Of two values that the operator has added, a client may have sent the second one as well.
    let two = line("curl", "/api/tickets?a=1", " \"acme\" \"b\"");
    let unclear = line("curl", "/api/tickets?a=1", " \"acme\" \"b\" \"beta\" \"c\"");
    let reason = "line 2: a quotation mark inside a value makes it unclear which value is which";
    check(
        "envoy",
        "extra1",
        &[two.as_str(), &unclear].concat(),
        &[CALL, reason],
    );
    let nobody = CALL.replace("acme", "-");
    // Which of two it is has to be said.
    check("envoy", "", &two, &[&nobody]);
}

#[test]
fn nginx() {
    let combined = |rest: &str| {
        format!(
            "192.0.2.7 - acme [22/Nov/2026:13:00:04 +0100] \"GET /api/tickets?a=1 HTTP/1.1\" 200 5 \"-\" \"x\\x22y\"{rest}"
        )
    };
    let unknown = "2026-11-22T12:00:04Z ? GET /api/tickets?a=1 200 acme";
    check("combined", "user", &combined(""), &[unknown]);
    check(
        "combined",
        "user",
        &combined(" rt=4.000 uct=\"0.001, 0.002\""),
        &["2026-11-22T12:00:04Z 4000 GET /api/tickets?a=1 200 acme"],
    );
    let ended = Format::named("nginx").unwrap();
    assert_eq!(
        read(&ended, &fields("user"), &combined(" rt=4.000")),
        [CALL]
    );
    check(
        "ingress-nginx",
        "user",
        &combined(" 200 4.000 [default-api-80] [] 10.0.0.1:80 5 4.000 200 id"),
        &[CALL],
    );
    check(
        "combined",
        "user",
        "::1 - a b [22/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 499 0",
        &["2026-11-22T12:00:00Z ? GET / 499 a b"],
    );
    let gone = "::1 - acme [22/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 499 0 \"-\" \"-\"";
    assert_eq!(
        read(&ended, &fields("user"), gone),
        ["2026-11-22T12:00:00Z ? GET / 0 acme"]
    );
    check(
        "nginx-json",
        "http_x_tenant",
        r#"{"timestamp":"2026-11-22T12:00:04+00:00","request":"GET /api/tickets?a=1 HTTP/1.1","status":"200","request_time":"4.000","http_x_tenant":"acme"}"#,
        &[CALL],
    );
    check(
        "nginx-json",
        "remote_user",
        r#"{"msec":"1795348804.000","request_method":"GET","uri":"/api/tickets","args":"a=1","status":"200","request_time":"4.000","remote_user":"acme","http_user_agent":"x"}"#,
        &[CALL],
    );
}

#[test]
fn apache() {
    let unknown = "2026-11-22T12:00:00Z ? GET /api/tickets?a=1 200 acme";
    let line = "api.example:443 192.0.2.7 - acme [22/Nov/2026:12:00:00 +0000] \"GET /api/tickets?a=1 HTTP/1.1\" 200 5 \"-\" \"x\\\"y\\\\\"";
    check("apache-vhost", "user", line, &[unknown]);
    check(
        "apache-json",
        "orgid",
        r#"{ "time":"[22/Nov/2026:12:00:00 +0000]", "process":"4000000", "remoteIP":"192.0.2.7", "request":"/api/tickets", "query":"?a=1", "method":"GET", "status":"200", "userAgent":"a\"b\\c \xff\x22", "orgid":"acme" }"#,
        &[CALL],
    );
    check(
        "apache-json",
        "user",
        r#"{"time":"2026-11-22T12:00:00+00:00","remoteIP":"192.0.2.7","request":"GET /api/tickets?a=1 HTTP/1.1","status":"200","duration":"4000000","user":"acme"}"#,
        &[CALL],
    );
}

#[test]
fn haproxy_and_behind_syslog() {
    let line = "192.0.2.7:1 [22/Nov/2026:12:00:00.000] in back/one 0/0/1/3999/4000 200 5 - - ---- 1/1/1/1/0 0/0 {acme|curl/8} {} \"GET /api/tickets?a=1 HTTP/1.1\"";
    check("haproxy", "capture1", line, &[CALL]);
    let syslog = format!("Nov 22 12:00:04 lb haproxy[7]: {line}");
    check("haproxy", "capture1", &syslog, &[CALL]);
    let bad = "[::1]:1 [22/Nov/2026:12:00:00.000] in in/<NOSRV> -1/-1/-1/-1/+7 -1 0 - - CR-- 1/1/0/0/0 0/0 \"GET /a#22 HTTP/1.1\"";
    check(
        "haproxy",
        "capture1",
        bad,
        &["2026-11-22T12:00:00Z 7 GET /a\" 0 -"],
    );
}

#[test]
fn customs_of_nobody_in_particular() {
    let time = "22/Nov/2026:12:00:00 +0000";
    check(
        "common",
        "",
        &format!("192.0.2.7 - acme [{time}] \"GET /api/tickets?a=1 HTTP/1.1\" 200 12 4000000"),
        &["2026-11-22T12:00:00Z ? GET /api/tickets?a=1 200 acme"],
    );
    check(
        "api-gateway-csv",
        "",
        &format!("192.0.2.7,-,acme,{time},GET,/api/tickets,HTTP/1.1,200,12,id,id="),
        &["2026-11-22T12:00:00Z ? GET /api/tickets 200 acme"],
    );
    check(
        "api-gateway",
        "",
        &format!(
            "<request id=\"id\"> <ip>192.0.2.7</ip> <caller>-</caller> <user>acme</user> <requestTime>{time}</requestTime> \
             <httpMethod>GET</httpMethod> <resourcePath>/api/tickets</resourcePath> <status>200</status> <protocol>HTTP/1.1</protocol> \
             <responseLength>12</responseLength> </request>"
        ),
        &["2026-11-22T12:00:00Z ? GET /api/tickets 200 acme"],
    );
    check(
        "json",
        "",
        "time=2026-11-22T12:00:00Z level=info msg=\"handled request\" method=GET path=/api/tickets?a=1 status=200 duration=4s org=acme",
        &[CALL],
    );
}

#[test]
fn caddy_and_traefik() {
    check(
        "caddy",
        "request.headers.Orgid",
        r#"{"level":"info","ts":1795348804.0,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","host":"api.example","uri":"/api/tickets?a=1","headers":{"Orgid":["acme"]}},"duration":4.0,"status":200}"#,
        &[CALL],
    );
    check(
        "caddy",
        "request.headers.Orgid",
        "2026/11/22 12:00:04.000\tINFO\thttp.log.access\thandled request\t{\"request\": {\"method\": \"GET\", \"uri\": \"/api/tickets?a=1\", \
         \"headers\": {\"Orgid\": [\"acme\"]}}, \"duration\": 4.0, \"status\": 200}",
        &[CALL],
    );
    check(
        "traefik-json",
        "ClientUsername",
        r#"{"ClientUsername":"acme","DownstreamStatus":200,"Duration":4000000000,"RequestMethod":"GET","RequestPath":"/api/tickets?a=1","StartUTC":"2026-11-22T12:00:00Z","time":"2026-11-22T12:00:04Z"}"#,
        &[CALL],
    );
    check(
        "traefik",
        "user",
        "192.0.2.7 - acme [22/Nov/2026:12:00:00 +0000] \"GET /api/tickets?a=1 HTTP/1.1\" 200 5 \"-\" \"x\" \"y\" 7 \"api@docker\" \"http://10.0.0.1:80\" 4000ms\n\
         192.0.2.7 - acme [22/Nov/2026:12:00:00 +0000] \"GET /api/tickets?a=1 HTTP/1.1\" 200 5 \"-\" \"curl\" 7 \"api@docker\" \"http://10.0.0.1:80\" 4000ms",
        &[CALL, CALL],
    );
}

#[test]
fn amazon() {
    let rest = "0.001 3.999 0.000 200 200 589 2084 \"GET https://acme.api.example:443/api/tickets?a=1 HTTP/1.1\" \"UA\"";
    check(
        "alb",
        "host",
        &format!(
            "https 2026-11-22T12:00:04.000000Z app/lb/1 192.0.2.7:1 10.0.0.1:80 {rest} ECDHE TLSv1.2 arn \"Root=1\" \"-\" \"arn\" 0 2026-11-22T12:00:00.000000Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\""
        ),
        &["2026-11-22T12:00:00Z 4000 GET /api/tickets?a=1 200 acme.api.example:443"],
    );
    check(
        "elb",
        "client",
        &format!("2026-11-22T12:00:00.000000Z lb acme 10.0.0.1:80 {rest} - -"),
        &[CALL],
    );
    check(
        "api-gateway",
        "user",
        r#"{"requestId":"1","ip":"192.0.2.7","user":"acme","requestTime":"22/Nov/2026:12:00:00 +0000","httpMethod":"GET","path":"/api/tickets?a=1","status":"200","responseLatency":"4000"}"#,
        &[CALL],
    );
    check(
        "api-gateway-clf",
        "user",
        "192.0.2.7 - acme [22/Nov/2026:12:00:00 +0000]\"GET /api/tickets?a=1 HTTP/1.1\" 200 5 id extended",
        &["2026-11-22T12:00:00Z ? GET /api/tickets?a=1 200 acme"],
    );
    check(
        "cloudfront",
        "x-host-header",
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query x-host-header time-taken\n\
         2026-11-22\t12:00:04\tFRA\t5\t192.0.2.7\tGET\td1.cloudfront.net\t/api/tickets\t200\t-\tcurl%20\ta=1\tacme\t4.000",
        &[CALL],
    );
    check(
        "cloudfront-json",
        "x-host-header",
        r#"{"date":"2026-11-22","time":"12:00:04","cs-method":"GET","cs-uri-stem":"/api/tickets","cs-uri-query":"a=1","sc-status":"200","time-taken":"4.000","x-host-header":"acme"}"#,
        &[CALL],
    );
}

#[test]
fn iis_and_whatever_writes_the_extended_format() {
    let iis = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status time-taken\n\
               2026-11-22 12:00:04 10.0.0.1 GET /api/tickets a=1 443 acme 192.0.2.7 curl/8 200 0 0 4000\n";
    check("iis", "cs-username", &[iis, iis].concat(), &[CALL, CALL]);
    check(
        "w3c",
        "cs-username",
        "#Fields: date time cs-method cs-uri sc-status time-taken cs-username\n2026-11-22 12:00:04 GET /api/tickets?a=1 200 4 acme\n2026-11-22 12:00:04 GET",
        &[CALL, "line 3: 3 columns, and the heading has 7"],
    );
}

#[test]
fn clouds_and_gateways() {
    check(
        "gcp",
        "resource.labels.project_id",
        r#"{"httpRequest":{"latency":"4.0s","requestMethod":"GET","requestUrl":"https://api.example/api/tickets?a=1","status":200},"resource":{"labels":{"project_id":"acme"}},"timestamp":"2026-11-22T12:00:00Z"}"#,
        &[CALL],
    );
    check(
        "kong",
        "consumer.username",
        r#"{"request":{"method":"GET","uri":"/api/tickets?a=1","headers":{"host":"api.example"}},"response":{"status":200},"latencies":{"request":4000,"kong":1,"proxy":3999},"consumer":{"username":"acme"},"started_at":1795348800000}"#,
        &[CALL],
    );
    check(
        "cloudflare",
        "RequestHeaders.orgid",
        r#"{"ClientRequestMethod":"GET","ClientRequestURI":"/api/tickets?a=1","EdgeResponseStatus":200,"EdgeStartTimestamp":"2026-11-22T12:00:00Z","EdgeEndTimestamp":"2026-11-22T12:00:04Z","RequestHeaders":{"orgid":"acme"}}"#,
        &[CALL],
    );
    check(
        "cloudflare",
        "RequestHeaders.orgid",
        r#"{"ClientRequestMethod":"GET","ClientRequestURI":"/api/tickets?a=1","EdgeResponseStatus":200,"EdgeStartTimestamp":1795348800000000000,"EdgeEndTimestamp":1795348804000000000,"RequestHeaders":{"orgid":"acme"}}"#,
        &[CALL],
    );
}

#[test]
fn lines_in_wrappers() {
    let line = r#"[2026-11-22T12:00:00.000Z] "GET /api/tickets?a=1 HTTP/1.1" 200 - 0 5 4000 3999 "-" "curl" "id" "api" "10.0.0.1:80" "acme""#;
    let docker = serde_json::json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-11-22T12:00:04Z"});
    let check_wrapped = |log: &str, title: &str| {
        let fields = fields("");
        let format = Format::detect(log.as_bytes(), &fields).unwrap();
        assert_eq!(
            format.to_string(),
            format!("Envoy's default text in {title}")
        );
        assert_eq!(read(&format, &fields, log), [CALL], "{log}");
    };
    check_wrapped(&docker.to_string(), "docker's json-file");
    let (first, last) = line.split_at(40);
    check_wrapped(
        &format!("2026-11-22T12:00:04.1Z stdout P {first}\n2026-11-22T12:00:04.1Z stdout F {last}"),
        "CRI",
    );
    check_wrapped(&format!("web-7f proxy {line}"), "stern");
    check_wrapped(&format!("apps web-7f proxy {line}"), "stern");
    check_wrapped(&format!("web-1  | {line}"), "docker compose");
    check_wrapped(
        &format!("\u{1b}[36mweb-1  |\u{1b}[0m {line}"),
        "docker compose in colours",
    );
    check_wrapped(
        &format!("<134>1 2026-11-22T12:00:04Z lb envoy 7 - - {line}"),
        "syslog",
    );
    check_wrapped(
        &format!("[pod/web-7f/envoy] 2026-11-22T12:00:04Z {line}"),
        "times in kubectl logs --prefix",
    );
}

#[test]
fn what_is_not_in_the_wrapper_is_counted() {
    let line = r#"{"start_time":"2026-11-22T12:00:00Z","method":"GET","path":"/api/tickets?a=1","response_code":200,"duration":4000,"org":"acme"}"#;
    let log = format!("web-1  | {line}\nweb-1  | starting\nAttaching to web-1\n");
    check(
        "istio-json",
        "",
        &log,
        &[
            CALL,
            "line 2: not JSON: expected value at column 1",
            "line 3: not in the wrapper of docker compose",
        ],
    );
}

#[test]
fn a_duration_that_cannot_be_read_costs_the_duration() {
    let line = |duration: &str| {
        format!(
            "{{\"time\":\"2026-11-22T12:00:00Z\",\"method\":\"GET\",\"path\":\"/a\",\"duration_s\":{duration},\"duration\":7}}\n"
        )
    };
    let log = ["4.0", "\"4000ms\"", "\"soon\"", "-1"].map(line).concat();
    let fields = Fields::new(&[] as &[&str]).mapped("duration_s", "duration_s");
    let format = Format::detect(log.as_bytes(), &fields).unwrap();
    let mut reader = Reader::new(log.as_bytes(), &format, &fields);
    let entries: Vec<_> = std::iter::from_fn(|| reader.next_line().unwrap())
        .map(Result::unwrap)
        .collect();
    let durations: Vec<_> = entries
        .iter()
        .map(|entry| entry.duration.map(|taken| taken.as_millis()))
        .collect();
    assert_eq!(durations, [Some(4000), Some(4000), None, None]);
    let doubts: Vec<_> = entries
        .iter()
        .filter_map(|entry| Some(entry.doubt.as_ref()?.to_string()))
        .collect();
    assert_eq!(
        doubts,
        [
            "line 3: invalid duration \"soon\", expected a number, or one with its unit such as 12ms",
            "line 4: invalid duration \"-1\", expected a number, or one with its unit such as 12ms",
        ]
    );
}

#[test]
fn a_line_of_somebodys_own() {
    let format = Format::of_line("<time> <method> <path> <status> <duration_s> \"<tenant>\"");
    let line = "2026-11-22T12:00:00Z GET /api/tickets?a=1 200 4.000 \"acme\"";
    assert_eq!(read(&format, &fields(""), line), [CALL]);
}
