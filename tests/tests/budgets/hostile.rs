//! What a client can make a call cost the proxy, whose price it does not pay: no path and no query takes more than ten times the
//! instructions of a plain call of the same length.

use serde_json::{Value, json};

use super::{METERED, ORGANIZATION, call, cost, example, started};

/// A path or query of about so many bytes, made of the same piece.
fn filled(start: &str, piece: &str, length: usize) -> String {
    let times = length.saturating_sub(start.len()) / piece.len();
    format!("{start}{}", piece.repeat(times))
}

/// Checks each piece, in a few lengths, against a plain path that is as long.
fn check(configuration: &Value, start: &str, pieces: &[&str]) {
    let mut worst = (0, String::new());
    for length in [60, 250, 1_000, 8_000] {
        let fuel = |target: &str| {
            let mut simulator = started(&METERED, configuration);
            cost(&mut simulator, &call(ORGANIZATION, "GET", target, ""))
                .1
                .fuel
        };
        let plain = fuel(&filled("/api/v1/tickets/", "a", length));
        for piece in pieces {
            let hostile = fuel(&filled(start, piece, length));
            let times = hostile * 10 / plain;
            eprintln!("{length} bytes of {piece:?}: {hostile}, plain {plain}");
            if times > worst.0 {
                worst = (
                    times,
                    format!(
                        "{length} bytes of {piece:?} take {hostile} instructions, a plain path {plain}"
                    ),
                );
            }
        }
    }
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
