//! Where in its source a filter is: backtraces, by the DWARF of modules that rustc makes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use crate::folder::{Folder, GOOD};
use crate::server::Server;

/// Traps in `fail`, which `check` calls, which is inlined into `price`.
const SHOP: &str = include_str!("source/shop.rs");

const TRAPPED: &str = "\
the module died: proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed
it had made no hostcall in this callback
its request: GET /a?b=c (host api.example)
its backtrace, the innermost function first:
";

/// The frames with source lines.
const WITH_LINES: &str = "  0: AT core::core_arch::wasm32::unreachable (STD)
     inlined into shop::shop::fail (/src/shop.rs:20:9)
  1: AT shop::shop::check (/src/shop.rs:14:13)
     inlined into shop::shop::price (/src/shop.rs:7:9)
  2: AT proxy_on_request_headers (/src/shop.rs:26:5)
";

/// Compiles a Rust source that is in the folder, which it is told to call `/src`.
pub(crate) fn compile(folder: &Folder, source: &str, module: &str, flags: &[&str]) {
    let here = folder.path().canonicalize().unwrap();
    let prefix = format!("--remap-path-prefix={}=/src", here.display());
    compile_here(folder, source, module, &[flags, &[&prefix]].concat());
}

/// Compiles a Rust source that is in the folder.
pub(crate) fn compile_here(folder: &Folder, source: &str, module: &str, flags: &[&str]) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args([source, "-o", module, "--crate-type", "cdylib"])
        .args(["--target", "wasm32-wasip1", "--edition", "2024"])
        .args(["-O", "-Cpanic=abort"])
        .args(flags)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// A folder with the module as it ships, and a twin of it with everything.
fn shop() -> Folder {
    let folder = Folder::with(&[("shop.rs", SHOP)]);
    compile(&folder, "shop.rs", "twin.wasm", &["-Cdebuginfo=1"]);
    compile(&folder, "shop.rs", "shipped.wasm", &["-Cstrip=symbols"]);
    folder
}

fn without_offsets(said: &str) -> String {
    // Both are the compiler's.
    let offsets = regex::Regex::new(r"(?m)^(\s*\d+: )0x[0-9a-f]+ ").unwrap();
    let library = regex::Regex::new(r"\(/rustc/[^)]*\)").unwrap();
    let said = library.replace_all(said, "(STD)");
    offsets.replace_all(&said, "${1}AT ").into_owned()
}

#[test]
fn a_crash_says_where_in_the_source_it_is() {
    let folder = shop();
    let trace = |options: &[&str]| {
        let (status, said) = folder.run(&[&["trace", "--path", "/a?b=c"][..], options].concat());
        assert_eq!(status, Some(1), "{said}");
        without_offsets(&said)
    };
    for options in [
        &["--plugin", "twin.wasm"][..],
        &["--plugin", "shipped.wasm", "--symbols", "twin.wasm"],
    ] {
        let said = trace(options);
        assert!(said.ends_with(&format!("{TRAPPED}{WITH_LINES}")), "{said}");
        assert_eq!(said.matches("shop.rs:14").count(), 1, "{said}");
    }
    // Without either, all that the module tells is what it exports.
    let said = trace(&["--plugin", "shipped.wasm"]);
    let numbers = format!(
        "{TRAPPED}  0: AT function 0\n  1: AT function 1\n  2: AT proxy_on_request_headers\n"
    );
    assert!(said.ends_with(&numbers), "{said}");
}

#[test]
fn a_scenario_says_it_too() {
    let folder = shop();
    folder.write(
        "a.toml",
        &GOOD.replace("request = {}", "request = { path = '/a?b=c' }"),
    );
    let twin = ["--symbols", "twin.wasm"];
    let run = ["run", "--plugin", "shipped.wasm", "a.toml"];
    let (status, said) = folder.run(&[&run[..], &twin].concat());
    assert_eq!(status, Some(1));
    let indented = regex::Regex::new("(?m)^").unwrap();
    let expected = format!("{TRAPPED}{WITH_LINES}");
    let expected = indented.replace_all(expected.trim_end(), "  ").into_owned();
    assert!(without_offsets(&said).contains(&expected), "{said}");
    let parallel = "about = 'B.'\nconfig = {}\n[[step]]\n\
        parallel = { count = 2, request = { path = '/a?b=c' }, expect = { statuses = { '200' = 2 } } }\n";
    folder.write("b.toml", parallel);
    let explore = ["explore", "--plugin", "shipped.wasm", "b.toml"];
    let (status, said) = folder.run(&[&explore[..], &twin].concat());
    assert_eq!(status, Some(1));
    assert!(without_offsets(&said).contains(&expected), "{said}");
}

