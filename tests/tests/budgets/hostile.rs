//! What a client can make a call cost the proxy, whose price it does not pay: no path, query, header set, body or `Accept` takes more
//! than ten times the instructions of a plain call of the same length.
//!
//! `cargo test --test budgets hostile -- --nocapture` reports the instructions per byte of each.

use host_sim::target::Request;
use serde_json::{Value, json};

use super::{METERED, ORGANIZATION, call, cost, example, started};

/// A path or query of about so many bytes, made of the same piece.
fn filled(start: &str, piece: &str, length: usize) -> String {
    let times = length.saturating_sub(start.len()) / piece.len();
    format!("{start}{}", piece.repeat(times))
}

/// Checks each piece, in a few lengths, against a plain path that is as long.
fn check(configuration: &Value, start: &str, pieces: &[&str]) {
    let plain = |length| get(&filled("/api/v1/tickets/", "a", length));
    let hostile = |piece: &&str, length| get(&filled(start, piece, length));
    check_calls(
        configuration,
        &[60, 250, 1_000, 8_000],
        plain,
        pieces,
        hostile,
    );
}

fn get(target: &str) -> Request {
    call(ORGANIZATION, "GET", target, "")
}

/// Checks what is made of each piece, in these lengths, against a plain call that is as long.
fn check_calls<P: AsRef<str>>(
    configuration: &Value,
    lengths: &[usize],
    plain: impl Fn(usize) -> Request,
    pieces: &[P],
    hostile: impl Fn(&P, usize) -> Request,
) {
    let fuel = |request: &Request| cost(&mut started(&METERED, configuration), request).1.fuel;
    let mut worst = (0, String::new());
    for &length in lengths {
        let plain = fuel(&plain(length));
        let bytes = u64::try_from(length).unwrap();
        let mut most = (0, "");
        for piece in pieces {
            let hostile = fuel(&hostile(piece, length));
            let (piece, tenths) = (piece.as_ref(), hostile * 10 / plain);
            eprintln!("{length} bytes of {piece:?}: {hostile}, plain {plain}");
            most = most.max((hostile, piece));
            if tenths > worst.0 {
                let told = format!(
                    "{length} bytes of {piece:?} take {hostile} instructions, a plain call {plain}"
                );
                worst = (tenths, told);
            }
        }
        let (hostile, piece) = most;
        eprintln!(
            "{length} bytes: {} instructions a byte at most ({piece:?}), {} in a plain call",
            hostile / bytes,
            plain / bytes
        );
    }
    eprintln!(
        "at most {}.{} times a plain call",
        worst.0 / 10,
        worst.0 % 10
    );
    assert!(worst.0 <= 100, "{}", worst.1);
}

#[test]
fn no_path_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    check(
        &example(),
        "/api/v1/",
        &[
            "%2525255c..;%253f%2523%252500/%2f..%255c",
            "%2f",
            "%252f",
            "%25",
            "%25252f",
            "/",
            "/.",
            "/..",
            "a/../",
            "..;/",
            ";",
            ";a/",
            "%3b",
            "%5c",
            "%00",
            "%3f",
            "%23",
            "%2e",
            ".",
            "a./",
            "%20/",
            "%ef%bc%8f",
            "%c0%af",
            "%ff",
            "%F0%9D%90%AD",
            "%C3%96",
            "%CC%81%CC%80",
            "%u002f",
            "%",
            "A/",
            "tasks/COUNT/",
            "x.php/",
            "%0a",
            "%2f;%5c",
            "a;b%2fc/../%2e%2e%5cd/",
            "1.json",
        ],
    );
}

#[test]
fn no_query_takes_more_than_ten_times_the_instructions_of_a_plain_path() {
    check(
        &example(),
        "/api/v1/tickets?",
        &[
            "from=1&",
            "from[]=1&",
            "f%72om=1&",
            "[from]=%2525&",
            "%2566rom=%252525&",
            "&",
            ";",
            "a;",
            "from;",
            "=",
            "+",
            "%",
            "fro%ff=%ff&",
            "f&",
            "from=%EF%BC%91&",
            "[[[[",
            "from%00x=1;",
            "F=1&",
        ],
    );
}

