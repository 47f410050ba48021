//! Several Envoys that share their counters in one engine: real Envoys, real servers, and whatever can go wrong between them.

mod servers;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::ensure;
use api_credits_tests::engine::program::Program;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// What the tests share.
struct World {
    runtime: Runtime,
    valkey: Program,
    /// Where Debian's packages are to be had.
    redis: Option<Program>,
    /// As `redis`.
    webdis: Option<Program>,
}

/// What a test needs beside Envoy and Valkey.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Redis,
    Webdis,
}

/// A test: it gets what all of them run.
type Test = fn(&World) -> anyhow::Result<()>;

const TESTS: &[(&str, Needs, Test)] = &[
    (
        "servers::everybody_may_ask_for_the_role_and_nothing_else",
        Needs::Nothing,
        servers::everybody_may_ask_for_the_role_and_nothing_else,
    ),
    (
        "servers::a_replica_says_so_until_it_is_promoted",
        Needs::Nothing,
        servers::a_replica_says_so_until_it_is_promoted,
    ),
    (
        "servers::redis_takes_the_same_settings",
        Needs::Redis,
        servers::redis_takes_the_same_settings,
    ),
    (
        "servers::webdis_runs_scripts_and_nothing_else",
        Needs::Webdis,
        servers::webdis_runs_scripts_and_nothing_else,
    ),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let world = World {
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?,
        valkey: Program::valkey()?,
        redis: Program::redis()?,
        webdis: Program::webdis()?,
    };
    // They may be missing where a person develops, and nowhere else.
    let complete = world.redis.is_some() && world.webdis.is_some();
    ensure!(
        complete || env::var_os("CI").is_none(),
        "there is no Redis or no Webdis: install both (on Debian: apt-get install redis-server webdis)"
    );
    let world = Arc::new(world);
    let trials = TESTS.iter().map(|&(name, needs, test)| {
        let missing = match needs {
            Needs::Nothing => false,
            Needs::Redis => world.redis.is_none(),
            Needs::Webdis => world.webdis.is_none(),
        };
        let world = Arc::clone(&world);
        let run = move || test(&world).map_err(|error| Failed::from(format!("{error:#}")));
        Trial::test(name, run).with_ignored_flag(missing)
    });
    Ok(libtest_mimic::run(&arguments, trials.collect()).exit_code())
}
