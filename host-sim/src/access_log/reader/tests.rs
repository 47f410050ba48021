use std::io::Write as _;
use std::time::Duration;

use super::*;
use crate::access_log::Source;

const JSON: &str = r#"{"start_time":"2026-11-22T12:00:00.250Z","path":"/a?b=1","method":"GET","response_code":404,"duration":40,"organization":"7","more":{"agent":"x"},"list":[1]}"#;
const TEXT: &str = r#"[2026-11-22T12:00:00.250Z] "GET /a?b=1 HTTP/1.1" 404 - 0 5 40 39 "-" "x"y" "id" "api" "1.2.3.4:80" "7""#;
const NCSA: &str =
    r#"1.2.3.4 - 7 [22/Nov/2026:04:00:00 -0800] "GET /a?b=1 HTTP/1.1" 404 5 "-" "x" 0.040"#;
const CSV: &str = "time,organization,method,path,status,duration_ms\n2026-11-22T12:00:00.25Z,7,GET,\"/a?b=1\",404,40";

fn fields() -> Fields {
    Fields::new(&["organization", "more.agent"])
}

fn read(text: &str, fields: &Fields) -> Vec<Result<Entry, String>> {
    let format = Format::detect(text.as_bytes(), fields).unwrap();
    let mut reader = Reader::new(text.as_bytes(), &format, fields);
    std::iter::from_fn(|| reader.next_line().unwrap())
        .map(|line| line.map_err(|unread| unread.to_string()))
        .collect()
}

fn entry() -> Entry {
    Entry {
        started: "2026-11-22T12:00:00.25Z".parse().unwrap(),
        duration: Some(Duration::from_millis(40)),
        method: "GET".to_owned(),
        path: "/a?b=1".to_owned(),
        status: 404,
        values: vec![Some("7".to_owned()), None],
        doubt: None,
    }
}

#[test]
fn every_format_tells_the_same_call() {
    let json = Entry {
        values: vec![Some("7".to_owned()), Some("x".to_owned())],
        ..entry()
    };
    assert_eq!(read(JSON, &fields()), [Ok(json)]);
    assert_eq!(read(TEXT, &fields()), [Ok(entry())]);
    assert_eq!(read(CSV, &fields()), [Ok(entry())]);
    let ncsa = Entry {
        started: "2026-11-22T12:00:00Z".parse().unwrap(),
        ..entry()
    };
    let with_duration = fields().mapped("duration_s", "extra1");
    assert_eq!(read(NCSA, &with_duration), [Ok(ncsa.clone())]);
    let without = Entry {
        duration: None,
        ..ncsa
    };
    assert_eq!(read(NCSA, &fields()), [Ok(without)]);
}

#[test]
fn formats_are_told_apart_by_their_beginning() {
    let check = |text: &str, expected: Option<&str>| {
        let format = Format::detect(text.as_bytes(), &fields());
        let format = format.map(|format| format.to_string());
        assert_eq!(format.as_deref(), expected, "{text}");
    };
    check(JSON, Some("Envoy's or Istio's JSON"));
    check("{\"a\":1}\n{\"b\":2}", Some("JSON"));
    check(TEXT, Some("Envoy's default text"));
    check(NCSA, Some("NCSA combined"));
    check(CSV, Some("comma-separated values"));
    check("\"path\";\"method\"\n", Some("semicolon-separated values"));
    check(
        &format!("# a remark\n\n{TEXT}"),
        Some("Envoy's default text"),
    );
    // However much stands before the first call.
    check(
        &format!("{}{TEXT}", "starting\n".repeat(500)),
        Some("Envoy's default text"),
    );
    // What most lines are.
    check(
        &format!("{NCSA}\n{TEXT}\n{TEXT}"),
        Some("Envoy's default text"),
    );
    check("hello\nworld", None);
    check("When,Verb,Code\n", None);
    check("", None);
    let mapped = fields().mapped("time", "When").mapped("method", "Verb");
    let detected = Format::detect(b"When,Verb,Code\n", &mapped);
    assert_eq!(detected.unwrap().to_string(), "comma-separated values");
}