/// A rule for each of many parameters.
fn conditions(count: usize) -> Value {
    let mut configuration = example();
    let rule = |number: usize| {
        json!({
            "name": format!("c{number}"), "operations": ["GET /conditions"], "when": { format!("name{number}"): "value", "other": "*" },
            "cost": number,
        })
    };
    configuration["costs"]["rules"] = (0..count).map(rule).collect();
    configuration
}

#[test]
fn no_query_takes_more_with_a_hundred_conditions() {
    check(
        &conditions(100),
        "/conditions?other&",
        &[
            "name1=value&",
            "n%61me1=v&",
            "name[]=1&",
            "n%61me1=1&n%61me2=2&n%61me3=3&n%61me4=4&n%61me5=5&",
            "NAME7=VALUE&",
            "n=1&",
            "%6E%61%6D%65%31=%25&",
        ],
    );
}

/// As many fields as Envoy takes of a request by default (`max_headers_count`) without those that a call has anyway.
const MOST_FIELDS: usize = 90;

/// A call with other fields, of about so many bytes together: the piece is the name of each, or what each name begins with if it ends
/// with a hyphen.
fn with_fields(mut request: Request, piece: &str, value: &str, length: usize) -> Request {
    let count = (length / (piece.len() + value.len() + 8)).clamp(1, MOST_FIELDS);
    let each = (length / count).saturating_sub(piece.len());
    for number in 0..count {
        let name = if piece.ends_with('-') {
            format!("{piece}{number}")
        } else {
            piece.to_owned()
        };
        let value = value.repeat((each / value.len()).max(1));
        request.headers.push((name, value));
    }
    request
}

/// What is plain in a call with headers of this length: fields that nobody asks for.
fn with_plain_fields(request: Request, length: usize) -> Request {
    with_fields(request, "x-plain-", "plain ", length)
}

#[test]
fn no_header_set_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    let mut configuration = example();
    let header = |name: &str| json!({ "header": name });
    configuration["attributes"] = json!({ "edition": header("x-edition"), "agents": header("x-agents"), "additional": header("x-additional") });
    let lengths = [250, 1_000, 8_000, 60_000];
    let names = [
        "orgid",
        "accept",
        "content-type",
        "content-encoding",
        "content-length",
        "upgrade",
        "grpc-timeout",
        "x-envoy-upstream-rq-timeout-ms",
        "x-rate-limit-remaining-v3",
        "x-edition",
        "x-agents",
        "x-additional",
        "if-none-match",
        "cookie",
        "a-",
        "x-rate-limit-remaining-v",
    ];
    for value in ["a;", "\u{e9}", "9"] {
        check_calls(
            &configuration,
            &lengths,
            |length| with_plain_fields(get("/api/v1/tickets/4711"), length),
            &names,
            |name, length| with_fields(get("/api/v1/tickets/4711"), name, value, length),
        );
    }
}

/// A bulk call with this body.
fn bulk(kind: &str, body: &str) -> Request {
    let mut request = call(ORGANIZATION, "POST", "/api/v1/closeTickets", body);
    request
        .headers
        .push(("content-type".to_owned(), kind.to_owned()));
    request
}

