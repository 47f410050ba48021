//! All organizations at once, whichever Envoy an operator asks.

use anyhow::{Context as _, ensure};
use api_credits_tests::engine::cluster::{Cluster, Way, config};
use api_credits_tests::engine::gateway::Gateway;
use api_credits_tests::engine::program::Program;
use api_credits_tests::engine::server::{FILTER, Server, Settings};
use api_credits_tests::example::Example;
use serde_json::{Value, json};

use crate::World;
use crate::scene::until;

const ALLOTMENT: u64 = 100;
const OPERATOR: [(&str, &str); 1] = [("x-operator", "yes")];

/// The configuration of the other tests, with operators, and organizations that calls describe.
fn configured(engine: &Value) -> anyhow::Result<Value> {
    let mut config = config(ALLOTMENT, engine)?;
    let document = config.as_object_mut().context("no object")?;
    let operators = json!({ "identity": { "header": "x-operator" }, "values": ["yes"] });
    document.insert("operators".to_owned(), operators);
    let attributes = json!({ "edition": { "header": "x-edition" } });
    document.insert("attributes".to_owned(), attributes);
    Ok(config)
}

/// What an operator reads of each organization: its id, what is used, its credits and its edition.
async fn organizations(envoy: &Example) -> anyhow::Result<(Value, Vec<Value>)> {
    let path = "/api-credits/organizations.json?sort=organization";
    let answer = envoy.get(path, &OPERATOR).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let document: Value = serde_json::from_slice(&answer.body)?;
    let rows = document.get("organizations").and_then(Value::as_array);
    let rows = rows.context("no organizations")?.iter();
    let rows = rows.map(|row| {
        let member = |name| row.get(name).cloned().unwrap_or_default();
        json!([
            member("organization"),
            member("used"),
            member("limit"),
            member("edition")
        ])
    });
    let rows = rows.collect();
    Ok((document.get("elsewhere").cloned().unwrap_or_default(), rows))
}

/// Both Envoys serve the listed organization, and one of them another one each.
async fn serve(cluster: &Cluster) -> anyhow::Result<()> {
    for (index, envoy) in cluster.envoys.iter().enumerate() {
        let described = format!("described-{index}");
        for (path, organization) in [("/3", "7"), ("/7", described.as_str())] {
            let headers = [("orgId", organization), ("x-edition", "Test")];
            let answer = envoy.get(path, &headers).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
    }
    Ok(())
}

async fn everybody_sees_the_same(cluster: &Cluster) -> anyhow::Result<()> {
    for (index, envoy) in cluster.envoys.iter().enumerate() {
        // Only who serves an organization knows its edition.
        let edition = |at| {
            if at == index {
                json!("Test")
            } else {
                Value::Null
            }
        };
        let expected = vec![
            json!(["7", 6, ALLOTMENT, "Test"]),
            json!(["described-0", 7, ALLOTMENT, edition(0)]),
            json!(["described-1", 7, ALLOTMENT, edition(1)]),
        ];
        let mut seen = (Value::Null, Vec::new());
        let same = until(
            "an operator sees what all Envoys have charged",
            async || {
                seen = organizations(envoy).await?;
                Ok(seen.1 == expected)
            },
        );
        same.await
            .with_context(|| format!("{seen:?}, expected {expected:?}"))?;
        assert_eq!(seen.0, json!({ "known": true }));
    }
    Ok(())
}

pub(crate) fn an_operator_sees_all_organizations_of_all_envoys(
    world: &World,
) -> anyhow::Result<()> {
    all_organizations(world, &world.valkey)
}

pub(crate) fn an_operator_sees_all_organizations_with_redis(world: &World) -> anyhow::Result<()> {
    all_organizations(world, world.redis.as_ref().context("no Redis")?)
}

fn all_organizations(world: &World, program: &Program) -> anyhow::Result<()> {
    let config = configured(&json!({}))?;
    world.runtime.block_on(async {
        let server = Server::start(program, Settings::default()).await?;
        let way = Way::Resp(vec![(server.address, None)]);
        let cluster = Cluster::start(&world.artifacts, &way, &config).await?;
        serve(&cluster).await?;
        everybody_sees_the_same(&cluster).await?;
        // Far more than a page of the survey.
        for tens in 0..200 {
            let names = (0..10)
                .map(|n| format!("api_credits:{{1/other/organization/{tens}-{n}}}:2026-11-30"));
            for name in names {
                server.command(&["HSET", &name, "used", "1"]).await?;
            }
        }
        everybody_sees_the_same(&cluster).await?;
        // Who may not look at all names is told so, and sees what this Envoy knows.
        let denied = server
            .command(&["ACL", "SETUSER", FILTER.0, "-scan"])
            .await?;
        ensure!(denied == "+OK", "{denied}");
        let envoy = cluster.envoys.first().context("no Envoy")?;
        until("the denial is told", async || {
            let (elsewhere, rows) = organizations(envoy).await?;
            let reason = elsewhere.get("reason").and_then(Value::as_str);
            Ok(
                reason.is_some_and(|reason| reason.contains("refuses the filter"))
                    && rows.len() == 2,
            )
        })
        .await?;
        // Another worker may have asked just before.
        until("the page tells it as well", async || {
            let headers = [OPERATOR[0], ("accept", "text/html")];
            let page = envoy.get("/api-credits", &headers).await?;
            let page = String::from_utf8_lossy(&page.body).into_owned();
            Ok(page.contains("organizations that only they serve may be missing"))
        })
        .await?;
        Ok(())
    })
}

pub(crate) fn an_operator_sees_all_organizations_through_webdis(
    world: &World,
) -> anyhow::Result<()> {
    let webdis = world.webdis.as_ref().context("no Webdis")?;
    let open = Settings {
        open: true,
        ..Settings::default()
    };
    let transport = json!({ "webdis": { "cluster": "credits_engine", "authority": "webdis" } });
    let config = configured(&json!({ "transport": transport }))?;
    world.runtime.block_on(async {
        let server = Server::start(&world.valkey, open).await?;
        let gateway = Gateway::start(webdis, &server).await?;
        let way = Way::Webdis(gateway.address);
        let cluster = Cluster::start(&world.artifacts, &way, &config).await?;
        serve(&cluster).await?;
        everybody_sees_the_same(&cluster).await
    })
}
