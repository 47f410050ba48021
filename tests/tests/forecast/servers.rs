//! Logs that real web servers and proxies write: of calls that take their time, calls whose clients go away, odd bytes, quotation marks
//! that pretend to be something else, IPv6, and what is no request at all.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use api_credits_tests::artifacts;
use api_credits_tests::web_server::{Kind, WebServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, interval, sleep, timeout};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the call lasts that is to last, before another one and behind it: so long that milliseconds tell.
const LONG: Duration = Duration::from_millis(30);

/// An upstream that tells of each request whose path has `held` in it, and answers that only when it is let.
struct Upstream {
    address: SocketAddr,
    came: mpsc::UnboundedReceiver<()>,
    go: Arc<Notify>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, came) = mpsc::unbounded_channel();
        let go = Arc::new(Notify::new());
        let (let_go, tell) = (Arc::clone(&go), tell);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tell.clone(), Arc::clone(&let_go)));
            }
        });
        Self { address, came, go }
    }
}

/// Answers one request after the other with two bytes.
async fn serve(mut stream: TcpStream, tell: mpsc::UnboundedSender<()>, go: Arc<Notify>) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let line = head.split(|byte| *byte == b'\r').next().unwrap();
        if line.windows(4).any(|part| part == b"held") {
            let _ = tell.send(());
            go.notified().await;
        }
        head.clear();
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .is_err()
        {
            return;
        }
    }
}

/// A request of an organization, which is named in every way that a server could log.
fn request(who: &str, path: &str, user_agent: &[u8]) -> Vec<u8> {
    let basic = match who {
        "acme" => "YWNtZTp4",
        _ => "YmV0YTp4",
    };
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {who}.api.example\r\nConnection: close\r\norgId: {who}\r\nAuthorization: Basic {basic}\r\nUser-Agent: "
    );
    [head.as_bytes(), user_agent, b"\r\n\r\n"].concat()
}

async fn call(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A server that refuses what is no request may close the connection before it has read all.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Calls that the server sees, of which beta makes one that pretends to be of acme.
async fn drive(server: &WebServer, upstream: &mut Upstream) {
    let four = server.address;
    let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), four.port());
    let ok = |answer: String| assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ok(call(four, &request("acme", "/api/tickets?from=1", b"curl/8")).await);
    // Another one comes and goes while this one lasts.
    let held =
        tokio::spawn(async move { call(four, &request("acme", "/api/held", b"curl/8")).await });
    timeout(PATIENCE, upstream.came.recv()).await.unwrap();
    sleep(LONG).await;
    ok(call(four, &request("acme", "/api/tickets", b"curl/8")).await);
    sleep(LONG).await;
    upstream.go.notify_one();
    ok(held.await.unwrap());
    // This one's client does not wait for the answer.
    let mut leaving = TcpStream::connect(four).await.unwrap();
    leaving
        .write_all(&request("acme", "/api/held/left", b"curl/8"))
        .await
        .unwrap();
    timeout(PATIENCE, upstream.came.recv()).await.unwrap();
    drop(leaving);
    upstream.go.notify_one();
    ok(call(
        four,
        &request("acme", "/odd", b"a\"b\\c \xff\xfe \"x\" \"y"),
    )
    .await);
    ok(call(
        four,
        &request(
            "beta",
            "/as-acme",
            b"x\" \"id\" \"acme.api.example\" \"10.0.0.1:80\" \"acme",
        ),
    )
    .await);
    ok(call(six, &request("acme", "/six?q=%22a%22", b"curl/8")).await);
    call(four, b"nonsense\r\n\r\n").await;
}

