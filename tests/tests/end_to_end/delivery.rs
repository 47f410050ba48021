//! A configuration that changes while Envoy runs: `envoy/ecds.yaml` and the file that it watches, as an operator uses them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{older_module, root};
use api_credits_tests::client::Response;
use api_credits_tests::example::Example;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::exactness::{COST, REMAINING};
use crate::{WORKERS, World};

/// A list of tickets, for three credits.
const LIST: &str = "/api/v1/tickets";
/// Organization 7 of the example, which has ten credits a day.
const DEMO: (&str, &str) = ("orgId", "7");
/// What Envoy counts of deliveries.
const STATS: &str = "extension_config_discovery.http_filter.api_credits";

/// The example's watched folder, in a place of the test's own.
struct Watched {
    folder: TempDir,
    /// What the example delivers, with the module of the test.
    resource: String,
}

impl Watched {
    fn new(world: &World) -> anyhow::Result<Self> {
        let resource = fs::read_to_string(root().join("envoy/ecds/api_credits.yaml"))?;
        let module = world.artifacts.module.to_string_lossy();
        Ok(Self {
            folder: tempfile::tempdir()?,
            resource: replaced(&resource, "target/api_credits.wasm", &module)?,
        })
    }

    /// Envoy's configuration, which watches this folder.
    fn yaml(&self) -> anyhow::Result<String> {
        let yaml = fs::read_to_string(root().join("envoy/ecds.yaml"))?;
        let folder = self.folder.path().to_string_lossy();
        let path = format!("path: {folder}/api_credits.yaml");
        let yaml = replaced(&yaml, "path: envoy/ecds/api_credits.yaml", &path)?;
        let path = format!("watched_directory: {{ path: {folder} }}");
        replaced(&yaml, "watched_directory: { path: envoy/ecds }", &path)
    }

    /// Moves another configuration into the place of the one before, as the example says.
    fn deliver(&self, resource: &str) -> anyhow::Result<()> {
        let file = |name: &str| Path::new(self.folder.path()).join(name);
        fs::write(file("next.yaml"), resource)?;
        Ok(fs::rename(file("next.yaml"), file("api_credits.yaml"))?)
    }
}

/// The text with the only place where it says `old` saying `new`.
fn replaced(text: &str, old: &str, new: &str) -> anyhow::Result<String> {
    ensure!(text.matches(old).count() == 1, "not one {old:?} in {text}");
    Ok(text.replace(old, new))
}

pub(crate) fn credits_bought_while_envoy_runs_pay_for_the_next_call(
    world: &World,
) -> anyhow::Result<()> {
    let watched = Watched::new(world)?;
    watched.deliver(&watched.resource)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let example = Example::start(&world.artifacts, &watched.yaml()?, &Value::Null, WORKERS)?;
        for charged in [(200, 3, 7), (200, 3, 4), (200, 3, 1), (429, 0, 1)] {
            assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, charged);
        }

        let bought = replaced(
            &watched.resource,
            r#""edition": "Demo""#,
            r#""edition": "Demo", "additional": 5"#,
        )?;
        watched.deliver(&bought)?;
        example
            .until_stat(&format!("{STATS}.update_success"), 2)
            .await?;
        assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (200, 3, 3));

        // What makes no sense changes nothing.
        let wrong = replaced(&bought, r#""additional": 5"#, r#""additional": -5"#)?;
        watched.deliver(&wrong)?;
        example
            .until_stat(&format!("{STATS}.update_rejected"), 1)
            .await?;
        assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (200, 3, 0));
        let usage = example.usage(&[DEMO]).await?;
        let told = [
            "/limit",
            "/used",
            "/remaining",
            "/allotment/additional/allotted",
        ];
        assert_eq!(
            told.map(|place| usage.pointer(place).cloned().unwrap_or_default()),
            [json!(15), json!(15), json!(0), json!(5)]
        );
        Ok(())
    })
}

pub(crate) fn without_a_first_configuration_nothing_is_served(world: &World) -> anyhow::Result<()> {
    let watched = Watched::new(world)?;
    watched.deliver(&replaced(
        &watched.resource,
        r#""base": 10"#,
        r#""base": -10"#,
    )?)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let example = Example::start(&world.artifacts, &watched.yaml()?, &Value::Null, WORKERS)?;
        assert_eq!(example.get(LIST, &[DEMO]).await?.status, 500);

        watched.deliver(&watched.resource)?;
        example
            .until_stat(&format!("{STATS}.update_success"), 1)
            .await?;
        assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (200, 3, 7));
        Ok(())
    })
}

pub(crate) fn an_older_module_and_this_one_read_each_others_accounts(
    world: &World,
) -> anyhow::Result<()> {
    let watched = Watched::new(world)?;
    let module = world.artifacts.module.to_string_lossy();
    let older = replaced(
        &watched.resource,
        &module,
        &older_module()?.to_string_lossy(),
    )?;
    watched.deliver(&older)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let example = Example::start(&world.artifacts, &watched.yaml()?, &Value::Null, WORKERS)?;
        assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (200, 3, 7));
        // An upgrade, and a rollback.
        for (delivered, (resource, left)) in [(&watched.resource, 4), (&older, 1)]
            .into_iter()
            .enumerate()
        {
            watched.deliver(resource)?;
            let delivered = u64::try_from(delivered)?.saturating_add(2);
            example
                .until_stat(&format!("{STATS}.update_success"), delivered)
                .await?;
            assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (200, 3, left));
        }
        assert_eq!(numbers(&example.get(LIST, &[DEMO]).await?)?, (429, 0, 1));
        Ok(())
    })
}

/// Status, cost and what is left.
fn numbers(response: &Response) -> anyhow::Result<(u16, u64, u64)> {
    let number = |name: &str| {
        let value = response.headers.get(name);
        let value = value.with_context(|| format!("no {name} in {response:?}"))?;
        anyhow::Ok(value.to_str()?.parse()?)
    };
    Ok((response.status, number(COST)?, number(REMAINING)?))
}
