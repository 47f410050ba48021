//! Operators on a listener of their own, as `envoy/README.md` has it, and what Prometheus reads there of each organization.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::client::{Connection, Response};
use api_credits_tests::example::Example;
use host_sim::target::{HttpVersion, Request};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{World, example};

const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(100);

/// The block of `envoy/README.md` that is fenced like this and has this in it.
fn snippet(language: &str, text: &str) -> anyhow::Result<String> {
    let readme = fs::read_to_string(root().join("envoy/README.md"))?;
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains(text));
    Ok(block
        .with_context(|| format!("no block with {text}"))?
        .to_owned())
}

/// The example with another listener like that for the API, which has the metadata of the README.
fn with_listener() -> anyhow::Result<String> {
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let (before, rest) = yaml
        .split_once("    - name: api\n")
        .context("no listener")?;
    let (api, rest) = rest
        .split_once("\n    # A small API")
        .context("no end of it")?;
    let metadata = snippet("yaml", "filter_metadata")?;
    let metadata: String = metadata
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    let operators = api.replace("port_value: ${PORT}", "port_value: 0");
    Ok(format!(
        "{before}    - name: api\n{api}\n    - name: operators\n{metadata}{operators}\n    # A small API{rest}"
    ))
}

async fn ask(envoy: &Example, path: &str) -> anyhow::Result<Response> {
    let request = Request {
        path: path.to_owned(),
        ..Request::default()
    };
    let operators = envoy.listener("operators").await?;
    let mut connection = Connection::open(operators, HttpVersion::One).await?;
    connection.send(&request).await
}

pub(crate) fn they_look_at_all_organizations_on_a_listener_of_their_own(
    world: &World,
) -> anyhow::Result<()> {
    let mut config = example()?;
    let operators = snippet("json", "\"operators\"")?;
    let operators: Value = serde_json::from_str(&format!("{{{operators}}}"))?;
    let document = config.as_object_mut().context("no object")?;
    document.extend(operators.as_object().context("no object")?.clone());
    let envoy = Example::start(&world.artifacts, &with_listener()?, &config, 2)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let demo = [("orgId", "7")];
        for _ in 0..3 {
            assert_eq!(envoy.get("/api/v1/tickets", &demo).await?.status, 200);
        }
        // On the listener of tenants the path is an ordinary one.
        let tenant = envoy.get("/api-credits", &demo).await?;
        ensure!(
            String::from_utf8_lossy(&tenant.body).contains("reached"),
            "{tenant:?}"
        );
        let answer = ask(&envoy, "/api-credits/organizations.json").await?;
        let overview: Value = serde_json::from_slice(&answer.body)?;
        let used = |organization: &str| {
            let rows = overview.get("organizations")?.as_array()?;
            let row = rows
                .iter()
                .find(|row| row.get("organization") == Some(&json!(organization)));
            row?.get("used")?.as_u64()
        };
        assert_eq!(
            (used("7"), used("2389290")),
            (Some(10), Some(0)),
            "{overview}"
        );
        // What is no look at all organizations is a call like every other there.
        assert_eq!(ask(&envoy, "/api/v1/tickets").await?.status, 401);

        let programs = world
            .prometheus
            .as_ref()
            .context("there is no Prometheus")?;
        let operators = envoy.listener("operators").await?;
        let prometheus = programs.scrape_both(envoy.admin, Some(operators)).await?;
        let query = "max by (organization) (api_credits_organization_used_ratio) > 0.9";
        let expected = BTreeMap::from([("7".to_owned(), "1".to_owned())]);
        let until = Instant::now()
            .checked_add(PATIENCE)
            .context("no clock goes that far")?;
        loop {
            let samples = prometheus.query(query).await?;
            let text =
                |sample: &Value, pointer| Some(sample.pointer(pointer)?.as_str()?.to_owned());
            let observed: BTreeMap<_, _> = samples
                .iter()
                .filter_map(|sample| {
                    Some((
                        text(sample, "/metric/organization")?,
                        text(sample, "/value/1")?,
                    ))
                })
                .collect();
            if observed == expected {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "{observed:?}, expected {expected:?}"
            );
            sleep(INTERVAL).await;
        }
    })
}