/// Waits until a log has a line for each call, and so many others.
async fn lines(log: &Path, others: usize) -> String {
    const CALLS: [(&str, usize); 5] = [
        ("/api/tickets", 2),
        ("/api/held", 2),
        ("/odd", 1),
        ("/as-acme", 1),
        ("/six", 1),
    ];
    let begun = Instant::now();
    let mut glance = interval(Duration::from_millis(20));
    loop {
        glance.tick().await;
        let bytes = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        let calls = CALLS.iter().all(|(path, times)| count(path) == *times);
        if calls && text.ends_with('\n') && text.lines().count() >= 7 + others {
            return text.into_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{}: {text}", log.display());
    }
}

/// What a forecast of a log tells.
fn forecast(log: &Path, flags: &[&str]) -> Value {
    let policy = json!({
        "identity": { "header": "orgId" },
        "editions": { "Pro": { "base": 1000 } },
        "organizations": { "acme": { "edition": "Pro" }, "beta": { "edition": "Pro" } },
        "costs": { "default": 1, "rules": [{ "name": "list", "operations": ["GET /api/tickets"], "cost": 3 }] },
    });
    let output = Command::new(artifacts::host_sim().unwrap())
        .arg("replay")
        .arg("--plugin")
        .arg(artifacts::module().unwrap())
        .args(["--config-text", &policy.to_string(), "--json"])
        .args(flags)
        .arg(log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What each organization is told of: calls, credits, and calls at once.
fn told(document: &Value) -> BTreeMap<String, (u64, u64, u64)> {
    let organizations = document["forecasts"][0]["organizations"]
        .as_array()
        .unwrap();
    let number = |of: &Value, name: &str| of[name].as_u64().unwrap();
    let told = organizations.iter().map(|of| {
        let numbers = (
            number(of, "calls"),
            number(of, "cost"),
            number(of, "peak_concurrency"),
        );
        (of["organization"].as_str().unwrap().to_owned(), numbers)
    });
    told.collect()
}

/// What is wanted of a log: its format, how many calls at once it can tell of, and how many lines of it are no call.
struct Expected {
    format: &'static str,
    flags: &'static [&'static str],
    at_once: u64,
    unread: u64,
}

async fn check(kind: Kind, expected: &[Expected]) {
    let mut upstream = Upstream::start().await;
    let server = WebServer::start(kind, upstream.address).await.unwrap();
    drive(&server, &mut upstream).await;
    for (log, expected) in server.logs().iter().zip(expected) {
        let text = lines(log, usize::try_from(expected.unread).unwrap()).await;
        let document = forecast(log, expected.flags);
        let of = [
            ("acme".to_owned(), (6, 10, expected.at_once)),
            ("beta".to_owned(), (1, 1, 1)),
        ];
        assert_eq!(told(&document), BTreeMap::from(of), "{document}\n{text}");
        let file = &document["log"]["files"][0];
        assert_eq!(file["format"], expected.format, "{text}");
        assert_eq!(file["unread"], expected.unread, "{document}\n{text}");
    }
}

const PLAIN: Expected = Expected {
    format: "NCSA combined",
    flags: &[],
    at_once: 1,
    unread: 1,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_writes_is_forecast() {
    let json = Expected {
        format: "nginx JSON",
        at_once: 2,
        ..PLAIN
    };
    check(Kind::Nginx, &[PLAIN, json]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apache_writes_is_forecast() {
    let vhost = Expected {
        format: "Apache vhost_combined",
        ..PLAIN
    };
    check(Kind::Apache, &[PLAIN, vhost]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_haproxy_writes_is_forecast() {
    let behind_syslog = Expected {
        format: "HAProxy httplog in syslog",
        at_once: 2,
        ..PLAIN
    };
    check(Kind::Haproxy, &[behind_syslog]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_caddy_writes_is_forecast() {
    // What is no request is not logged.
    let json = Expected {
        format: "Caddy JSON",
        at_once: 2,
        unread: 0,
        ..PLAIN
    };
    check(Kind::Caddy, &[json]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoy_writes_is_forecast() {
    let text = Expected {
        format: "Envoy's default text",
        flags: &[
            "--field",
            "organization=host",
            "--cut",
            r"organization=^([^.]+)\.",
        ],
        at_once: 2,
        ..PLAIN
    };
    check(Kind::Envoy, &[text]).await;
}
