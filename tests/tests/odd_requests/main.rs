//! Odd requests and odd answers through `host-sim serve` and through the real Envoy, set up alike: clients and upstreams are to see the same.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod cases;
mod host;
mod two;
mod upgrade;
mod upstream;
mod wire;

use anyhow::ensure;
use api_credits_tests::artifacts::Artifacts;

use cases::{ANSWERS, Case, cases};
use host::{Host, Setting};
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
    let envoy = Host::envoy(&artifacts.envoy, behind_envoy.address, Setting::One)?;
    let sim = Host::sim(behind_sim.address, Setting::One)?;
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

#[tokio::test(flavor = "multi_thread")]
async fn serve_speaks_http2_on_either_side_as_envoy_does() -> anyhow::Result<()> {
    let artifacts = Artifacts::obtain()?;
    let behind_envoy = two::Upstream::start().await?;
    let behind_sim = two::Upstream::start().await?;
    let envoy_address = behind_envoy.address;
    let program = artifacts.envoy.clone();
    let envoy =
        tokio::task::spawn_blocking(move || Host::envoy(&program, envoy_address, Setting::Two))
            .await??;
    let address = behind_sim.address;
    let sim = tokio::task::spawn_blocking(move || Host::sim(address, Setting::Two)).await??;
    behind_envoy.take();
    behind_sim.take();
    let mut different = Vec::new();
    for path in two::PATHS {
        // What comes of a request whose end is never said is looked at where the answer does not wait for it.
        let bodies = match path.starts_with("/early") {
            true => [Some(false), Some(true)],
            false => [None, Some(true)],
        };
        for body in bodies {
            // Whether an answer to half a request comes before its end, which this header tells, is a race where that end is said.
            let races = path.starts_with("/early") && body == Some(true);
            let comparable = |answer: String| match races {
                true => answer.replace(", x-envoy-upstream-service-time: …", ""),
                false => answer,
            };
            let expected = (
                comparable(two::call(envoy.address, path, body).await?),
                behind_envoy.take(),
            );
            let found = (
                comparable(two::call(sim.address, path, body).await?),
                behind_sim.take(),
            );
            if expected != found {
                different.push(format!(
                    "{path} {body:?}\n  Envoy: {expected:#?}\n  serve: {found:#?}"
                ));
            }
        }
        let case = Case {
            name: (*path).to_owned(),
            request: format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
            answers: 1,
            breaks_off: false,
        };
        let (expected, found) = tokio::task::block_in_place(|| {
            (
                wire::call(envoy.address, &case),
                wire::call(sim.address, &case),
            )
        });
        let expected = (expected?, behind_envoy.take());
        let found = (found?, behind_sim.take());
        if expected != found {
            different.push(format!(
                "{path} of HTTP/1\n  Envoy: {expected:#?}\n  serve: {found:#?}"
            ));
        }
    }
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_gives_clients_of_http2_what_an_upstream_of_http1_says_as_envoy_does()
-> anyhow::Result<()> {
    let artifacts = Artifacts::obtain()?;
    let behind_envoy = Upstream::start(ANSWERS)?;
    let behind_sim = Upstream::start(ANSWERS)?;
    let (program, address) = (artifacts.envoy.clone(), behind_envoy.address);
    let envoy =
        tokio::task::spawn_blocking(move || Host::envoy(&program, address, Setting::One)).await??;
    let address = behind_sim.address;
    let sim = tokio::task::spawn_blocking(move || Host::sim(address, Setting::One)).await??;
    behind_envoy.take();
    behind_sim.take();
    let mut different = Vec::new();
    // This client refuses `te` in an answer, which Envoy passes on and host-sim's server leaves out.
    let answers = ANSWERS.iter().filter(|(path, _)| *path != "/hop");
    for (path, _) in answers {
        for body in [None, Some(true)] {
            let expected = (
                two::call(envoy.address, path, body).await?,
                behind_envoy.take(),
            );
            let found = (two::call(sim.address, path, body).await?, behind_sim.take());
            if expected != found {
                different.push(format!(
                    "{path} {body:?}\n  Envoy: {expected:#?}\n  serve: {found:#?}"
                ));
            }
        }
    }
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

#[test]
fn serve_lets_clients_go_on_in_another_protocol_as_envoy_does() -> anyhow::Result<()> {
    let artifacts = Artifacts::obtain()?;
    let behind_envoy = upgrade::Upstream::start()?;
    let behind_sim = upgrade::Upstream::start()?;
    let envoy = Host::envoy(&artifacts.envoy, behind_envoy.address, Setting::Upgrades)?;
    let sim = Host::sim(behind_sim.address, Setting::Upgrades)?;
    behind_envoy.take();
    behind_sim.take();
    let mut different = Vec::new();
    for path in upgrade::PATHS {
        let expected = (upgrade::call(envoy.address, path)?, behind_envoy.take());
        let found = (upgrade::call(sim.address, path)?, behind_sim.take());
        if expected != found {
            different.push(format!(
                "{path}\n  Envoy: {expected:#?}\n  serve: {found:#?}"
            ));
        }
    }
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}