#[test]
fn a_callback_that_never_returns_says_where_it_was() {
    let endless = SHOP.replace(
        "core::arch::wasm32::unreachable()\n    }\n}",
        "loop {}\n    }\n}",
    );
    let folder = Folder::with(&[("shop.rs", &endless), ("a.toml", GOOD)]);
    compile(&folder, "shop.rs", "shop.wasm", &["-Cdebuginfo=1"]);
    let run = ["run", "--plugin", "shop.wasm", "a.toml"];
    let (status, said) = folder.run(&[&run[..], &["--callback-timeout", "1"]].concat());
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("proxy_on_request_headers did not return within 1s"),
        "{said}"
    );
    assert!(said.contains("shop::shop::fail (/src/shop.rs:20"), "{said}");
    assert!(
        said.contains("inlined into shop::shop::price (/src/shop.rs:7:9)"),
        "{said}"
    );
}

#[test]
fn a_server_says_it_too_also_of_a_filter_that_has_changed_with_its_twin() {
    let folder = shop();
    let serve = [
        "serve",
        "--plugin",
        "shipped.wasm",
        "--symbols",
        "twin.wasm",
    ];
    let options = ["--listen", "127.0.0.1:0", "--watch"];
    let server = Server::start(folder.command(&[&serve[..], &options].concat()));
    let until = |start: &str| loop {
        let line = server.line();
        if let Some(rest) = line.strip_prefix(start) {
            return rest.to_owned();
        }
    };
    let address = until("listening on http://");
    let crash = || {
        let mut client = TcpStream::connect(&address).unwrap();
        let request = "GET /a?b=c HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    };
    crash();
    let expected = format!("{TRAPPED}{WITH_LINES}");
    let said: Vec<_> = expected.lines().map(|_| server.line() + "\n").collect();
    assert_eq!(without_offsets(&said.concat()), expected);

    folder.write(
        "shop.rs",
        &format!(
            "// Another line.\n{}",
            SHOP.replace("items * 2", "items * 3")
        ),
    );
    compile(&folder, "shop.rs", "next_twin.wasm", &["-Cdebuginfo=1"]);
    compile(
        &folder,
        "shop.rs",
        "next_shipped.wasm",
        &["-Cstrip=symbols"],
    );
    let take = |module: &str| {
        let next = folder.path().join(format!("next_{module}"));
        std::fs::rename(next, folder.path().join(module)).unwrap();
    };
    take("twin.wasm");
    until("reloaded: the configuration");
    take("shipped.wasm");
    until("reloaded: the filter");
    crash();
    until("     inlined into shop::shop::fail (/src/shop.rs:21:");
}

#[test]
fn a_twin_must_have_the_same_code() {
    let folder = shop();
    let other = SHOP.replace("items * 2", "items * 3");
    folder.write("other.rs", &other);
    compile(&folder, "other.rs", "other.wasm", &["-Cdebuginfo=1"]);
    let with = |twin| folder.run(&["trace", "--plugin", "shipped.wasm", "--symbols", twin]);
    assert_eq!(
        with("other.wasm"),
        (
            Some(2),
            "error: other.wasm: its code is not that of the filter: expected the same module before its names were stripped\n"
                .to_owned()
        )
    );
    let (status, said) = with("shop.rs");
    assert_eq!(status, Some(2));
    assert!(
        said.starts_with("error: shop.rs: not a WebAssembly module: "),
        "{said}"
    );
}

/// The log of an Envoy that ran a module, with the offsets that it has in host-sim; Envoy's own is in the end-to-end tests.
fn log(folder: &Folder, names: [&str; 2]) -> String {
    let (_, said) = folder.run(&["trace", "--plugin", "shipped.wasm", "--json"]);
    let offsets = regex::Regex::new(r#""outcome": "\d+: (0x[0-9a-f]+)"#).unwrap();
    let offsets: Vec<_> = offsets
        .captures_iter(&said)
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(offsets.len(), 3, "{said}");
    format!(
        "[info] starting\n[error][wasm] Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable\n\
         Proxy-Wasm plugin in-VM backtrace:\n  0:  {} - {}\n  1:  {} - shop::shop::price\n  2:  {} - {}\n[info] next\n",
        offsets[0], names[0], offsets[1], offsets[2], names[1]
    )
}

#[test]
fn a_backtrace_in_envoys_log_is_found_in_the_source() {
    let folder = shop();
    let names = ["unknown(function index:0)", "proxy_on_request_headers"];
    folder.write("envoy.log", &log(&folder, names));
    let (status, said) = folder.run(&["symbolize", "--symbols", "twin.wasm", "envoy.log"]);
    let head = "[error][wasm] Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable\n";
    assert_eq!(
        (status, without_offsets(&said)),
        (Some(0), format!("{head}{WITH_LINES}"))
    );
    // The same of the module that Envoy ran, which tells less, and of both.
    let (status, said) = folder.run(&["symbolize", "--plugin", "shipped.wasm", "envoy.log"]);
    assert_eq!(
        (status, without_offsets(&said)),
        (
            Some(0),
            format!(
                "{head}  0: AT function 0\n  1: AT function 1\n  2: AT proxy_on_request_headers\n\
                 the module has no source lines (DWARF): build it with strip = false and debug = 1, and name that one with --symbols\n"
            )
        )
    );
    let both = [
        "symbolize",
        "--plugin",
        "shipped.wasm",
        "--symbols",
        "twin.wasm",
    ];
    let (status, said) = folder.run(&[&both[..], &["envoy.log"]].concat());
    assert_eq!(
        (status, without_offsets(&said)),
        (Some(0), format!("{head}{WITH_LINES}"))
    );
}

#[test]
fn a_backtrace_of_another_module_is_not_taken_for_this_ones() {
    let folder = shop();
    let symbolize = |name| {
        folder.write(
            "envoy.log",
            &log(&folder, [name, "proxy_on_request_headers"]),
        );
        let (status, said) = folder.run(&["symbolize", "--symbols", "twin.wasm", "envoy.log"]);
        (status, without_offsets(&said))
    };
    let (status, said) = symbolize("unknown(function index:7)");
    assert_eq!(status, Some(2), "{said}");
    let end = " in unknown(function index:7), where this module has function 0: expected the module that Envoy ran, or the same with \
               its names\n";
    assert!(said.ends_with(end), "{said}");
    // Names may be written in more than one way.
    let (status, said) = symbolize("other");
    let (inner, outer) = WITH_LINES.split_once("  1: ").unwrap();
    assert_eq!(status, Some(0));
    let end = format!(
        "{inner}     in Envoy's log: other\n  1: {outer}1 functions have other names in Envoy's log: is this the module that it ran, or the \
         same with its names?\n"
    );
    assert!(said.ends_with(&end), "{said}");
}

#[test]
fn a_log_without_a_backtrace_says_what_it_takes() {
    let folder = shop();
    let failed = "Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\n";
    for (log, expected) in [
        (
            failed,
            format!(
                "{failed}a.log: a filter failed, and Envoy wrote no backtrace, which it does only of a module with a name section: give \
                 Envoy one that was built with strip = \"debuginfo\"\n"
            ),
        ),
        (
            "[info] starting\n",
            "a.log: no `Proxy-Wasm plugin in-VM backtrace:` in it\n".to_owned(),
        ),
    ] {
        folder.write("a.log", log);
        let said = folder.run(&["symbolize", "--symbols", "twin.wasm", "a.log"]);
        assert_eq!(said, (Some(1), expected));
    }
}

/// A replay traces nothing, and says it nevertheless.
#[test]
fn a_replay_says_it_too() {
    let folder = Folder::with(&[
        ("shop.rs", SHOP),
        (
            "log.json",
            "{\"start_time\":\"2026-11-22T12:00:00Z\",\"method\":\"GET\",\"path\":\"/a\",\"response_code\":200,\"organization\":\"7\"}\n",
        ),
    ]);
    compile(&folder, "shop.rs", "shop.wasm", &["-Cdebuginfo=1"]);
    let (status, said) = folder.run(&["replay", "--plugin", "shop.wasm", "log.json"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("proxy_on_request_headers trapped: ")
            && said.contains("     inlined into shop::shop::fail (/src/shop.rs:20:9)\n"),
        "{said}"
    );
}
