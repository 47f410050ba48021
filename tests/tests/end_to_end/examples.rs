//! The examples for Istio and Envoy Gateway, run as these run them: without what they cannot set.

use std::fs;

use anyhow::Context as _;
use api_credits_tests::artifacts::{headers_module, root};
use api_credits_tests::envoy::Served;
use host_sim::scenario::ConfigText;
use host_sim::target::{Filter, Request, Session as _, Setup};
use serde_json::{Deserializer, Value};

use crate::World;
use crate::exactness::{COST, REMAINING, number};

pub(crate) fn istio_and_envoy_gateway_accept_their_examples(world: &World) -> anyhow::Result<()> {
    let module = headers_module()?;
    for (file, key) in [("istio.yaml", "pluginConfig:"), ("gateway.yaml", "config:")] {
        let setup = Setup {
            filters: vec![Filter {
                module: Some(module.clone()),
                config: ConfigText::verbatim(&document(file, key)?.to_string()),
                ..Filter::default()
            }],
            ..Setup::default()
        };
        let mut session = match world.envoy.serve(&setup)? {
            Served::Running(session) => session,
            Served::Rejected(log) => anyhow::bail!("{file}: {log:?}"),
        };
        let update = Request {
            method: "POST".to_owned(),
            path: "/api/v1/tickets/updateMany".to_owned(),
            headers: vec![("orgId".to_owned(), "2389290".to_owned())],
            body: vec![b"{\"ids\":[1,2,3]}".to_vec()],
            ..Request::default()
        };
        let exchange = session.exchange(&update)?;
        assert_eq!(
            (
                exchange.status,
                number(&exchange, COST)?,
                number(&exchange, REMAINING)?
            ),
            (200, 25, 80_975),
            "{file}"
        );
    }
    Ok(())
}

/// The filter's configuration in a Kubernetes resource: JSON, which is YAML too, after this key.
fn document(file: &str, key: &str) -> anyhow::Result<Value> {
    let text = fs::read_to_string(root().join("envoy").join(file))?;
    let (_, json) = text
        .split_once(key)
        .with_context(|| format!("no {key} in {file}"))?;
    let value = Deserializer::from_str(json)
        .into_iter()
        .next()
        .context("no configuration")?;
    value.with_context(|| format!("{file}: {key}"))
}
