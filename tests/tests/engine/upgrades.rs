//! An older module beside this one, in two Envoys with one engine: as during an upgrade, and during a rollback.

use anyhow::ensure;
use api_credits_tests::artifacts::{Artifacts, older_module};
use api_credits_tests::client::Response;
use api_credits_tests::engine::cluster::{ORGANIZATION, Way, config, yaml};
use api_credits_tests::engine::server::{Server, Settings};
use api_credits_tests::example::{Example, number};
use serde_json::json;

use crate::World;
use crate::scene::until;

const ALLOTMENT: u64 = 100;
const CALLER: [(&str, &str); 1] = [("orgId", ORGANIZATION)];

pub(crate) fn an_older_module_and_this_one_share_one_allotment(
    world: &World,
) -> anyhow::Result<()> {
    let older = Artifacts {
        module: older_module()?,
        ..world.artifacts.clone()
    };
    let starting = Server::start(&world.valkey, Settings::default());
    let server = world.runtime.block_on(starting)?;
    let yaml = yaml(&Way::Resp(vec![(server.address, None)]))?;
    let mut config = config(ALLOTMENT, &json!({ "lease": 1 }))?;
    // A key that the older one does not know.
    if let Some(members) = config.as_object_mut() {
        members.remove("$schema");
    }
    let start = |artifacts| Example::start(artifacts, &yaml, &config, 2);
    let (older, newer) = (start(&older)?, start(&world.artifacts)?);
    world.runtime.block_on(async {
        for envoy in [&older, &newer] {
            envoy
                .until_stat("cluster.credits_engine.membership_healthy", 1)
                .await?;
        }
        // In turns, until neither has anything left for a call of three credits.
        let mut admitted = 0_u64;
        let mut refused = 0_u32;
        while refused < 2 {
            refused = 0;
            for envoy in [&older, &newer] {
                match envoy.get("/3", &CALLER).await? {
                    Response { status: 200, .. } => admitted = admitted.saturating_add(1),
                    Response { status: 429, .. } => refused = refused.saturating_add(1),
                    other => anyhow::bail!("{other:?}"),
                }
            }
            ensure!(
                admitted.saturating_mul(3) <= ALLOTMENT,
                "{admitted} calls are paid"
            );
        }
        // What one holds and cannot spend is small.
        ensure!(admitted >= 31, "only {admitted} calls are paid");
        let expected = admitted.saturating_mul(3);
        for envoy in [&older, &newer] {
            until("both know what is used", async || {
                let used = number(&envoy.usage(&CALLER).await?, "/used")?;
                ensure!(used <= expected, "{used}, expected {expected}");
                Ok(used == expected)
            })
            .await?;
        }
        Ok(())
    })
}
