//! What needs the real programs and does not fit into a scenario: exactness under load, killed clients, WebSockets, signed tokens, one
//! crashing worker of several, bodies that never end, every operation of a real API, every organization of the announcement, and the README's commands as a
//! person types them.

mod action;
mod admin;
mod allotments;
mod backtraces;
mod bodies;
mod capabilities;
mod crashes;
mod debugger;
mod delivery;
mod directory;
mod documents;
mod edge;
mod exactness;
mod fetch;
mod held_bodies;
mod killed_clients;
mod kubernetes;
mod operations;
mod operators;
mod order;
mod package;
mod recording;
mod run_command;
mod statistics;
mod terminal;
mod tokens;
mod uploads;
mod websockets;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use api_credits_tests::artifacts::{self, Artifacts};
use api_credits_tests::envoy::{EnvoySession, EnvoyTarget, Served};
use api_credits_tests::prometheus::Programs;
use host_sim::scenario::ConfigText;
use host_sim::target::{Filter, PluginSettings, Setup};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

/// A test: it gets what all of them run.
type Test = fn(&World) -> anyhow::Result<()>;

/// What the tests share.
struct World {
    artifacts: Artifacts,
    envoy: EnvoyTarget,
    /// Where Debian's packages are to be had.
    prometheus: Option<Programs>,
}

