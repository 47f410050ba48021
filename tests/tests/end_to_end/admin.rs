//! Envoy's admin interface, closed but for what Prometheus and probes ask for.

use std::fs;

use anyhow::ensure;
use api_credits_tests::artifacts::root;
use api_credits_tests::client;
use api_credits_tests::example::Example;

use crate::{World, example};

pub(crate) fn it_can_be_closed_but_for_the_statistics(world: &World) -> anyhow::Result<()> {
    let documented = fs::read_to_string(root().join("envoy/README.md"))?;
    let allowed = "allow_paths: [{ prefix: /stats/prometheus }, { exact: /ready }]";
    ensure!(documented.contains(allowed), "{allowed} is not documented");
    // `envoy/run` asks for the listeners, and tests for statistics.
    let allowed = allowed.replace("}]", "}, { prefix: /listeners }]");
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let yaml = yaml.replace("\nadmin:\n", &format!("\nadmin:\n  {allowed}\n"));
    let envoy = Example::start(&world.artifacts, &yaml, &example()?, 1)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for (path, status) in [
            ("/stats/prometheus?filter=api_credits", 200),
            ("/ready", 200),
            ("/config_dump", 403),
            ("/stats", 403),
            ("/logging", 403),
        ] {
            assert_eq!(
                client::get(envoy.admin, path).await?.status,
                status,
                "{path}"
            );
        }
        Ok(())
    })
}
