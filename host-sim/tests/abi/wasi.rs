//! The little of WASI that Envoy offers.

use host_sim::target::{LogLevel, LogLine};

use crate::guest::{builder, get, hostcalls, started};

#[test]
fn output_is_logged_and_the_rest_is_modest() {
    let guest = r#"
        (func $vector (param $pointer i32) (param $length i32)
            (i32.store (i32.const 16) (local.get $pointer))
            (i32.store (i32.const 20) (local.get $length)))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $vector <to stdout¶¶>)
            (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)))
            (call $vector <to stderr>)
            (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 0)))
            (drop (call $fd_write (i32.const 3) (i32.const 16) (i32.const 1) (i32.const 0)))
            (drop (call $fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 0)))
            (drop (call $clock_time (i32.const 1) (i64.const 0) (i32.const 0)))
            (drop (call $clock_time (i32.const 2) (i64.const 0) (i32.const 0)))
            (drop (call $random (i32.const 0) (i32.const 8)))
            (drop (call $random (i32.const 0) (i32.const 65537)))
            (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
            (drop (call $environ (i32.const 24) (i32.const 40)))
            (call $exit (i32.const 1))
            (drop (call $log (i32.const 2) (i32.load (i32.const 24)) (i32.load (i32.const 4))))
            i32.const 0)"#
        .replace('¶', "\n");
    let mut simulator =
        started(builder(&guest).environment(vec![("KEY".to_owned(), "value".to_owned())]));
    simulator.exchange(&get("/")).unwrap();
    let line = |level, text: &str| LogLine {
        level,
        text: text.to_owned(),
    };
    assert_eq!(
        simulator.log(),
        [
            line(LogLevel::Info, "to stdout\n"),
            line(LogLevel::Error, "to stderr"),
            line(LogLevel::Info, "KEY=value\0"),
        ]
    );
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"fd_write(1, "to stdout\n\n") -> 0"#,
            r#"fd_write(2, "to stderr") -> 0"#,
            "fd_write(3) -> 8",
            "fd_write(1) -> 21",
            "clock_time_get(1) -> 0",
            "clock_time_get(2) -> 58",
            "random_get(8) -> 0",
            "random_get(65537) -> 28",
            "environ_sizes_get() -> 0",
            "environ_get() -> 0",
            "proxy_log(info, 0x4b45593d76616c756500) -> OK",
        ]
    );
}