const TESTS: &[(&str, Test)] = &[
    (
        "action::a_workflow_fails_with_a_scenario_and_says_why",
        action::a_workflow_fails_with_a_scenario_and_says_why,
    ),
    (
        "held_bodies::an_upstream_that_answers_first_gets_nothing_of_the_body",
        held_bodies::an_upstream_that_answers_first_gets_nothing_of_the_body,
    ),
    (
        "held_bodies::a_refused_call_sends_no_body_without_the_switch",
        held_bodies::a_refused_call_sends_no_body_without_the_switch,
    ),
    (
        "admin::it_can_be_closed_but_for_the_statistics",
        admin::it_can_be_closed_but_for_the_statistics,
    ),
    (
        "allotments::every_organization_is_shown_what_the_announcement_gives_it",
        allotments::every_organization_is_shown_what_the_announcement_gives_it,
    ),
    (
        "backtraces::what_envoy_logs_of_a_crash_is_found_in_the_source",
        backtraces::what_envoy_logs_of_a_crash_is_found_in_the_source,
    ),
    (
        "bodies::both_modules_in_one_chain_charge_a_call_once",
        bodies::both_modules_in_one_chain_charge_a_call_once,
    ),
    (
        "bodies::calls_that_are_priced_by_their_body_have_a_filter_of_their_own",
        bodies::calls_that_are_priced_by_their_body_have_a_filter_of_their_own,
    ),
    (
        "crashes::a_crash_takes_nothing_from_the_calls_of_other_workers",
        crashes::a_crash_takes_nothing_from_the_calls_of_other_workers,
    ),
    (
        "directory::who_asked_first_may_go_away",
        directory::who_asked_first_may_go_away,
    ),
    (
        "directory::a_body_may_be_complete_before_the_answer",
        directory::a_body_may_be_complete_before_the_answer,
    ),
    (
        "directory::a_body_larger_than_envoys_buffer_waits_for_the_answer",
        directory::a_body_larger_than_envoys_buffer_waits_for_the_answer,
    ),
    (
        "capabilities::the_filter_names_the_capability_that_it_lacks",
        capabilities::the_filter_names_the_capability_that_it_lacks,
    ),
    (
        "capabilities::envoy_starts_the_filter_with_what_it_needs_and_not_without",
        capabilities::envoy_starts_the_filter_with_what_it_needs_and_not_without,
    ),
    (
        "documents::links_lead_somewhere",
        documents::links_lead_somewhere,
    ),
    ("documents::readme_is_short", documents::readme_is_short),
    (
        "documents::the_first_scenario_of_the_tutorial_holds",
        documents::the_first_scenario_of_the_tutorial_holds,
    ),
    (
        "edge::a_client_has_nothing_to_play_with",
        edge::a_client_has_nothing_to_play_with,
    ),
    (
        "fetch::a_tampered_download_is_thrown_away",
        fetch::a_tampered_download_is_thrown_away,
    ),
    (
        "delivery::credits_bought_while_envoy_runs_pay_for_the_next_call",
        delivery::credits_bought_while_envoy_runs_pay_for_the_next_call,
    ),
    (
        "delivery::without_a_first_configuration_nothing_is_served",
        delivery::without_a_first_configuration_nothing_is_served,
    ),
    (
        "exactness::callers_at_once_spend_exactly_the_allotment",
        exactness::callers_at_once_spend_exactly_the_allotment,
    ),
    (
        "exactness::clients_at_once_spend_exactly_their_parts",
        exactness::clients_at_once_spend_exactly_their_parts,
    ),
    (
        "exactness::what_was_charged_is_what_was_admitted",
        exactness::what_was_charged_is_what_was_admitted,
    ),
    (
        "exactness::organizations_do_not_touch_each_other",
        exactness::organizations_do_not_touch_each_other,
    ),
    (
        "killed_clients::a_thousand_killed_clients_leave_nothing_in_progress",
        killed_clients::a_thousand_killed_clients_leave_nothing_in_progress,
    ),
    (
        "kubernetes::manifests_are_what_their_kinds_allow",
        kubernetes::manifests_are_what_their_kinds_allow,
    ),
    (
        "kubernetes::every_manifest_is_in_a_kustomization",
        kubernetes::every_manifest_is_in_a_kustomization,
    ),
    (
        "kubernetes::envoy_charges_by_the_configuration_of_every_manifest",
        kubernetes::envoy_charges_by_the_configuration_of_every_manifest,
    ),
    (
        "kubernetes::envoy_accepts_what_manifests_patch_into_it",
        kubernetes::envoy_accepts_what_manifests_patch_into_it,
    ),
    (
        "operations::every_operation_costs_what_the_price_list_says",
        operations::every_operation_costs_what_the_price_list_says,
    ),
    (
        "operations::bulk_calls_are_priced_by_their_records",
        operations::bulk_calls_are_priced_by_their_records,
    ),
    (
        "operations::lists_are_priced_by_their_depth",
        operations::lists_are_priced_by_their_depth,
    ),
    (
        "order::filters_that_answer_or_authenticate_belong_in_front",
        order::filters_that_answer_or_authenticate_belong_in_front,
    ),
    (
        "order::a_cache_belongs_behind",
        order::a_cache_belongs_behind,
    ),
    (
        "order::what_unpacks_bodies_belongs_in_front",
        order::what_unpacks_bodies_belongs_in_front,
    ),
    (
        "package::an_image_holds_the_module_as_fetchers_want_it",
        package::an_image_holds_the_module_as_fetchers_want_it,
    ),
    (
        "package::the_same_module_gives_the_same_image",
        package::the_same_module_gives_the_same_image,
    ),
    (
        "package::the_bill_of_materials_lists_what_is_in_the_module",
        package::the_bill_of_materials_lists_what_is_in_the_module,
    ),
    (
        "debugger::gdb_stops_in_the_source_of_a_filter",
        debugger::gdb_stops_in_the_source_of_a_filter,
    ),
    (
        "debugger::lldb_stops_in_the_source_of_a_filter",
        debugger::lldb_stops_in_the_source_of_a_filter,
    ),
    (
        "debugger::gdb_stops_in_the_source_of_a_stripped_filter_with_a_twin",
        debugger::gdb_stops_in_the_source_of_a_stripped_filter_with_a_twin,
    ),
    (
        "recording::what_envoy_taps_is_a_scenario_that_holds",
        recording::what_envoy_taps_is_a_scenario_that_holds,
    ),
    (
        "run_command::make_run_serves_what_it_prints_and_stops_on_ctrl_c",
        run_command::make_run_serves_what_it_prints_and_stops_on_ctrl_c,
    ),
    (
        "run_command::a_refused_configuration_is_explained",
        run_command::a_refused_configuration_is_explained,
    ),
    (
        "run_command::a_taken_port_is_explained",
        run_command::a_taken_port_is_explained,
    ),
    (
        "tokens::a_token_says_what_its_organization_may_use",
        tokens::a_token_says_what_its_organization_may_use,
    ),
    (
        "tokens::tokens_that_describe_nobody_are_charged_to_nobody",
        tokens::tokens_that_describe_nobody_are_charged_to_nobody,
    ),
    (
        "uploads::a_body_without_end_is_not_waited_for",
        uploads::a_body_without_end_is_not_waited_for,
    ),
    (
        "uploads::a_body_that_is_late_is_not_waited_for",
        uploads::a_body_that_is_late_is_not_waited_for,
    ),
    (
        "websockets::open_websockets_are_calls_in_progress",
        websockets::open_websockets_are_calls_in_progress,
    ),
    (
        "websockets::websockets_over_http2_are_calls_in_progress",
        websockets::websockets_over_http2_are_calls_in_progress,
    ),
];

