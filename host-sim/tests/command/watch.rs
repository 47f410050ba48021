//! `host-sim run --watch`.

use crate::folder::{Folder, GOOD};
use crate::server::Server;

#[test]
fn scenarios_run_again_when_anything_changes() {
    let with_file = GOOD.replace("config = {}", "config_file = 'filter.json'");
    let folder = Folder::with(&[("a.toml", &with_file), ("filter.json", "{}")]);
    let server =
        Server::start(folder.command(&["run", "--plugin", "filter.wasm", "a.toml", "--watch"]));
    // What was seen before may be seen once more: a change can be told of twice.
    let mut before: Vec<String> = Vec::new();
    let mut expect = |lines: &[&str]| {
        loop {
            let seen = run(&server);
            if seen == before && seen != lines {
                continue;
            }
            assert_eq!(seen, lines);
            before = seen;
            return;
        }
    };
    let good = ["ok       a.toml", "1 passed, 0 failed, 0 skipped"];
    expect(&good);
    folder.write("a.toml", &with_file.replace("200", "201"));
    expect(&[
        "MISMATCH a.toml on sim",
        "  step[0].expect.status",
        "    line 5: expect = { status = 201 }",
        "    expected: 201",
        "    observed: 200",
        "  what the client got:",
        "    200",
        "    content-length: 0",
        "    date: Sun, 22 Nov 2026 12:00:00 GMT",
        "    x-envoy-upstream-service-time: 0",
        "    x-seen: x",
        "    server: envoy",
        "0 passed, 1 failed, 0 skipped",
    ]);
    folder.write("a.toml", &with_file);
    expect(&good);
    folder.write("filter.json", "123456789");
    expect(&[
        "MISMATCH a.toml on sim",
        "  start",
        "    expected: the configuration is accepted",
        "    observed: it is refused",
        "  what the module logged so far:",
        "    [error] nine bytes are too many",
        "0 passed, 1 failed, 0 skipped",
    ]);
    folder.write("filter.json", "{}");
    expect(&good);
    // The module as well, even while it cannot be read.
    let module = folder.read("filter.wasm");
    folder.write("filter.wasm", "(module");
    expect(&[
        "error: filter.wasm: not a WebAssembly module: expected `)`",
        "     --> <anon>:1:8",
        "      |",
        "    1 | (module",
        "      |        ^",
    ]);
    folder.write("filter.wasm", &module);
    expect(&good);
}

/// What is printed until the command waits for changes.
fn run(server: &Server) -> Vec<String> {
    std::iter::repeat_with(|| server.line())
        .take_while(|line| line != "watching for changes")
        .collect()
}
