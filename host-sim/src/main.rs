//! The command `host-sim`: runs proxy-wasm filters without Envoy.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::interruption::{self, Interrupted};
use mimalloc::MiMalloc;

/// Simulated hostcalls copy much between the module and the host: a replay takes a third less time with this allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs a proxy-wasm filter as Envoy does, without Envoy.
///
/// The module is the very .wasm file that Envoy loads. Hostcalls, shared data, local responses and buffering follow Envoy 1.40.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
A first scenario: `host-sim new first.toml`, and `host-sim help run` explains it.

Exit status:
  0  good
  1  a scenario does not hold, the filter or its configuration is refused, dies or gives no answer, or its memory grows
  2  the input cannot be read
  130  Ctrl-C ended an exploration, which has said how far it came"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and say which of them do not hold
    ///
    /// A scenario is a TOML file with one behaviour: a configuration, the requests that are sent, and what a client, the upstream
    /// or an operator then sees. When one does not hold, the difference is printed with the line of the scenario that says otherwise,
    /// what the client got and what the filter logged; with -v also every callback and hostcall of the step that went wrong.
    ///
    /// At the end it says how many passed, failed and were skipped, because only `host-sim explore` can run them.
    #[command(after_help = "\
A whole scenario:

  about = \"The last credit is spendable, and the next call is refused.\"
  config = { daily = 1 }

  [[step]]
  request = { path = \"/things\", headers = { orgId = \"7\" } }
  expect = { status = 200, headers = { x-remaining = \"0\" } }

  [[step]]
  request = { path = \"/things\", headers = { orgId = \"7\" } }
  expect = { status = 429, upstream = false, headers = { retry-after = true } }

`config` is what the filter gets, as JSON. Each step does one thing. `expect` names what must be
so; whatever it does not name may be as it likes. `host-sim new` prints a scenario with all that
there is, to start from.

Other steps: parallel; open, finish and disconnect (calls that overlap, that the filter holds, or
whose client leaves, in whatever way); service and callouts (what the filter calls);
advance = \"5s\" (moves the clock); metrics, configure, cas_conflicts; log = { level, line } and
log = { absent } (no such line).

Beside config (or config_text; config_file and config_patch): workers, plugin, upstream, metadata,
clock, timeouts, upgrades, connection_manager, route; rejected in place of steps; known_difference.
Tables: [[filter]] (several in a row); [[service]] (what the filter calls, or what is down; with
protocol = \"resp\" of Redis's protocol), [[grpc_service]] (message, message_hex, status) and [[dns]].

A request has method, path, authority, scheme, headers, body (or body_json, body_hex, body_chunks),
trailers, http, worker, repeat, within, unfinished, may_leave, and upstream or neighbour (what
answers it). An answer, of the upstream or a service, has status, headers and
the same bodies; that of the upstream, trailers, too.
Of it one expects status, reset, upstream, headers, body, body_json, body_hex, trailers,
upstream_request, properties, response_code_details and grpc_status. A value is \"this\", [\"these\",
\"lines\"], true (any), false (absent), { matches = \"regex\" }, { between = [1, 5] },
{ contains = \"text\" } or { joined = \"a, b\" } (a list in however many header lines).

A filter that handles no requests, with timers or queues only, is looked at with advance, metrics,
log and callouts; requests pass it unseen.

Tables [[invariant]] say what must hold after every step: alive, status, headers, metrics and log.

Files named *.textpb (or .textproto, .pbtxt, .txtpb) are tests in the format of Google's Service
Extensions, with --config for the filter's configuration. Where Envoy cannot be as the runner of
these is, a mismatch says so.

--coverage needs a module with DWARF (Rust: strip = false, debug = 1), and counts in that module as
it is loaded; nothing is compiled anew. Optimized code has fewer lines, some of which share their
code with others; a module without optimization tells every one.")]
    Run(command::run::Run),
    /// Run scenarios under every order of events
    ///
    /// Envoy's workers run at the same time, and what they share they touch in any order. This runs the `parallel` steps of scenarios in all
    /// orders that anybody can tell apart, and everything that the scenarios expect must hold in each. Of one that does not hold it
    /// prints the simplest order, which `host-sim run --schedule` runs again.
    #[command(after_help = "\
A scenario for it:

  about = \"Two calls at the same time are both counted.\"
  workers = 2

  [[step]]
  parallel = { count = 2, request = {}, expect = { statuses = { \"200\" = 2 }, upstream_at_once = 2 } }

  [[step]]
  request = {}
  expect = { headers = { x-count = \"3\" } }

Different calls: `requests = [{ … }, { … }]` in place of `count` and `request`. Beside `statuses` there are
`upstream_calls` and `upstream_at_once`; all may say `{ between = [1, 2] }` where the order decides. A request with `may_leave = true`
may lose its client at any time; `upstream` says what the upstream does with it. Metrics, logs and
later requests are looked at in the steps behind.

A worker can be interrupted wherever it touches shared data, a queue or a metric that is set or read.
Orders that nobody can tell apart are run once: those in which steps change places that touch nothing in
common, only read it, or only add to it; in which a conditional write fails sooner or later that was overtaken anyway; and in
which workers change places that have done nothing yet and get the same request. If there are more
than --schedules, as many again are drawn by lot, and the result says that there are others.
Ctrl-C ends it and says how far it came; the exit status is then 130.")]
    Explore(command::explore::Explore),
    /// Look for what breaks a filter: calls, bodies, orders, times, answers and configurations that nobody thought of
    ///
    /// Makes up scenarios and watches for a VM that dies, a callback that never returns, a call that is held for ever, memory that grows for
    /// ever, and an invariant that does not hold. What reaches new code is kept and made into more. The smallest scenario with a
    /// fault is written to a file, and the exit status is 1. The same seed finds the same.
    #[command(after_help = "\
  host-sim fuzz FILTER.wasm --config FILTER.json
  host-sim fuzz FILTER.wasm scenarios/ --seed 7 --executions 10000000 --output found.toml

With scenarios it begins with what they set up and what they do, and their invariants must hold whatever happens:

  [[invariant]]
  about = \"No call is answered 5xx.\"
  status = { matches = \"[1-4]..\" }
  headers = { x-remaining = { between = [0, 10] } }   # wherever an answer has it
  metrics = { \"credits.in_progress\" = 0 }           # whenever no call is in progress
  log = { level = \"critical\", absent = true }

`host-sim run` looks at invariants as well, after every step. Configurations are made up of those of the scenarios; one that is refused
is none that breaks a filter, one that kills it is. A callback never returns if it takes more than --instructions.")]
    Fuzz(command::fuzz::Fuzz),
    /// Print a first scenario, or write it to a file, to be changed
    ///
    /// With --plugin it expects what that filter does with a plain request, so that it holds as it is.
    New(command::new::New),
    /// Say whether Envoy would accept a configuration
    ///
    /// Prints `accepted` and what the filter logged of it, from level debug on; or the lines with which the filter refuses it. Where a line names
    /// a place (`line 3 column 11`), that line of the configuration is shown with a mark under the place.
    Check(command::check::Check),
    /// Show every callback and hostcall of one request, or of a scenario
    ///
    /// Prints what the host calls in the module and what the module calls in the host, in order, each with its arguments and what it
    /// was answered, and then what the module logged and what the client gets. When the module dies, says why.
    #[command(after_help = "\
  host-sim trace --plugin FILTER.wasm --config FILTER.json --path /things -H 'x-user: 7'
  host-sim trace --envoy-yaml envoy.yaml --method POST --body '{}'
  host-sim trace --plugin FILTER.wasm --scenario the_last_credit.toml

In a debugger (on Linux; the module needs DWARF, and is not optimized further):

  gdb --args host-sim trace FILTER.wasm --path /things --debugger
  (gdb) run
  (gdb) source plugin.gdb
  (gdb) break filter.rs:14
  (gdb) continue")]
    Trace(command::trace::Trace),
    /// Serve HTTP on a port, with the filter in front of an upstream, so that curl can call it
    ///
    /// A proxy for HTTP/1.1 and HTTP/2 that runs the filter as Envoy does, with real time and real callouts, on a thread for each of
    /// --workers. Bodies pass piece by piece. Ctrl-C ends it, and lets calls that have begun end within ten seconds.
    #[command(after_help = "\
  host-sim serve --plugin FILTER.wasm --config FILTER.json --upstream http://127.0.0.1:8080 --watch
  host-sim serve --envoy-yaml envoy.yaml --cluster directory=http://127.0.0.1:9000 --listen 127.0.0.1:0
  host-sim serve FILTER.wasm --upstream http://127.0.0.1:8080 --workers 4

It speaks HTTP/1.1 to the upstream and to services, or HTTP/2 where the address begins with h2c:// or the cluster of the Envoy
configuration says so. It passes no WebSockets on.")]
    Serve(command::serve::Serve),
    /// Measure what a request costs in the module, and whether its memory grows
    ///
    /// Hostcalls and fuel (instructions) are the same on every machine; the time is that of the module and the simulated host together.
    /// Exits with 1 when the memory grew in both halves of the run.
    #[command(after_help = "\
  host-sim bench --plugin FILTER.wasm --config FILTER.json --path /things -H 'x-user: 7' -n 10000
  host-sim bench --plugin FILTER.wasm --scenario the_last_credit.toml --json
  host-sim bench --plugin FILTER.wasm --config FILTER.json --profile out.json --flamegraph out.svg --symbols UNSTRIPPED.wasm

For each callback and hostcall it says what a request takes on the average; with --profile or --flamegraph for the module's functions as
well. For these the module is instrumented as it is loaded. Their instructions are those of the module as it is, to the last one;
their times have the watching in them. Names come from the module's name section or from --symbols, the same module before its
names were stripped. A profile opens at https://profiler.firefox.com; a sample in it weighs instructions, and times there mean
nothing. A function that an exception leaves counts until whoever called it ends, and one that gives references is a part of its caller.")]
    Bench(command::bench::Bench),
    /// Forecast what a filter would do to the calls of an access log: whom it would refuse, and what would spare them
    ///
    /// Runs every call of the log through the filter, at its time and as long as it lasted, and tells for each organization what its
    /// calls cost, how much of its limit they take, when it is refused first, and what would have been enough. Lines that cannot
    /// be read are counted and shown.
    #[command(after_help = "\
Who would be refused tomorrow, and what would spare them?

  host-sim replay --plugin FILTER.wasm --config FILTER.json --html forecast.html access.log
  host-sim replay --plugin FILTER.wasm --config FILTER.json --against NEW.json /var/log/envoy/*.gz

A log is JSON (Envoy's json_format and others'), Envoy's default text, NCSA combined, or CSV with named columns, packed with
gzip or not. Its customary names are known: start_time, method, path, response_code, duration, organization and many more;
--field tells others. The organization has to be in the log: add the header that names it to the log's format, such as
`organization: %REQ(ORGID)%` (in Envoy's text: behind the rest; in NCSA combined it is the user). Calls that name none are counted
apart; a log that names none at all exits with 2.

  --field organization=tenant_id --header 'x-tenant: %organization' --header 'x-plan: %plan' --field plan=plan_name

What the filter makes of a call is taken from the properties that it sets for access logs (wasm.*), and limits from its usage
details. That works for any module that has such: --print-mapping shows where they are found, --mapping says it otherwise, and what a
module does not tell is left out. One that sets no properties is forecast by its answers: 400 and more is a refusal.

Logs seldom have bodies: what is priced by its body is charged the least, and counted, unless the log has a field `request_body` or
a mapping says what is usual. Without --envoy-yaml the proxy is taken to have allow_on_headers_stop_iteration set, so that such
calls are not held for ever.

A call that is refused for too many at once counts with what it costs alone, and every refused call in full, even one that the log
says has failed: what would do is rather too much. A call that fails holds its price until then, so that an organization at its very
limit may for a while need that much more.

The calls of a log are put in order within --window seconds (and at most 200000 of them); those farther out are counted. When they
are more than 1 % the numbers are wrong, which is said with the window that would do, and the exit status is 1; the usual cause is
two logs in one file: name them as two. A line that leaps ahead by more than an hour (or the window) is set aside if the next one
is back again.

Ctrl-C ends the reading: what was read until then is forecast, and the exit status is 130. A filter that does not return for
--timeout seconds ends it with the exit status 1, and the call is named.")]
    Replay(command::replay::Replay),
    /// Make a scenario of recorded calls: of what Envoy's tap filter wrote, or of a HAR file
    ///
    /// Prints a scenario with a step for each call, in the order of their times: what the client sent, what the upstream answered, and what the client got,
    /// which is expected. With --plugin it is run at once. Exits with 1 when it does not hold.
    #[command(after_help = "\
  host-sim record taps/ --plugin FILTER.wasm --config FILTER.json -o recorded.toml
  host-sim record before/ --behind behind/ -o recorded.toml
  host-sim record calls.har --host api.example

A tap filter before the plugin (`envoy.filters.http.tap` above it in http_filters) sees what clients sent and got, one behind it what the
upstream got and answered; `x-request-id` tells which belong together. Without --behind the upstream is taken to have answered what
the client got, which does not matter to what a plugin adds only once. The sink's format must be JSON: `format: JSON_BODY_AS_BYTES`, with
`file_per_tap: { path_prefix: taps/ }`. With `streaming: true` headers are as they came; without, as they are at the end of the call, and
with `record_headers_received_time: true` there are times. HAR files come from browsers (\"Save all as HAR\") and debugging proxies.

Left out are headers of the wire and of Envoy (content-length, x-request-id, x-forwarded-proto, x-envoy-*), and of what is expected those
that are others each time (date, server, and each --without-header).")]
    Record(command::record::Record),
    /// Write a cost table for the API credits filter from an OpenAPI document
    ///
    /// Prints a configuration whose rules price every operation of the document: by tag and price, in the order of their paths, whatever
    /// the order of the document is. What is written in another way than the document has it, what could not be written, and what is only
    /// suggested is said on the standard error output, with file, line and JSON Pointer. Exits with 1 when something is lost.
    #[command(after_help = "\
  host-sim import openapi.yaml > filter.json
  host-sim import openapi.yaml --config filter.json > next.json

A price is a whole number, or `tiers` or `per_record` as in the configuration, in the vendor extension x-credits of an operation, a path,
a tag or (for whatever has none) the root of the document; the closest one counts:

  paths:
    /tickets:
      x-credits: 2
      get:
        x-credits: {tiers: {query: from, steps: [{up_to: 2000, credits: 3}], beyond: 10}}

For lists (GET with offset, from, page, limit and the like) and bulk operations (arrays in the body) without one, prices are suggested in
proportion to the default, as a helpdesk publishes them: 3, 10, 50 and 100 times by depth, 1 for 2 records, 6 for each that is
deleted. Everything else costs the default, and is written out as well, so that `host-sim coverage` finds what is new later.

The paths of the document's servers go before its paths, each of them; --base-path says otherwise, for instance where a proxy in front
takes a prefix away. Two paths that differ in the names of parameters alone are one operation, at the higher of their prices. References
to other files are followed, to other hosts not. Webhooks and callbacks are no operations of the API.")]
    Import(command::import::Import),
    /// Say which operations of an API a cost table does not price, and what it prices that the API does not have
    ///
    /// Asks the API credits filter itself what a call of each operation in an OpenAPI document costs, and which rule says so. Exits with 1
    /// when an operation is priced by nothing but the default.
    #[command(after_help = "\
  host-sim coverage --openapi openapi.yaml --plugin api_credits.wasm --config filter.json
  host-sim coverage --openapi openapi.yaml --envoy-yaml envoy.yaml --json

A call has the parameters of the query that the document requires. A rule with conditions on others does not price every call of
its operation. Where a part of the path has only certain values (enum), a call with each of them is asked for.")]
    Coverage(command::coverage::Coverage),
    /// Say what a module is, what it needs from Envoy, and what Envoy will call in it
    ///
    /// Tells the ABI, every import (does Envoy have it? does host-sim?), every export and how often Envoy calls it, the memory and
    /// the size of each part of the file. Exits with 1 when that Envoy would not load the module, and says why.
    Inspect(command::inspect::Inspect),
    /// Say which functions and lines of the source the backtraces in Envoy's log are
    ///
    /// When a filter fails, Envoy writes the functions on the stack and their offsets in the module. This prints them with the functions
    /// that were inlined, files and lines. Exits with 1 when there is no backtrace in the log.
    #[command(after_help = "\
  host-sim symbolize --symbols UNSTRIPPED.wasm envoy.log
  kubectl logs POD -c istio-proxy | host-sim symbolize --symbols UNSTRIPPED.wasm

Envoy writes a backtrace only of a module that has a name section, with at least one name in it.

Files and lines come from DWARF in the module (.debug_line and others), otherwise there are only the names of functions. --symbols may
name the module that Envoy ran or a twin of it, which has the same code and more sections: the same compilation, not stripped. With
Rust, settings of a profile change the order of functions, flags of the compiler for these two things do not:

  CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS='-Cstrip=none -Cdebuginfo=1' \\
    cargo build --release --target wasm32-wasip1 --target-dir target/symbols")]
    Symbolize(command::symbolize::Symbolize),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(run) => run.execute(),
        Command::Explore(explore) => explore.execute(),
        Command::Fuzz(fuzz) => fuzz.execute(),
        Command::New(new) => new.execute(),
        Command::Check(check) => check.execute(),
        Command::Serve(serve) => serve.execute(),
        Command::Bench(bench) => bench.execute(),
        Command::Trace(trace) => trace.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Record(record) => record.execute(),
        Command::Import(import) => import.execute(),
        Command::Coverage(coverage) => coverage.execute(),
        Command::Inspect(inspect) => inspect.execute(),
        Command::Symbolize(symbolize) => symbolize.execute(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if error.is::<Interrupted>() {
                return ExitCode::from(interruption::STATUS);
            }
            command::print_error(&error);
            let finding = command::is_finding(&error);
            ExitCode::from(if finding { 1 } else { 2 })
        }
    }
}