/// What needs the module of an older commit as well.
const OF_HISTORY: &[(&str, Test)] = &[(
    "delivery::an_older_module_and_this_one_read_each_others_accounts",
    delivery::an_older_module_and_this_one_read_each_others_accounts,
)];

/// What needs Prometheus as well.
const OF_PROMETHEUS: &[(&str, Test)] = &[
    (
        "operators::they_look_at_all_organizations_on_a_listener_of_their_own",
        operators::they_look_at_all_organizations_on_a_listener_of_their_own,
    ),
    (
        "statistics::every_alert_fires_when_it_should_and_not_otherwise",
        statistics::every_alert_fires_when_it_should_and_not_otherwise,
    ),
    (
        "statistics::prometheus_tells_refusals_apart_by_their_reason",
        statistics::prometheus_tells_refusals_apart_by_their_reason,
    ),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let artifacts = Artifacts::obtain()?;
    let world = Arc::new(World {
        envoy: EnvoyTarget::new(artifacts.clone())?,
        artifacts,
        prometheus: Programs::obtain()?,
    });
    let trial = |&(name, test): &(&str, Test)| {
        let world = Arc::clone(&world);
        Trial::test(name, move || {
            test(&world).map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let some = |tests: &'static [(&str, Test)], missing| {
        let trials = tests.iter().map(&trial);
        trials.map(move |trial| trial.with_ignored_flag(missing))
    };
    let trials = some(TESTS, false)
        .chain(some(OF_HISTORY, !artifacts::has_older_module()))
        .chain(some(OF_PROMETHEUS, world.prometheus.is_none()));
    Ok(libtest_mimic::run(&arguments, trials.collect()).exit_code())
}

/// The example configuration that operators copy.
fn example() -> anyhow::Result<Value> {
    let text = std::fs::read(artifacts::root().join("envoy/filter.json"))
        .context("cannot read envoy/filter.json")?;
    Ok(serde_json::from_slice(&text)?)
}

/// Envoy with four workers and this configuration, as in envoy/envoy.yaml.
fn serve(world: &World, config: &Value) -> anyhow::Result<Box<EnvoySession>> {
    let setup = Setup {
        filters: vec![Filter {
            plugin: PluginSettings {
                name: "api_credits".to_owned(),
                vm_id: "api-credits".to_owned(),
                allow_on_headers_stop_iteration: true,
                ..PluginSettings::default()
            },
            config: ConfigText::verbatim(&config.to_string()),
            ..Filter::default()
        }],
        workers: WORKERS,
        ..Setup::default()
    };
    match world.envoy.serve(&setup)? {
        Served::Running(session) => Ok(session),
        Served::Rejected(log) => anyhow::bail!("the configuration is refused: {log:?}"),
    }
}

/// Envoy's workers in these tests.
const WORKERS: u32 = 4;
