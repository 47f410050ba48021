//! What real client libraries make of the filter's answers: which refusals they repeat, and when, and what clients of gRPC and its
//! relatives read.

mod protocols;
mod repeating;

use std::process::ExitCode;
use std::sync::Arc;

use api_credits_tests::artifacts::Artifacts;
use api_credits_tests::clients::Clients;
use libtest_mimic::{Arguments, Failed, Trial};

/// What the tests share.
struct World {
    artifacts: Artifacts,
    clients: Clients,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let world = Arc::new(World {
        artifacts: Artifacts::obtain()?,
        clients: Clients::obtain()?,
    });
    let trials = repeating::LIBRARIES.iter().map(|library| {
        trial(&world, format!("repeating::{}", library.name), |world| {
            repeating::reads_refusals_right(world, library)
        })
    });
    let mut trials: Vec<_> = trials.collect();
    trials.push(trial(
        &world,
        "protocols::clients_read_refusals_that_filters_in_front_translate".to_owned(),
        protocols::clients_read_refusals_that_filters_in_front_translate,
    ));
    trials.push(trial(
        &world,
        "protocols::clients_of_grpc_web_read_refusals_that_nobody_translates".to_owned(),
        protocols::clients_of_grpc_web_read_refusals_that_nobody_translates,
    ));
    trials.push(trial(
        &world,
        "protocols::a_transcoded_call_has_the_price_of_its_side".to_owned(),
        protocols::a_transcoded_call_has_the_price_of_its_side,
    ));
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trial(
    world: &Arc<World>,
    name: String,
    test: impl Fn(&World) -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    let world = Arc::clone(world);
    Trial::test(name, move || {
        test(&world).map_err(|error| Failed::from(format!("{error:#}")))
    })
}