#[test]
fn what_cannot_be_read_says_where_and_why() {
    let check = |line: &str, error: &str| {
        let text = format!("{JSON}\n{line}\n");
        let expected = [Ok(()), Err(error.to_owned())];
        let found: Vec<_> = read(&text, &fields())
            .into_iter()
            .map(|line| line.map(|_| ()))
            .collect();
        assert_eq!(found, expected);
    };
    check(
        "[]",
        "line 2: not JSON: invalid type: sequence, expected an object at column 1",
    );
    check(
        "{\"a\":",
        "line 2: not JSON: EOF while parsing a value at column 5",
    );
    check(&JSON.replace("start_time", "x"), "line 2: no time");
    check(&JSON.replace("\"GET\"", "null"), "line 2: no method");
    check(&JSON.replace("\"/a?b=1\"", "\"-\""), "line 2: no path");
    check(
        &JSON.replace("/a?b=1", "a"),
        "line 2: invalid path \"a\", expected one that begins with /",
    );
    check(
        &JSON.replace("404", "\"4xx\""),
        "line 2: invalid status \"4xx\", expected a number such as 200",
    );
    check(
        &JSON.replace("2026-11-22T", "x"),
        "line 2: invalid time \"x12:00:00.250Z\", expected RFC 3339, day/Mon/year:hour:minute:second zone, or seconds since 1970",
    );
    let text = format!("{TEXT}\n[2026-11-22T12:00:00.250Z] \"GET / HTTP/1.1\" 404 -\n");
    let found = read(&text, &fields()).pop().unwrap();
    assert_eq!(
        found,
        Err("line 2: not of this format: bytes_received is missing".to_owned())
    );
    let found = read(&format!("{CSV}\n1,2\n"), &fields()).pop().unwrap();
    assert_eq!(
        found,
        Err("line 3: 2 columns, and the heading has 6".to_owned())
    );
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let long = format!("{JSON}\n{}\n{JSON}\n", "x".repeat(3 << 20));
    let read: Vec<_> = read(&long, &fields())
        .into_iter()
        .map(|line| line.map(|_| ()))
        .collect();
    assert_eq!(
        read,
        [
            Ok(()),
            Err("line 2: longer than 1048576 bytes".to_owned()),
            Ok(())
        ]
    );
}

#[test]
fn what_gzip_has_packed_is_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(CSV.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let mut source = Source::from_reader(std::io::Cursor::new(packed)).unwrap();
    let format = Format::detect(source.beginning(|_| false).unwrap(), &fields()).unwrap();
    assert_eq!(
        (format.to_string().as_str(), source.packing()),
        ("comma-separated values", Some("gzip"))
    );
    let mut reader = Reader::new(source.into_input(), &format, &fields());
    assert_eq!(reader.next_line().unwrap(), Some(Ok(entry())));
    assert_eq!(reader.next_line().unwrap(), None);
}

#[test]
fn what_is_taken_back_is_written_over() {
    let plain = r#"{"time":"2026-11-22T12:00:00Z","method":"PUT","path":"/","status":"-"}"#;
    let log = format!("{JSON}\n{plain}\n{JSON}\n");
    let format = Format::detect(log.as_bytes(), &fields()).unwrap();
    let mut reader = Reader::new(log.as_bytes(), &format, &fields());
    let fresh = read(&log, &fields());
    assert_eq!(fresh.len(), 3);
    for expected in fresh {
        let entry = reader.next_line().unwrap().unwrap().unwrap();
        assert_eq!(Ok(&entry), expected.as_ref());
        reader.take_back([entry]);
    }
    let long = Entry {
        path: "x".repeat(1000),
        ..entry()
    };
    reader.take_back([long]);
    assert_eq!(reader.spare.len(), 1, "what is large is not kept");
}

#[test]
fn rows_of_a_table_are_told_by_the_lines_that_they_begin_on() {
    for end in ["\n", "\r\n"] {
        let lines = [
            "time,organization,method,path,status,duration_ms",
            "",
            "oops",
            "2026-11-22T12:00:00.25Z,7,GET,\"/a",
            "b\",404,40",
            "again",
            "",
        ];
        let read = read(&lines.join(end), &fields());
        let unread: Vec<_> = read.iter().filter_map(|line| line.as_ref().err()).collect();
        assert_eq!(
            unread,
            [
                "line 3: 1 column, and the heading has 6",
                "line 6: 1 column, and the heading has 6"
            ]
        );
        assert_eq!(read.len(), 3);
    }
}
