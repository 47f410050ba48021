//! The calls that are sent: over HTTP/1.1, half of them as a browser sends them, half of them as an SDK does.

/// A call, as it goes over the wire.
pub type Bytes = Vec<u8>;

/// What a browser sends along when a web application calls its API (Chrome on Windows).
const BROWSER: &str = "host: desk.example.com\r\n\
connection: keep-alive\r\n\
sec-ch-ua-platform: \"Windows\"\r\n\
authorization: Bearer 1000.8cb99dxxxxxxxxxxxxx9be93.9b8xxxxxxxxxxxxxxxf\r\n\
user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n\
sec-ch-ua: \"Google Chrome\";v=\"141\", \"Not?A_Brand\";v=\"8\", \"Chromium\";v=\"141\"\r\n\
dnt: 1\r\n\
sec-ch-ua-mobile: ?0\r\n\
accept: application/json, text/plain, */*\r\n\
origin: https://desk.example.com\r\n\
sec-fetch-site: same-origin\r\n\
sec-fetch-mode: cors\r\n\
sec-fetch-dest: empty\r\n\
referer: https://desk.example.com/agent/support/tickets/list/all-tickets\r\n\
accept-encoding: gzip, deflate, br, zstd\r\n\
accept-language: en-US,en;q=0.9,de;q=0.8\r\n\
cookie: session=6f2c1a0e9b7d4c58a3f1e2d0c9b8a796; csrf=4d9f0b1c-6a57-4f0e-9d2e-77c1a5b0f3e2; theme=dark; locale=en\r\n\
priority: u=1, i\r\n";

/// What a client library sends along (an SDK for Python).
const SDK: &str = "host: desk.example.com\r\n\
user-agent: helpdesk-sdk/3.2.1 python-requests/2.32.5 CPython/3.13\r\n\
accept-encoding: gzip, deflate\r\n\
accept: application/json\r\n\
connection: keep-alive\r\n\
authorization: Bearer 1000.8cb99dxxxxxxxxxxxxx9be93.9b8xxxxxxxxxxxxxxxf\r\n\
content-type: application/json\r\n";

/// What is asked for: records, and lists at some depths.
const PATHS: [&str; 4] = [
    "/api/v1/tickets/1892000000143237",
    "/api/v1/tickets?from=0&limit=50&sortBy=-createdTime",
    "/api/v1/contacts/1892000000042032",
    "/api/v1/tickets/1892000000143237/comments?from=100&limit=50",
];

/// Calls of these organizations, each kind by each of them, in turns.
#[must_use]
pub fn calls(organizations: &[u64]) -> Vec<Bytes> {
    let kinds = PATHS
        .iter()
        .flat_map(|path| [BROWSER, SDK].map(|headers| (path, headers)));
    kinds
        .flat_map(|(path, headers)| {
            organizations
                .iter()
                .map(move |id| format!("GET {path} HTTP/1.1\r\n{headers}orgId: {id}\r\n\r\n"))
        })
        .map(String::into_bytes)
        .collect()
}

/// A call whose body is a record: an operation without a price per record.
#[must_use]
pub fn with_body(organizations: &[u64], body: &str) -> Vec<Bytes> {
    let length = body.len();
    let call = |id: &u64| {
        format!(
            "POST /api/v1/tickets HTTP/1.1\r\n{SDK}orgId: {id}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    organizations
        .iter()
        .map(call)
        .map(String::into_bytes)
        .collect()
}
