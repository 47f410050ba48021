//! The requests and the answers.

/// A request, byte for byte.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Vec<u8>,
    /// How many messages are answers to it.
    pub(crate) answers: usize,
    /// Whether it breaks off in its body.
    pub(crate) breaks_off: bool,
}

/// Requests that are more than one line, or not even that.
const WHOLE: &[(&str, &[u8], usize)] = &[
    ("absolute no host header", b"GET http://b/c HTTP/1.1\r\n\r\n", 1),
    ("query ct", b"QUERY / HTTP/1.1\r\nhost: a\r\ncontent-type: a/b\r\ncontent-length: 1\r\n\r\nx", 1),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 1),
    ("empty host", b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 1),
    ("host port", b"GET / HTTP/1.1\r\nhost: a:99\r\n\r\n", 1),
    ("host slash", b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 1),
    ("host user", b"GET / HTTP/1.1\r\nhost: u@a\r\n\r\n", 1),
    ("host space", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 1),
    ("host comma", b"GET / HTTP/1.1\r\nhost: a,b\r\n\r\n", 1),
    ("host upper", b"GET / HTTP/1.1\r\nHost: API.Example\r\n\r\n", 1),
    ("host ipv6", b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", 1),
    ("host bytes", b"GET / HTTP/1.1\r\nhost: \xe9\r\n\r\n", 1),
    ("host utf8", b"GET / HTTP/1.1\r\nhost: \xc3\xa9\r\n\r\n", 1),
    ("bare lf", b"GET / HTTP/1.1\nhost: a\n\n", 1),
    ("mixed lf", b"GET / HTTP/1.1\r\nhost: a\n\r\n", 1),
    ("fold first", b"GET / HTTP/1.1\r\n host: a\r\n\r\n", 1),
    ("dup length same", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi", 1),
    ("dup length diff", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", 1),
    ("length comma", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2, 2\r\n\r\nhi", 1),
    ("length plus", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\nhi", 1),
    ("length neg", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -2\r\n\r\nhi", 1),
    ("length hex", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x2\r\n\r\nhi", 1),
    ("length zeros", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 002\r\n\r\nhi", 1),
    ("length empty", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n", 1),
    ("length big", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999999\r\n\r\nhi", 1),
    ("get body", b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi", 1),
    ("head body", b"HEAD / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi", 1),
    ("post zero", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", 1),
    ("chunked", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("chunked upper", b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("chunked ext", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0;c\r\n\r\n", 1),
    ("chunked trailers", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nhi\r\n0\r\nx: y\r\n\r\n", 1),
    ("chunked zeros", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0002\r\nhi\r\n000\r\n\r\n", 1),
    ("chunked hexupper", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 1),
    ("chunked bad", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", 1),
    ("chunked lf", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\nhi\n0\n\n", 1),
    ("chunked get", b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("chunked and length", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("te gzip", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 1),
    ("te gzip chunked", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("te identity", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n", 1),
    ("te twice", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1),
    ("http10", b"GET / HTTP/1.0\r\nhost: a\r\n\r\n", 1),
    ("http10 nohost", b"GET / HTTP/1.0\r\n\r\n", 1),
    ("http09", b"GET /\r\n\r\n", 1),
    ("http12", b"GET / HTTP/1.2\r\nhost: a\r\n\r\n", 1),
    ("http20", b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 1),
    ("http11 lower", b"GET / http/1.1\r\nhost: a\r\n\r\n", 1),
    ("http1", b"GET / HTTP/1\r\nhost: a\r\n\r\n", 1),
    ("no version", b"GET /\r\nhost: a\r\n\r\n", 1),
    ("trailing space", b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 1),
    ("tab sep", b"GET\t/\tHTTP/1.1\r\nhost: a\r\n\r\n", 1),
    ("leading crlf", b"\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", 1),
    ("garbage", b"hello world\r\n\r\n", 1),
    ("expect", b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi", 2),
    ("expect nobody", b"GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n", 2),
    ("expect other", b"POST / HTTP/1.1\r\nhost: a\r\nexpect: x\r\ncontent-length: 2\r\n\r\nhi", 1),
    ("pipelined", b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /two HTTP/1.1\r\nhost: a\r\n\r\n", 2),
    ("pipelined close", b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\nGET /two HTTP/1.1\r\nhost: a\r\n\r\n", 1),
    ("body bytes", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n\x00\xff\xe9\n", 1),
    ("extra body", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhiGET /x HTTP/1.1\r\nhost: a\r\n\r\n", 2),
];

/// Beginnings of requests that are otherwise usual.
const LINES: &[&[u8]] = &[
    b"GET /",
    b"GET /a#b",
    b"GET /a?x#b",
    b"GET #b",
    b"OPTIONS *",
    b"GET *",
    b"GET http://b/c?d",
    b"GET https://b/c?d",
    b"GET HTTP://B:80/c",
    b"GET http://b",
    b"GET http://b?x=1",
    b"GET http://u:p@b/c",
    b"GET ftp://b/c",
    b"GET http:///c",
    b"FOO /",
    b"get /",
    b"Get /",
    b"PROPFIND /",
    b"TRACE /",
    b"PATCH /",
    b"QUERY /",
    b"CONNECT a:80",
    b"CONNECT /a",
    b"PRI /",
    b"HEAD /",
    b"POST /",
    b"GET  /",
    b" GET /",
    b"GET /a b",
    b"GET /a\tb",
    b"GET /caf\xe9",
    b"GET /\xc3\xa9",
    b"GET /a\x00b",
    b"GET /a\x01b",
    b"GET /%41%2f%5c%00%zz%",
    b"GET //a///b",
    b"GET /a/../b/./c",
    b"GET /a\\b",
    b"GET /a|b^c`d{e}\"<>",
    b"GET /?",
    b"GET /??a=?b",
    b"GET ?a",
    b"GET a",
    b"GET /a;b=c",
    b"GET ",
];

/// Headers of requests that are otherwise usual.
const HEADERS: &[&[u8]] = &[
    b"host: b",
    b"host: a",
    b"x: a\rb",
    b"x: a\r\n b",
    b"x: a\r\n\tb",
    b"content-length: 0",
    b"x_y: 1",
    b"x : 1",
    b"x y: 1",
    b": 1",
    b"xyz",
    b"X-UPPER: V",
    b"x\xe9: 1",
    b"x(y): 1",
    b"x:",
    b"x:  \t a  b \t ",
    b"x:a",
    b"x: caf\xe9",
    b"x: caf\xc3\xa9",
    b"x: a\xffb",
    b"x: a\x00b",
    b"x: a\x01b",
    b"x: a\x7fb",
    b"x: a\tb",
    b"x: 1\r\nx: 2",
    b"cookie: a=1\r\ncookie: b=2",
    b"connection: upgrade\r\nupgrade: websocket",
    b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
    b"upgrade: websocket",
    b"connection: upgrade\r\nupgrade: TLS/1.2",
    b"te: trailers",
    b"te: deflate",
    b"te: trailers, deflate\r\nconnection: te",
    b"connection: x\r\nx: 1",
    b"connection: close",
    b"connection: keep-alive\r\nkeep-alive: timeout=5",
    b"connection: x-forwarded-for\r\nx-forwarded-for: 1.1.1.1",
    b"proxy-connection: keep-alive",
    b"proxy-connection: close",
    b"x-forwarded-for: 1.2.3.4",
    b"x-forwarded-proto: https",
    b"x-forwarded-proto: ftp",
    b"x-envoy-retry-on: 5xx\r\nx-envoy-foo: 1\r\nx-envoy-internal: true",
    b"x-request-id: abc",
    b":path: /x",
    b"via: x\r\nserver: y\r\ndate: z",
    b"range: bytes=0-1",
    b"accept:\r\nuser-agent:",
];

/// What the upstream answers, by path. Below `/ends/` it closes its connection then.
pub(crate) const ANSWERS: &[(&str, &[u8])] = &[
    ("/bytes", b"HTTP/1.1 200 OK\r\nx-a: caf\xe9\r\ncontent-length: 3\r\n\r\n\xff\x00\xe9"),
    ("/ends/close", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end"),
    ("/chunked", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nhi\r\n0\r\nx: y\r\n\r\n"),
    ("/204", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ("/304", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: a\r\n\r\n"),
    ("/204len", b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"),
    ("/reason", b"HTTP/1.1 200 Fine By Me\r\ncontent-length: 2\r\n\r\nhi"),
    ("/299", b"HTTP/1.1 299 \r\ncontent-length: 2\r\n\r\nhi"),
    ("/599", b"HTTP/1.1 599 Odd\r\ncontent-length: 2\r\n\r\nhi"),
    ("/999", b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nhi"),
    ("/hop", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nconnection: keep-alive\r\nupgrade: x\r\nte: x\r\n\r\nhi"),
    ("/100", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
    ("/103", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
    ("/duplen", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi"),
    ("/cookie", b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nhi"),
    ("/server", b"HTTP/1.1 200 OK\r\nserver: me\r\ndate: Mon\r\nx-envoy-upstream-service-time: 9\r\ncontent-length: 2\r\n\r\nhi"),
    ("/ends/http10", b"HTTP/1.0 200 OK\r\n\r\nold"),
    ("/ends/garbage", b"nonsense\r\n\r\n"),
    ("/ends/nothing", b""),
    ("/name", b"HTTP/1.1 200 OK\r\nx y: 1\r\ncontent-length: 2\r\n\r\nhi"),
    ("/fold", b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nhi"),
    ("/ends/short", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi"),
    ("/ct", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 2\r\n\r\nhi"),
    ("/416", b"HTTP/1.1 416 Range\r\ncontent-length: 0\r\n\r\n"),
    ("/lf", b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi"),
    ("/520", b"HTTP/1.1 520 Again\r\ncontent-length: 2\r\n\r\nhi"),
];

fn case(name: String, request: Vec<u8>) -> Case {
    Case {
        name,
        request,
        answers: 1,
        breaks_off: false,
    }
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = WHOLE
        .iter()
        .map(|(name, request, answers)| Case {
            answers: *answers,
            breaks_off: ["chunked bad", "chunked lf"].contains(name),
            ..case((*name).to_owned(), request.to_vec())
        })
        .collect();
    let usual = |line: &[u8], headers: &[u8]| {
        let parts = [line, b" HTTP/1.1\r\nhost: a\r\n", headers, b"\r\n"];
        parts.concat()
    };
    for line in LINES {
        cases.push(case(line.escape_ascii().to_string(), usual(line, b"")));
    }
    for header in HEADERS {
        let headers = [header, &b"\r\n"[..]].concat();
        let name = header.escape_ascii().to_string();
        cases.push(case(name, usual(b"GET /", &headers)));
    }
    for (path, _) in ANSWERS {
        let line = format!("GET {path}");
        let request = usual(line.as_bytes(), b"");
        cases.push(case(line, request));
    }
    for size in [60_000, 61_500, 200_000] {
        let long = "a".repeat(size);
        let header = format!("x: {long}\r\n");
        cases.push(case(
            format!("{size} bytes of a header"),
            usual(b"GET /", header.as_bytes()),
        ));
        let line = format!("GET /{long}");
        cases.push(case(
            format!("{size} bytes of a path"),
            usual(line.as_bytes(), b""),
        ));
    }
    for count in [99, 100, 150] {
        let headers: String = (0..count).map(|index| format!("x{index}: 1\r\n")).collect();
        cases.push(case(
            format!("{count} headers"),
            usual(b"GET /", headers.as_bytes()),
        ));
    }
    cases
}