#[test]
fn no_body_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    let lengths = [250, 4_000, 60_000];
    let plain = |length: usize| {
        bulk(
            "application/json",
            &format!("{{\"ids\":[{}1]}}", "1001,".repeat(length / 5)),
        )
    };
    // What it begins with, what is repeated, and how it ends.
    let bodies = [
        "{\"ids\":[|1,|1]}",
        "{\"ids\":[|[],|1]}",
        "{\"ids\":[|{},|1]}",
        "{\"ids\":[|\"\",|1]}",
        "{\"ids\":[|\"a\",|1]}",
        "{\"ids\":[|1e5,|1]}",
        "{\"ids\":[|-0.000000000000000000001e-300,|1]}",
        "{\"ids\":[|123456789012345678901234567890,|1]}",
        "{\"ids\":[|null,|1]}",
        "{|\"ids\":[1],|\"ids\":[]}",
        "{|\"IDS\":[],|\"ids\":[]}",
        "{|\"id\u{17f}\":[],|\"ids\":[]}",
        "{|\"\":0,|\"ids\":[]}",
        "{|\"i\":0,|\"ids\":[]}",
        "{|\"\\u0069ds\":0,|\"ids\":[]}",
        "{|\"\u{1e9b}\u{323}\":0,|\"ids\":[]}",
        "{\"|\u{1d400}|\":0}",
        "{\"|\\ud835\\udc00|\":0}",
        "{\"|\\n|\":0}",
        "{\"ids\":\"|\\u0000|\"}",
        "{\"a\":\"|\u{e9}|\"}",
        "{\"ids\":[\"|\\ud800|\"]}",
        "|[|",
        "|{\"ids\":|",
        "|{\"a\":[|",
        "| |{}",
        "|\n|{\"ids\":[]}",
        "|{\"ids\":[1]}\n|",
        "ids[]=1&|ids[]=1&|",
        "\u{feff}|{}|",
        "\u{0}|{}|",
    ];
    let parts = |body: &&str| {
        let parts: Vec<String> = body.split('|').map(str::to_owned).collect();
        let [start, piece, end]: [String; 3] = parts.try_into().unwrap();
        (start, piece, end)
    };
    for kind in [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=ids",
    ] {
        check_calls(&example(), &lengths, plain, &bodies, |body, length| {
            let (start, piece, end) = parts(body);
            bulk(kind, &(filled(&start, &piece, length) + &end))
        });
    }
}

#[test]
fn no_content_type_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    let typed = |kind: &str| bulk(kind, "{\"ids\":[1]}");
    check_calls(
        &example(),
        &[60, 250, 1_000, 8_000, 60_000],
        |length| with_plain_fields(typed("application/json"), length),
        &[
            ";",
            "a;",
            "a=;",
            ";charset=utf-8",
            ";charset=\"",
            ",",
            "A",
            "a=b;A=B; ",
            "+json;",
            "\t",
            "\u{e9};",
            "charset=;",
        ],
        |piece, length| typed(&filled("application/json;", piece, length)),
    );
}

#[test]
fn no_accept_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    let usage = |accept: &str| {
        let mut request = get("/.well-known/api-credits");
        for (name, value) in &mut request.headers {
            if name == "accept" {
                *value = accept.to_owned();
            }
        }
        request
    };
    for representation in ["application/json", "text/html"] {
        let start = format!("{representation};q=1,");
        check_calls(
            &example(),
            &[60, 250, 1_000, 8_000, 60_000],
            |length| with_plain_fields(usage(representation), length),
            &[
                ",",
                "\"",
                ";",
                "a/b,",
                "*/*,",
                "*/*;q=0,",
                "text/html;q=0.001,",
                "text/html;q=1.000,",
                "text/html;charset=utf-8,",
                "text/html;a=b;",
                "application/json;q=0.5;x=\",\",",
                "\\",
                "\"\\",
                "text/html;a=\"",
                "text/*;q=\u{e9},",
                "A/A;A=A;",
                " , ",
                "text/html;charset=\"utf-8\",",
                "*/*;;;;;",
                "q=",
                "/",
            ],
            |piece, length| usage(&filled(&start, piece, length)),
        );
    }
}

#[test]
fn no_question_about_a_price_takes_more_than_ten_times_the_instructions_of_a_plain_one() {
    let start = "/.well-known/api-credits/cost?method=GET&path=/api/v1/";
    check_calls(
        &example(),
        &[100, 250, 1_000, 8_000],
        |length| get(&filled(start, "a", length)),
        &[
            "%25252f",
            "%2525255c..;%253f",
            "%",
            "+",
            "&",
            "=",
            "&path=",
            "%ff",
            "a%3ffrom=1%26",
            "%00",
            "/",
            "%22",
            "%5c",
            "%C3%96",
            "\u{7f}",
            "%e2%80%a8",
        ],
        |piece, length| get(&filled(start, piece, length)),
    );
}
