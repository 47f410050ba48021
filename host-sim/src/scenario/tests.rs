//! Whole scenarios, and the texts that wrong ones are answered with.

use super::*;
use crate::model::UpstreamBehaviour;

const MINIMAL: &str = "about = 'A.'\nconfig = {}\n[[step]]\nrequest = {}\n";

fn error(toml: &str) -> String {
    Scenario::from_toml(toml, Path::new("f.toml"))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_full_scenario_is_read() {
    let scenario = Scenario::from_toml(
        r#"
about = "Everything at once."
workers = 2
clock = "2026-11-22T12:00:00Z"
config = { a = [1, 2.5, "x"], when = "${clock+4s}" }
known_difference = { envoy = "why" }

[plugin]
name = "api_credits"
allow_on_headers_stop_iteration = true
failure_policy = "FAIL_OPEN"
buffer_limit_bytes = 1024

[upstream]
status = 201
headers = { content-type = "application/json" }
body_json = { ok = true }

[[step]]
request = { method = "POST", path = "/a?b", headers = { orgId = "7", x = ["1", "2"] }, body_chunks = ["a", "b"], http = 2, worker = 1, repeat = 3 }
expect = { status = 429, headers = { x-gone = false }, properties = { "k.cost" = 3 } }

[[step]]
parallel = { count = 3, requests = [{ path = "/1" }, { path = "/2" }], expect = { statuses = { "200" = 3 } } }

[[step]]
advance = "5s"

[[step]]
metrics = { "k.calls" = 3 }

[[step]]
configure = { config_text = "{}", rejected = "no" }

[[step]]
log = { level = "warn", line = { matches = "a.*" } }

[[step]]
cas_conflicts = 2

[[step]]
open = { call = "long", request = { upstream = { status = 202, body = "", streams = true } }, count = 2 }

[[step]]
open = { call = "lost", request = { upstream = "reset_after_headers" } }

[[step]]
disconnect = "lost"

[[step]]
finish = { call = "long", expect = { status = 202, properties = { "k.left" = 1 } } }
"#,
        Path::new("f.toml"),
    )
    .unwrap();

    let setup = scenario.setup().unwrap();
    assert_eq!(
        String::from_utf8(setup.filters[0].config.at(scenario.clock.unwrap())).unwrap(),
        r#"{"a":[1,2.5,"x"],"when":"12:00:04"}"#
    );
    assert_eq!(setup.properties, ["k.cost", "k.left"]);
    assert_eq!(setup.upstream.body, b"{\"ok\":true}");
    assert_eq!(
        scenario
            .needs()
            .into_iter()
            .map(|need| need.to_string())
            .collect::<Vec<_>>(),
        [
            "manual-clock",
            "pin-worker",
            "inject-cas-conflict",
            "reconfigure",
            "overlap",
            "upstream-behaviour"
        ]
    );
    let [
        Step::Exchange { requests, .. },
        Step::Parallel(parallel),
        ..,
    ] = scenario.steps()
    else {
        panic!("{:?}", scenario.steps());
    };
    assert_eq!(requests.repeat, 3);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        requests.request.headers,
        [header("orgId", "7"), header("x", "1"), header("x", "2")]
    );
    assert_eq!(requests.request.body, [b"a", b"b"]);
    assert_eq!(
        parallel
            .requests
            .iter()
            .map(|r| r.path.as_str())
            .collect::<Vec<_>>(),
        ["/1", "/2", "/1"]
    );
    assert_eq!(parallel.connections, 3);
    let [.., Step::Open(long), Step::Open(lost), _, _] = scenario.steps() else {
        panic!("{:?}", scenario.steps());
    };
    assert_eq!((long.call.as_str(), long.count), ("long", 2));
    let UpstreamBehaviour::Answer(answer) = &long.request.upstream else {
        panic!("{:?}", long.request.upstream);
    };
    let whole = answer.over(&setup.upstream);
    assert_eq!(
        (whole.status, whole.headers, whole.body, answer.streams),
        (202, setup.upstream.headers, Vec::new(), true)
    );
    assert_eq!(lost.request.upstream, UpstreamBehaviour::ResetAfterHeaders);
}

