//! The little of WASI that Envoy offers.

use host_sim::target::{LogLevel, LogLine};
use host_sim::{Module, Simulator};

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
            "proc_exit() -> 0",
            "proxy_log(info, 0x4b45593d76616c756500) -> OK",
        ]
    );
}

/// Every function of the first preview that Envoy 1.40 links, with its parameters and what it answers to zeros.
const ALL: &[(&str, &str, u32)] = &[
    ("args_get", "i32 i32", 0),
    ("args_sizes_get", "i32 i32", 0),
    ("clock_res_get", "i32 i32", 0),
    ("clock_time_get", "i32 i64 i32", 0),
    ("environ_get", "i32 i32", 0),
    ("environ_sizes_get", "i32 i32", 0),
    ("fd_advise", "i32 i64 i64 i32", 0),
    ("fd_allocate", "i32 i64 i64", 0),
    ("fd_close", "i32", 0),
    ("fd_datasync", "i32", 8),
    ("fd_fdstat_get", "i32 i32", 8),
    ("fd_fdstat_set_flags", "i32 i32", 52),
    ("fd_fdstat_set_rights", "i32 i64 i64", 0),
    ("fd_filestat_get", "i32 i32", 8),
    ("fd_filestat_set_size", "i32 i64", 0),
    ("fd_filestat_set_times", "i32 i64 i64 i32", 0),
    ("fd_pread", "i32 i32 i32 i64 i32", 52),
    ("fd_prestat_dir_name", "i32 i32 i32", 52),
    ("fd_prestat_get", "i32 i32", 8),
    ("fd_pwrite", "i32 i32 i32 i64 i32", 8),
    ("fd_read", "i32 i32 i32 i32", 52),
    ("fd_readdir", "i32 i32 i32 i64 i32", 20),
    ("fd_renumber", "i32 i32", 8),
    ("fd_seek", "i32 i64 i32 i32", 0),
    ("fd_sync", "i32", 8),
    ("fd_tell", "i32 i32", 8),
    ("fd_write", "i32 i32 i32 i32", 8),
    ("path_create_directory", "i32 i32 i32", 58),
    ("path_filestat_get", "i32 i32 i32 i32 i32", 58),
    ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32", 58),
    ("path_link", "i32 i32 i32 i32 i32 i32", 58),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32", 44),
    ("path_readlink", "i32 i32 i32 i32 i32 i32", 58),
    ("path_remove_directory", "i32 i32 i32", 58),
    ("path_rename", "i32 i32 i32 i32 i32 i32", 58),
    ("path_symlink", "i32 i32 i32 i32", 58),
    ("path_unlink_file", "i32 i32 i32", 58),
    ("poll_oneoff", "i32 i32 i32 i32", 0),
    ("random_get", "i32 i32", 0),
    ("sched_yield", "", 0),
    ("sock_accept", "i32 i32 i32", 58),
    ("sock_recv", "i32 i32 i32 i32 i32 i32", 58),
    ("sock_send", "i32 i32 i32 i32 i32", 58),
    ("sock_shutdown", "i32 i32", 58),
];

#[test]
fn everything_that_envoy_links_is_there_under_both_names() {
    for name in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let mut imports = String::new();
        let mut calls = String::new();
        for (function, parameters, _) in ALL {
            let zeros: String = parameters
                .split_whitespace()
                .map(|ty| format!("({ty}.const 0) "))
                .collect();
            imports.push_str(&format!(
                r#"(import "{name}" "{function}" (func ${function} (param {parameters}) (result i32)))"#
            ));
            calls.push_str(&format!("(drop (call ${function} {zeros}))"));
        }
        let text = format!(
            r#"(module {imports} (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024)
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} i32.const 0))"#
        );
        let module = Module::from_bytes(text.as_bytes()).unwrap();
        let mut simulator = started(Simulator::builder(&module));
        assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
        let observed: Vec<_> = hostcalls(&mut simulator)
            .iter()
            .map(|line| {
                let function = line.split('(').next().unwrap().to_owned();
                (function, line.rsplit(' ').next().unwrap().to_owned())
            })
            .collect();
        let expected: Vec<_> = ALL
            .iter()
            .map(|(function, _, answer)| ((*function).to_owned(), answer.to_string()))
            .collect();
        assert_eq!(observed, expected);
    }
}
