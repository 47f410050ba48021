//! Odd requests and odd answers through `host-sim serve` and through the real Envoy, set up alike: clients and upstreams are to see the same.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod cases;
mod host;
mod upstream;
mod wire;

use anyhow::ensure;
use api_credits_tests::artifacts::Artifacts;

use cases::{ANSWERS, Case, cases};
use host::Host;
use upstream::Upstream;

/// What a client and an upstream saw of a call.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    answers: Vec<String>,
    upstream: Vec<String>,
}

fn seen(host: &Host, upstream: &Upstream, case: &Case) -> anyhow::Result<Seen> {
    let answers = wire::call(host.address, case)?;
    let mut seen = upstream.take();
    if case.breaks_off {
        // Whether the upstream has the beginning by then is a matter of time.
        seen.clear();
    }
    let upstream = seen;
    Ok(Seen { answers, upstream })
}

#[test]
fn serve_treats_odd_requests_and_answers_as_envoy_does() -> anyhow::Result<()> {
    let artifacts = Artifacts::obtain()?;
    let behind_envoy = Upstream::start(ANSWERS)?;
    let behind_sim = Upstream::start(ANSWERS)?;
    let envoy = Host::envoy(&artifacts.envoy, behind_envoy.address)?;
    let sim = Host::sim(behind_sim.address)?;
    // What was asked to find out whether it serves.
    behind_envoy.take();
    let mut different = Vec::new();
    let cases = cases();
    for case in &cases {
        let expected = seen(&envoy, &behind_envoy, case)?;
        let found = seen(&sim, &behind_sim, case)?;
        if expected != found {
            let name = &case.name;
            different.push(format!(
                "{name}\n  Envoy: {expected:#?}\n  serve: {found:#?}"
            ));
        }
    }
    let (count, all) = (different.len(), cases.len());
    ensure!(
        different.is_empty(),
        "{count} of {all} differ:\n{}",
        different.join("\n")
    );
    Ok(())
}
