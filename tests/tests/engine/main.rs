//! Several Envoys that share their counters in one engine: real Envoys, real servers, and whatever can go wrong between them.

mod callers;
mod command;
mod concurrency;
mod denials;
mod exactness;
mod faults;
mod overview;
mod restarts;
mod scene;
mod secrets;
mod servers;
mod transports;
mod upgrades;

use std::process::ExitCode;
use std::sync::Arc;

use api_credits_tests::artifacts::{Artifacts, has_older_module};
use api_credits_tests::engine::program::Program;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// What the tests share.
struct World {
    artifacts: Artifacts,
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
    /// The module of an older commit.
    History,
}

/// A test: it gets what all of them run.
type Test = fn(&World) -> anyhow::Result<()>;

const TESTS: &[(&str, Needs, Test)] = &[
    (
        "command::run_cluster_shares_what_it_says_and_ends_on_ctrl_c",
        Needs::Nothing,
        command::run_cluster_shares_what_it_says_and_ends_on_ctrl_c,
    ),
    (
        "concurrency::calls_in_progress_are_counted_over_all_envoys",
        Needs::Nothing,
        concurrency::calls_in_progress_are_counted_over_all_envoys,
    ),
    (
        "denials::whatever_valkey_denies_is_counted_as_denied",
        Needs::Nothing,
        denials::whatever_valkey_denies_is_counted_as_denied,
    ),
    (
        "denials::whatever_redis_denies_is_counted_as_denied",
        Needs::Redis,
        denials::whatever_redis_denies_is_counted_as_denied,
    ),
    (
        "overview::an_operator_sees_all_organizations_of_all_envoys",
        Needs::Nothing,
        overview::an_operator_sees_all_organizations_of_all_envoys,
    ),
    (
        "overview::an_operator_sees_all_organizations_with_redis",
        Needs::Redis,
        overview::an_operator_sees_all_organizations_with_redis,
    ),
    (
        "overview::an_operator_sees_all_organizations_through_webdis",
        Needs::Webdis,
        overview::an_operator_sees_all_organizations_through_webdis,
    ),
    (
        "exactness::callers_of_two_envoys_spend_exactly_one_allotment",
        Needs::Nothing,
        exactness::callers_of_two_envoys_spend_exactly_one_allotment,
    ),
    (
        "exactness::callers_of_two_envoys_spend_the_allotment_and_the_overage",
        Needs::Nothing,
        exactness::callers_of_two_envoys_spend_the_allotment_and_the_overage,
    ),
    (
        "exactness::what_an_idle_envoy_holds_comes_back",
        Needs::Nothing,
        exactness::what_an_idle_envoy_holds_comes_back,
    ),
    (
        "exactness::the_day_turns_on_all_envoys",
        Needs::Nothing,
        exactness::the_day_turns_on_all_envoys,
    ),
    (
        "faults::every_fault_is_answered_in_time_and_passes",
        Needs::Nothing,
        faults::every_fault_is_answered_in_time_and_passes,
    ),
    (
        "faults::what_is_answered_while_the_engine_is_down_is_configured",
        Needs::Nothing,
        faults::what_is_answered_while_the_engine_is_down_is_configured,
    ),
    (
        "faults::a_frozen_engine_holds_up_nobody",
        Needs::Nothing,
        faults::a_frozen_engine_holds_up_nobody,
    ),
    (
        "faults::an_engine_that_forgot_everything_is_told_again",
        Needs::Nothing,
        faults::an_engine_that_forgot_everything_is_told_again,
    ),
    (
        "faults::an_engine_that_forgot_everything_waits_for_a_silent_envoy",
        Needs::Nothing,
        faults::an_engine_that_forgot_everything_waits_for_a_silent_envoy,
    ),
    (
        "faults::a_replica_takes_over",
        Needs::Nothing,
        faults::a_replica_takes_over,
    ),
    (
        "restarts::an_envoy_that_is_killed_under_load_takes_a_hundredth_along_at_most",
        Needs::Nothing,
        restarts::an_envoy_that_is_killed_under_load_takes_a_hundredth_along_at_most,
    ),
    (
        "restarts::an_envoy_that_was_frozen_spends_what_it_had_reserved_and_no_more",
        Needs::Nothing,
        restarts::an_envoy_that_was_frozen_spends_what_it_had_reserved_and_no_more,
    ),
    (
        "restarts::ten_restarts_in_a_row_leave_an_organization_nearly_everything",
        Needs::Nothing,
        restarts::ten_restarts_in_a_row_leave_an_organization_nearly_everything,
    ),
    (
        "restarts::restarts_after_three_quiet_seconds_take_next_to_nothing_along",
        Needs::Nothing,
        restarts::restarts_after_three_quiet_seconds_take_next_to_nothing_along,
    ),
    (
        "secrets::a_password_in_the_environment_stands_in_no_configuration",
        Needs::Nothing,
        secrets::a_password_in_the_environment_stands_in_no_configuration,
    ),
    (
        "secrets::host_sim_takes_the_password_from_its_environment",
        Needs::Nothing,
        secrets::host_sim_takes_the_password_from_its_environment,
    ),
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
    (
        "transports::redis_with_tls_and_a_database",
        Needs::Redis,
        transports::redis_with_tls_and_a_database,
    ),
    (
        "transports::webdis_in_between",
        Needs::Webdis,
        transports::webdis_in_between,
    ),
    (
        "upgrades::an_older_module_and_this_one_share_one_allotment",
        Needs::History,
        upgrades::an_older_module_and_this_one_share_one_allotment,
    ),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let world = World {
        artifacts: Artifacts::obtain()?,
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?,
        valkey: Program::valkey()?,
        redis: Program::redis()?,
        webdis: Program::webdis()?,
    };
    let world = Arc::new(world);
    let trials = TESTS.iter().map(|&(name, needs, test)| {
        let missing = match needs {
            Needs::Nothing => false,
            Needs::Redis => world.redis.is_none(),
            Needs::Webdis => world.webdis.is_none(),
            Needs::History => !has_older_module(),
        };
        let world = Arc::clone(&world);
        let run = move || test(&world).map_err(|error| Failed::from(format!("{error:#}")));
        Trial::test(name, run).with_ignored_flag(missing)
    });
    Ok(libtest_mimic::run(&arguments, trials.collect()).exit_code())
}
