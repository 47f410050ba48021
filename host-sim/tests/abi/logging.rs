//! Log lines.

use host_sim::target::{LogLevel, LogLine};

use crate::guest::{builder, get, hostcalls, started};

#[test]
fn lines_are_kept_from_the_level_on_that_modules_are_told() {
    let guest = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $log_level (i32.const 0)))
        (drop (call $log (i32.const 2) <quiet>))
        (drop (call $log (i32.const 3) <loud>))
        (drop (call $log (i32.const 6) <nobody>))
        i32.const 0)"#;
    let mut simulator = started(builder(guest).log_level(LogLevel::Warn));
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        simulator.log(),
        [LogLine {
            level: LogLevel::Warn,
            text: "loud".to_owned()
        }]
    );
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_get_log_level() -> OK warn",
            r#"proxy_log(info, "quiet") -> OK"#,
            r#"proxy_log(warn, "loud") -> OK"#,
            "proxy_log() -> BAD_ARGUMENT (unknown log level 6)",
        ]
    );
}
