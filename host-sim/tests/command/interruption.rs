//! Ctrl-C: what is known by then is told, and the exit status is 130.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value;

use crate::explore::FORGETFUL;
use crate::folder::Folder;

/// Interrupts a command as soon as it listens, which is when the system knows that it does not die of SIGINT (proc(5), SigCgt).
fn interrupt(mut child: Child) -> Output {
    let status = format!("/proc/{}/status", child.id());
    let listens = || {
        let status = fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 0b10 != 0
    };
    while !listens() {
        assert_eq!(child.try_wait().unwrap(), None, "it ends by itself");
        thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn an_exploration_says_how_far_it_came() {
    // Nine workers have more orders than anybody has time for.
    let scenario = "about = 'All are served.'\nworkers = 9\n\
        [[step]]\nparallel = { count = 9, request = {}, expect = { statuses = { \"200\" = 9 } } }\n";
    let folder = Folder::with(&[("forgetful.wat", FORGETFUL), ("many.toml", scenario)]);
    let most = u64::MAX.to_string();
    let mut command = folder.command(&[
        "explore",
        "--plugin",
        "forgetful.wat",
        "many.toml",
        "--schedules",
        &most,
    ]);
    let output = interrupt(command.stdout(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stdout).unwrap();
    let count = said
        .split(' ')
        .find_map(|word| word.parse::<u64>().ok())
        .unwrap();
    let schedules = if count == 1 { "schedule" } else { "schedules" };
    assert_eq!(
        said,
        format!(
            "stopped  many.toml: holds under {count} {schedules} that were run until then; there are others\n"
        )
    );
}

#[test]
fn a_forecast_is_made_from_what_was_read() {
    let folder = Folder::with(&[("mapping.toml", "organization = '%who'\n")]);
    let mut child = folder
        .command(&[
            "replay",
            "--plugin",
            "filter.wasm",
            "--mapping",
            "mapping.toml",
            "--json",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Far more than fits into the pipe and into what lies ready, so that most of it has been replayed when all of it is written.
    let mut log = child.stdin.take().unwrap();
    let lines: u32 = 20_000;
    for number in 0..lines {
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        writeln!(
            log,
            "{{\"start_time\":\"2026-11-22T{hour:02}:{minute:02}:{second:02}Z\",\"method\":\"GET\",\"path\":\"/\",\"who\":\"a\",\"duration\":1}}"
        )
        .unwrap();
    }
    // It has not ended: somebody might still write to it.
    let output = interrupt(child);
    drop(log);
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let calls = document["log"]["calls"].as_u64().unwrap();
    assert!(calls > 0 && calls < lines.into(), "{calls}");
    assert_eq!(document["forecasts"][0]["calls"], calls);
    let last = calls - 1;
    let (hour, minute, second) = (last / 3600, last / 60 % 60, last % 60);
    let calls = if calls < 1000 {
        calls.to_string()
    } else {
        format!("{},{:03}", calls / 1000, calls % 1000)
    };
    assert_eq!(
        document["warnings"][0],
        format!(
            "Interrupted: this is forecast from the first {calls} calls alone, until 2026-11-22 {hour:02}:{minute:02}:{second:02} UTC."
        )
    );
}