#[test]
fn wrong_scenarios_are_answered_with_their_place() {
    for (toml, message) in [
        (
            "about = ",
            "f.toml:1:9: at `.`: string values must be quoted, expected literal string",
        ),
        ("config = {}", "f.toml:1:1: at `.`: missing field `about`"),
        (
            "about = 'A.'\nconfig = {}\nconfig_text = ''\n[[step]]\nrequest = {}",
            "f.toml:1:1: at `.`: expected at most one of `config`, `config_text` and `config_file`",
        ),
        (
            "about = 'A.'\nconfig = {}\n[[filter]]\n[[step]]\nrequest = {}",
            "f.toml:1:1: at `.`: `config` beside `[[filter]]`, expected it in the table of its filter",
        ),
        (
            "about = 'A.'\n[[filter]]\nmodul = 'a'\n[[step]]\nrequest = {}",
            "f.toml:3:1: at `filter[0].modul`: unknown field `modul`, expected one of `module`, `plugin`, `config`, \
             `config_text`, `config_file`, `config_patch`",
        ),
        (
            "about = 'A.'\n[[grpc_service]]\ncluster = 'q'\nanswers = [{ method = 'q.Q/T', message_hex = '080' }]\n[[step]]\nrequest = {}",
            "f.toml:4:46: at `grpc_service[0].answers[0].message_hex`: `080` is not bytes in hexadecimal, expected two digits for each",
        ),
        (
            "about = 'A.'\n[[step]]\nrequest = { body = 'a', body_hex = '61' }",
            "f.toml:3:11: at `step[0].request`: expected at most one of `body`, `body_json` and `body_hex`",
        ),
        (
            "about = 'A.'\n[[step]]\nlog = { level = 'warn' }",
            "f.toml:3:7: at `step[0].log`: expected exactly one of `line` and `absent`",
        ),
        (
            "about = 'A.'\n[[step]]\nlog = { absent = false }",
            "f.toml:3:7: at `step[0].log`: `absent = false`, expected what no line may be, or `true` for any line",
        ),
        (
            "about = 'A.'\n[[grpc_service]]\ncluster = 'q'\n[[step]]\nrequest = {}",
            "f.toml:2:1: at `grpc_service[0]`: expected exactly one of `answers` and `down`",
        ),
        (
            "about = 'A.'\n[[grpc_service]]\ncluster = 'q'\nanswers = [{ method = '/q.Q/T' }]\n[[step]]\nrequest = {}",
            "f.toml:2:1: at `grpc_service[0]`: `method = \"/q.Q/T\"`, expected `package.Service/Method`",
        ),
        (
            "about = 'A.'\n[[grpc_service]]\ncluster = 'q'\nanswers = [{ method = 'q.Q/T', messages = ['a'], unasked = 2 }]\n[[step]]\nrequest = {}",
            "f.toml:2:1: at `grpc_service[0]`: `unasked = 2`, expected at most 1, which is how many messages there are",
        ),
        (
            "about = 'A.'\n[[dns]]\nname = 'a'\naddresses = ['b']\n[[step]]\nrequest = {}",
            "f.toml:4:14: at `dns[0].addresses[0]`: invalid IP address syntax",
        ),
        (
            "about = 'A.'\nconfig = {}",
            "f.toml:1:1: at `.`: expected either at least one `[[step]]` or `rejected`",
        ),
    ] {
        assert_eq!(error(toml), message, "{toml}");
    }
}

