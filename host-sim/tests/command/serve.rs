//! `host-sim serve`: a real proxy, called by real clients, in front of real upstreams.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::folder::Folder;
use crate::server::Server;

/// Calls a service when a request comes, and lets it go on when the answer is there. Answers `/no` itself.
const CALLER: &str = r#"(module
    (import "env" "proxy_http_call"
        (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "svc")
    (data (i32.const 32)
        "\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00:path\00/\00:authority\00s\00:method\00GET\00")
    (data (i32.const 128) ":statusx-service:pathno")
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $stream (local.get 0))
        (drop (call $get (i32.const 0) (i32.const 144) (i32.const 5) (i32.const 0) (i32.const 4)))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 110)) (then
            (drop (call $respond (i32.const 403) (i32.const 16) (i32.const 3) (i32.const 149) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))
        (drop (call $call (i32.const 16) (i32.const 3) (i32.const 32) (i32.const 61) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 8)))
        i32.const 1)
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $get (i32.const 6) (i32.const 128) (i32.const 7) (i32.const 0) (i32.const 4)))
        (drop (call $effective (global.get $stream)))
        (drop (call $add (i32.const 0) (i32.const 135) (i32.const 9) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
        (drop (call $continue (i32.const 0)))))"#;

/// Lets everything pass.
const PASSING: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0))"#;

/// An HTTP/1.1 server that answers each of `count` requests, and says what it got.
fn upstream(status: &'static str, count: usize) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let answer = |mut connection: TcpStream| {
            let mut request = Vec::new();
            let end = |request: &[u8]| {
                let posts = request.starts_with(b"POST");
                request.ends_with(if posts { &b"pq"[..] } else { b"\r\n\r\n" })
            };
            while !end(&request) {
                let mut bytes = [0; 1024];
                let read = connection.read(&mut bytes).unwrap();
                request.extend(&bytes[..read]);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
            connection.write_all(answer.as_bytes()).unwrap();
            let text = String::from_utf8(request).unwrap();
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines[1..].sort();
            lines.retain(|line| {
                !line.is_empty() && !line.starts_with("host") && !line.starts_with("x-request-id")
            });
            lines.join("\n")
        };
        (0..count)
            .map(|_| answer(listener.accept().unwrap().0))
            .collect()
    });
    (address, served)
}

pub(crate) fn serving(folder: &Folder, arguments: &[&str]) -> (Server, String) {
    let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    let server = Server::start(folder.command(&all));
    let address = loop {
        if let Some(address) = server.line().strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    (server, address)
}

/// A request over HTTP/1.1: the status line, the headers of the filter, and the body.
pub(crate) fn get(address: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let lines = answer.lines().filter(|line| !line.starts_with("date"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn requests_of_both_versions_pass_the_filter_to_a_real_upstream_and_callouts_are_real() {
    let folder = Folder::with(&[("caller.wasm", CALLER)]);
    let (origin, forwarded) = upstream("201 Created", 2);
    let (service, called) = upstream("202 Accepted", 2);
    let cluster = format!("svc={service}");
    let (server, address) = serving(
        &folder,
        &[
            "--plugin",
            "caller.wasm",
            "--upstream",
            &origin,
            "--cluster",
            &cluster,
        ],
    );
    assert_eq!(
        get(
            &address,
            "POST /a HTTP/1.1\r\nhost: me\r\nconnection: close\r\ncontent-length: 2\r\n\r\npq"
        ),
        "HTTP/1.1 201 Created\ncontent-length: 2\nx-envoy-upstream-service-time: 0\nserver: envoy\nconnection: close\n\nhi"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (status, body) = runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Full<Bytes>>();
        let answer = client.get(format!("http://{address}/b").parse().unwrap());
        let (head, body) = answer.await.unwrap().into_parts();
        assert_eq!(head.version, http::Version::HTTP_2);
        (
            head.status.as_u16(),
            body.collect().await.unwrap().to_bytes(),
        )
    });
    assert_eq!((status, &body[..]), (201, &b"hi"[..]));
    assert_eq!(
        get(
            &address,
            "GET /no HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n"
        ),
        "HTTP/1.1 403 Forbidden\ncontent-length: 2\ncontent-type: text/plain\nserver: envoy\nconnection: close\n\nno"
    );
    assert_eq!(server.interrupt(), (Some(0), vec![]));
    let seen = |method, path, more: &str| {
        format!(
            "{method} {path} HTTP/1.1\n{more}x-envoy-expected-rq-timeout-ms: 15000\nx-forwarded-proto: http\nx-service: 202"
        )
    };
    assert_eq!(
        forwarded.join().unwrap(),
        [
            seen("POST", "/a", "content-length: 2\npq\n"),
            seen("GET", "/b", "")
        ]
    );
    assert_eq!(called.join().unwrap().len(), 2);
}

#[test]
fn without_an_upstream_every_request_is_answered_and_changes_are_taken_at_once() {
    let folder = Folder::with(&[("filter.json", "{}")]);
    let (server, address) = serving(
        &folder,
        &[
            "--plugin",
            "filter.wasm",
            "--config",
            "filter.json",
            "--watch",
            "--trace",
        ],
    );
    let mut seen = Vec::new();
    let mut until = |last: &str| {
        seen.clear();
        loop {
            let line = server.line();
            let done = line == last;
            seen.push(line);
            if done {
                return;
            }
        }
    };
    folder.write("filter.json", "123456789");
    until("error: still the old one: the configuration is refused: nine bytes are too many");
    folder.write("filter.json", "{ }");
    until("reloaded: the configuration");
    let answer = "HTTP/1.1 200 OK\ncontent-length: 0\nx-envoy-upstream-service-time: 0\nx-seen: x\nserver: envoy\nconnection: close\n";
    let request = "GET / HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n";
    assert_eq!(get(&address, request), answer);
    let other = folder.read("filter.wasm").replace("x-seen", "x-come");
    folder.write("filter.wasm", &other);
    until("reloaded: the filter");
    assert_eq!(get(&address, request), answer.replace("x-seen", "x-come"));
}

#[test]
fn a_filter_that_waits_for_a_body_which_envoy_hides_is_told_of_the_switch() {
    let folder = Folder::with(&[("waiting.wasm", crate::trace::WAITING)]);
    let post = "POST /a HTTP/1.1\r\nhost: me\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    let (server, address) = serving(&folder, &["waiting.wasm"]);
    assert!(get(&address, post).starts_with("HTTP/1.1 408 "));
    assert_eq!(
        server.interrupt(),
        (Some(0), vec![crate::trace::HIDDEN.replace("/:", "/a:")])
    );
    let (server, address) = serving(
        &folder,
        &["waiting.wasm", "--allow-on-headers-stop-iteration"],
    );
    assert!(get(&address, post).starts_with("HTTP/1.1 200 "));
    assert_eq!(server.interrupt(), (Some(0), vec![]));
}

#[test]
fn what_cannot_start_exits_badly() {
    let folder = Folder::with(&[("bad.json", "123456789")]);
    let serve = |arguments: &[&str]| {
        folder.run(&[&["serve", "--plugin", "filter.wasm"], arguments].concat())
    };
    assert_eq!(
        serve(&["--config", "bad.json"]),
        (
            Some(1),
            "error: filter.wasm refuses its configuration: nine bytes are too many\n".to_owned()
        )
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(
        serve(&["--listen", &address]),
        (
            Some(2),
            format!("error: cannot listen on {address}: Address already in use (os error 98)\n")
        )
    );
}

/// A chunked POST whose pieces are sent one after the other, and what has come back after each: the upstream and the client see each
/// piece before the next one is sent.
#[test]
fn bodies_pass_piece_by_piece() {
    let folder = Folder::with(&[("passing.wasm", PASSING)]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (_server, address) = serving(
        &folder,
        &[
            "--plugin",
            "passing.wasm",
            "--upstream",
            &origin,
            "--workers",
            "2",
        ],
    );
    let mut client = TcpStream::connect(&address).unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nhost: me\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    until(&mut upstream, "\r\n\r\n");
    client.write_all(b"5\r\nfirst\r\n").unwrap();
    until(&mut upstream, "5\r\nfirst\r\n");
    client.write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
    until(&mut upstream, "6\r\nsecond\r\n0\r\n\r\n");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nthird\r\n")
        .unwrap();
    until(&mut client, "5\r\nthird\r\n");
    upstream.write_all(b"6\r\nfourth\r\n0\r\n\r\n").unwrap();
    until(&mut client, "6\r\nfourth\r\n0\r\n\r\n");
}

/// Reads until this has come, and no further.
fn until(connection: &mut TcpStream, end: &str) {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

#[test]
fn an_upstream_and_a_service_may_speak_http2() {
    let folder = Folder::with(&[("caller.wasm", CALLER)]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (listener, origin) = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("h2c://{}", listener.local_addr().unwrap());
        (listener, origin)
    });
    runtime.spawn(async move {
        let told = |request: http::Request<hyper::body::Incoming>| async move {
            let authority = request.uri().authority().map(ToString::to_string);
            let service = request.headers().get("x-service");
            let said = format!("{authority:?} {service:?} {:?}", request.version());
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(said))))
        };
        while let Ok((connection, _)) = listener.accept().await {
            let service = hyper::service::service_fn(told);
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let io = hyper_util::rt::TokioIo::new(connection);
            tokio::spawn(server.serve_connection(io, service));
        }
    });
    let cluster = format!("svc={origin}");
    let (_server, address) = serving(
        &folder,
        &["caller.wasm", "--upstream", &origin, "--cluster", &cluster],
    );
    let answer = get(
        &address,
        "GET /a HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n",
    );
    let (_, body) = answer.split_once("\n\n").unwrap();
    assert_eq!(body, r#"Some("me") Some("200") HTTP/2.0"#);

    let (status, said) = folder.run(&["serve", "caller.wasm", "--upstream", "ftp://a:1"]);
    assert_eq!(status, Some(2));
    assert!(
        said.contains("`ftp://a:1`: expected http://host:port, or h2c://host:port for HTTP/2"),
        "{said}"
    );
}

#[test]
fn a_call_that_has_begun_may_end_after_the_proxy_was_told_to_end() {
    let folder = Folder::with(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (server, address) = serving(&folder, &["--plugin", "filter.wasm", "--upstream", &origin]);
    let mut client = TcpStream::connect(&address).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: me\r\n\r\n")
        .unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    until(&mut upstream, "\r\n\r\n");
    server.terminate();
    // Nobody listens any more once it has noticed.
    while TcpStream::connect(&address).is_ok() {
        thread::yield_now();
    }
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        .unwrap();
    until(&mut client, "\r\n\r\nhi");
    assert_eq!(server.end(), (Some(0), vec![]));
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client() {
    let folder = Folder::with(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (_server, address) = serving(&folder, &["--plugin", "filter.wasm", "--upstream", &origin]);
    let mut client = TcpStream::connect(&address).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: me\r\n\r\n")
        .unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    until(&mut upstream, "\r\n\r\n");
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        .unwrap();
    until(&mut client, "\r\n\r\nhalf");
    drop(upstream);
    let mut rest = Vec::new();
    // A reset or an end, but not the other half.
    let _ = client.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

/// What a client of HTTP/2 sees of an answer behind where it breaks off.
fn end_of_half(folder: &Folder, flags: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let arguments = [&["--plugin", "filter.wasm", "--upstream", &origin], flags].concat();
    let (_server, address) = serving(folder, &arguments);
    let (half_is_there, wait) = std::sync::mpsc::channel();
    let upstream = thread::spawn(move || {
        let (mut upstream, _) = listener.accept().unwrap();
        until(&mut upstream, "\r\n\r\n");
        upstream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            .unwrap();
        wait.recv().unwrap();
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let end = runtime.block_on(async {
        let connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(connection);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("http://me/");
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(half, "half");
        half_is_there.send(()).unwrap();
        format!("{:?}", body.frame().await)
    });
    upstream.join().unwrap();
    end
}

#[test]
fn streams_that_break_off_are_reset_as_the_version_of_envoy_does() {
    let folder = Folder::with(&[]);
    let newest = end_of_half(&folder, &[]);
    assert!(newest.contains("INTERNAL_ERROR"), "{newest}");
    // The client takes it for the end.
    assert_eq!(end_of_half(&folder, &["--envoy", "1.36"]), "None");
}

#[test]
fn the_upstream_may_be_unreachable() {
    let folder = Folder::with(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (_server, address) = serving(&folder, &["--plugin", "filter.wasm", "--upstream", &origin]);
    let answer = get(
        &address,
        "GET / HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n",
    );
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\n"),
        "{answer}"
    );
}