#[test]
fn wrong_steps_are_answered_with_their_place() {
    for (step, message) in [
        (
            "advnce = '5s'",
            "f.toml:6:1: at `step[1].advnce`: unknown field `advnce`, expected one of `request`, \
             `expect`, `parallel`, `open`, `finish`, `disconnect`, `service`, `callouts`, `advance`, `metrics`, `configure`, `log`, \
             `cas_conflicts`",
        ),
        (
            "expect = {}",
            "f.toml:5:1: at `step[1]`: `expect` without `request`: what is expected of an exchange",
        ),
        (
            "request = {}\nadvance = '1s'",
            "f.toml:5:1: at `step[1]`: 2 actions, expected exactly one of `request`, `parallel`, \
             `open`, `finish`, `disconnect`, `service`, `callouts`, `advance`, `metrics`, `configure`, `log` and `cas_conflicts`",
        ),
        (
            "request = { headers = { a = 1 } }",
            "f.toml:6:29: at `step[1].request.headers.a`: expected a string or an array of strings",
        ),
        (
            "request = {}\nexpect = { status = '200' }",
            "f.toml:7:21: at `step[1].expect.status`: \"200\" is a text, expected the number 200 without quotation marks",
        ),
        (
            "request = { headers = { 'a b' = '1' } }",
            "f.toml:6:23: at `step[1].request.headers`: `a b` is no header name, expected letters, digits and the likes of `-`",
        ),
        (
            "request = { method = '' }",
            "f.toml:6:11: at `step[1].request`: `method = \"\"`, expected a word such as `POST`",
        ),
        (
            "request = { http = 3 }",
            "f.toml:6:20: at `step[1].request.http`: unknown version of HTTP 3, expected 1 or 2",
        ),
        (
            "request = { worker = 1 }",
            "f.toml:5:1: at `.`: `worker = 1` in `step[1]`, expected less than `workers = 1`",
        ),
        (
            "request = { upstream = 'rst' }",
            "f.toml:6:24: at `step[1].request.upstream`: unknown variant `rst`, \
             expected one of `reset`, `reset_after_headers`, `timeout`, `unreachable`, `no_healthy_upstream`, `direct_response`, `redirect`",
        ),
        (
            "request = { neighbour = { status = 403 }, upstream = 'reset' }",
            "f.toml:6:11: at `step[1].request`: expected at most one of `upstream` and `neighbour`, which answers in its place",
        ),
        (
            "request = { upstream = { internal_redirect = '/a' } }",
            "f.toml:6:24: at `step[1].request.upstream`: expected a whole address in `internal_redirect`, as in \
             `http://api.example/things`",
        ),
        (
            "request = { upstream = { internal_redirect = 'http://a/b', body = 'c' } }",
            "f.toml:6:24: at `step[1].request.upstream`: expected nothing but `status` beside `internal_redirect`",
        ),
        (
            "request = { upstream = { body = '', body_json = 1 } }",
            "f.toml:6:24: at `step[1].request.upstream`: expected at most one of `body`, `body_json` and `body_hex`",
        ),
        (
            "request = { upstream = 1 }",
            "f.toml:6:24: at `step[1].request.upstream`: invalid type: integer `1`, expected a table with `status`, \
             `headers`, `body`, …, or the name of what happens, as in `reset`",
        ),
        (
            "open = { call = 'a', request = {}, count = 0 }",
            "f.toml:6:8: at `step[1].open`: `count = 0` opens nothing, expected at least 1",
        ),
        (
            "parallel = { count = 4000000000, request = {} }",
            "f.toml:6:12: at `step[1].parallel`: `count = 4000000000`, expected at most 1000000",
        ),
        (
            "parallel = { request = {} }",
            "f.toml:6:12: at `step[1].parallel`: missing `count`: how many times the `request` is sent",
        ),
        (
            "request = { repeat = 4294967295 }",
            "f.toml:6:11: at `step[1].request`: `repeat = 4294967295`, expected at most 1000000",
        ),
        (
            "request = { within = '-1s' }",
            "f.toml:6:11: at `step[1].request`: `within` ends 1s before the request is sent",
        ),
        (
            "open = { call = 'a', request = { repeat = 2 } }",
            "f.toml:6:8: at `step[1].open`: `repeat = 2` in an open call, expected `count` alone",
        ),
        (
            "service = { cluster = 'd' }",
            "f.toml:6:11: at `step[1].service`: expected exactly one of `answers` and `down`",
        ),
        (
            "service = { cluster = 'd', says = '+OK' }",
            "f.toml:6:11: at `step[1].service`: `replies` and `says` need `protocol = \"resp\"`",
        ),
        (
            "service = { cluster = 'd', protocol = 'resp', answers = [] }",
            "f.toml:6:11: at `step[1].service`: `answers` needs `protocol = \"http\"`, expected `replies`",
        ),
        (
            "service = { cluster = 'd', protocol = 'resp' }",
            "f.toml:6:11: at `step[1].service`: expected exactly one of `replies`, `says` and `down`",
        ),
        (
            "service = { cluster = 'd', protocol = 'resp', replies = [{ command = 'A', reply = 'OK' }] }",
            "f.toml:6:11: at `step[1].service`: `reply = \"OK\"`, expected a number, a text that begins with `+` or `-`, a word as in `{6}`, \
             or a list of those",
        ),
        (
            "service = { cluster = 'd', protocol = 'resp', replies = [{ command = 'A', words = { 0 = 'B' }, reply = 1 }] }",
            "f.toml:6:11: at `step[1].service`: `0` in `words`, expected the place of a word after the command",
        ),
        (
            "service = { cluster = 'd', down = 'lost' }",
            "f.toml:6:35: at `step[1].service.down`: unknown variant `lost`, expected one of `unreachable`, `hang`, `reset`",
        ),
        (
            "disconnect = 'a'",
            "f.toml:5:1: at `.`: the call `a` in `step[1]` is not open, expected an `open` step of that name before it",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\nopen = { call = 'a', request = {} }",
            "f.toml:7:1: at `.`: `open.call = \"a\"` in `step[2]`, expected a name that is not open already",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\nfinish = { call = 'a' }\n[[step]]\nfinish = { call = 'a' }",
            "f.toml:9:1: at `.`: the call `a` in `step[3]` is not open, expected an `open` step of that name before it",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\ndisconnect = { call = 'a', by = 'leaving' }",
            "f.toml:8:33: at `step[2].disconnect.by`: `leaving` is no way to leave, expected one of `close`, `half_close`, \
             `broken_chunk`, `invalid_frame`, `window_overflow`",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\ndisconnect = { call = 'a', reset = 'OOPS' }",
            "f.toml:8:36: at `step[2].disconnect.reset`: `OOPS` is no error code of HTTP/2, expected one of `NO_ERROR`, \
             `PROTOCOL_ERROR`, `INTERNAL_ERROR`, `FLOW_CONTROL_ERROR`, `SETTINGS_TIMEOUT`, `STREAM_CLOSED`, `FRAME_SIZE_ERROR`, \
             `REFUSED_STREAM`, `CANCEL`, `COMPRESSION_ERROR`, `CONNECT_ERROR`, `ENHANCE_YOUR_CALM`, `INADEQUATE_SECURITY`, \
             `HTTP_1_1_REQUIRED`",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\ndisconnect = { call = 'a', by = 'close', reset = 'CANCEL' }",
            "f.toml:8:14: at `step[2].disconnect`: expected at most one of `by` and `reset`",
        ),
        (
            "open = { call = 'a', request = {} }\n[[step]]\ndisconnect = { call = 'a', reset = 'CANCEL' }",
            "f.toml:7:1: at `.`: the call `a` in `step[2]` goes over HTTP/1, and `CANCEL` needs HTTP/2",
        ),
        (
            "open = { call = 'a', request = { http = 2 } }\n[[step]]\ndisconnect = { call = 'a', by = 'half_close' }",
            "f.toml:7:1: at `.`: the call `a` in `step[2]` goes over HTTP/2, and `half_close` needs HTTP/1",
        ),
        (
            "open = { call = 'a', request = {}, held = 'me' }",
            "f.toml:6:43: at `step[1].open.held`: unknown variant `me`, expected `upstream` or `filter`",
        ),
        (
            "configure = {}",
            "f.toml:5:1: at `step[1]`: expected exactly one of `config`, `config_text` and `config_file`",
        ),
        (
            "advance = '-5s'",
            "f.toml:5:1: at `step[1]`: `advance` goes back by 5s, and time cannot",
        ),
        (
            "configure = { config_patch = {} }",
            "f.toml:5:1: at `step[1]`: `config_patch` without `config_file`: there is nothing to patch",
        ),
        (
            "request = { body = '', body_json = 1 }",
            "f.toml:6:11: at `step[1].request`: \
             expected at most one of `body`, `body_json` and `body_hex`",
        ),
        (
            "parallel = { count = 1, request = {}, expect = { statuses = { ok = 1 } } }",
            "f.toml:6:12: at `step[1].parallel`: `ok` in `expect.statuses` is not a status code",
        ),
        (
            "request = {}\nexpect = { headers = { a = { betwen = [1, 2] } } }",
            "f.toml:7:30: at `step[1].expect.headers.a.betwen`: \
             unknown field `betwen`, expected one of `between`, `matches`, `contains`, `joined`",
        ),
        (
            "log = { level = 'loud', line = 'x' }",
            "f.toml:6:17: at `step[1].log.level`: unknown variant `loud`, \
             expected one of `trace`, `debug`, `info`, `warn`, `error`, `critical`",
        ),
    ] {
        assert_eq!(
            error(&format!("{MINIMAL}[[step]]\n{step}\n")),
            message,
            "{step}"
        );
    }
}
