//! What operators see of the filter: alerts that promtool has tested, and a real Prometheus that scrapes a real Envoy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits::show::metrics::Metric;
use api_credits_tests::artifacts::root;
use api_credits_tests::example::Example;
use api_credits_tests::prometheus::{Programs, Prometheus, folder};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{World, example};

/// How long a scrape may take; other tests want the same two cores.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn every_alert_fires_when_it_should_and_not_otherwise(
    world: &World,
) -> anyhow::Result<()> {
    let programs = programs(world)?;
    programs.promtool(&["check", "config"], &folder().join("prometheus.yaml"))?;
    let tests = root().join("tests/prometheus/rules.yaml");
    let said = programs.promtool(&["test", "rules"], &tests)?;
    ensure!(said.contains("SUCCESS"), "{said}");
    let rules = fs::read_to_string(folder().join("rules.yaml"))?;
    let tests = fs::read_to_string(tests)?;
    for alert in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        ensure!(
            tests.contains(&format!("        alertname: {alert}\n"))
                && tests.contains(&format!("alertname: {alert}, exp_alerts: []")),
            "{alert} is not tested"
        );
    }
    Ok(())
}

pub(crate) fn prometheus_tells_refusals_apart_by_their_reason(world: &World) -> anyhow::Result<()> {
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let envoy = Example::start(&world.artifacts, &yaml, &example()?, 2)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let demo = [("orgId", "7")];
        for status in [200, 200, 200, 429] {
            assert_eq!(envoy.get("/api/v1/tickets", &demo).await?.status, status);
        }
        assert_eq!(envoy.get("/api/v1/tickets", &[]).await?.status, 401);
        let prometheus = programs(world)?.scrape(envoy.admin).await?;

        let query = "sum by (reason) (api_credits_calls_refused) > 0";
        let expected = BTreeMap::from([
            ("daily_credits".to_owned(), 1),
            ("no_organization".to_owned(), 1),
        ]);
        let until = Instant::now()
            .checked_add(PATIENCE)
            .context("no clock goes that far")?;
        loop {
            let observed = by_reason(&prometheus, query).await?;
            if observed == expected {
                break;
            }
            ensure!(
                Instant::now() < until,
                "{observed:?}, expected {expected:?}"
            );
            sleep(INTERVAL).await;
        }
        let charged = prometheus.query("api_credits_credits_charged").await?;
        let value = charged
            .first()
            .and_then(|sample| sample.pointer("/value/1"));
        assert_eq!(value.and_then(Value::as_str), Some("9"));

        assert_eq!(series(&prometheus).await?, defined());
        rules_are_evaluated(&prometheus, until).await?;
        for query in dashboard()? {
            prometheus
                .query(&query)
                .await
                .with_context(|| query.clone())?;
        }
        Ok(())
    })
}

fn programs(world: &World) -> anyhow::Result<&Programs> {
    world.prometheus.as_ref().context("there is no Prometheus")
}

/// What a query finds, by the label `reason`.
async fn by_reason(prometheus: &Prometheus, query: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let samples = prometheus.query(query).await?;
    let samples = samples.iter().map(|sample| {
        let text = |pointer| sample.pointer(pointer).and_then(Value::as_str);
        let value = text("/value/1").context("no value")?.parse()?;
        Ok((text("/metric/reason").unwrap_or_default().to_owned(), value))
    });
    samples.collect()
}

/// The names of the filter's statistics as Prometheus has them, each with its reason.
async fn series(prometheus: &Prometheus) -> anyhow::Result<BTreeSet<(String, String)>> {
    let samples = prometheus.query("{__name__=~\"api_credits_.*\"}").await?;
    let samples = samples.iter().map(|sample| {
        let label = |pointer| sample.pointer(pointer).and_then(Value::as_str);
        let label = |pointer| label(pointer).unwrap_or_default().to_owned();
        (label("/metric/__name__"), label("/metric/reason"))
    });
    Ok(samples.collect())
}

/// The same as the filter defines them.
fn defined() -> BTreeSet<(String, String)> {
    let all = Metric::all().map(|metric| {
        let reason = match metric {
            Metric::CallsRefused(reason) | Metric::CallsNotRefused(reason) => reason.name(),
            Metric::EngineFailures(kind) => kind.name(),
            _ => "",
        };
        let name = metric.name();
        let name = name.trim_end_matches(reason).trim_end_matches('.');
        (name.replace('.', "_"), reason.to_owned())
    });
    all.collect()
}

/// Waits until every rule has been evaluated, without an error.
async fn rules_are_evaluated(prometheus: &Prometheus, until: Instant) -> anyhow::Result<()> {
    loop {
        let answer = prometheus.ask("rules").await?;
        let rules = answer
            .pointer("/data/groups/0/rules")
            .and_then(Value::as_array);
        let rules = rules.context("no rules")?;
        let healthy = |rule: &Value| rule.get("health").and_then(Value::as_str) == Some("ok");
        if !rules.is_empty() && rules.iter().all(healthy) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{answer}");
        sleep(INTERVAL).await;
    }
}

/// The queries of the dashboard, with what Grafana fills in.
fn dashboard() -> anyhow::Result<Vec<String>> {
    let text = fs::read(root().join("envoy/grafana/dashboard.json"))?;
    let dashboard: Value = serde_json::from_slice(&text)?;
    let panels = dashboard.get("panels").and_then(Value::as_array);
    let targets = panels
        .into_iter()
        .flatten()
        .filter_map(|panel| panel.get("targets")?.as_array())
        .flatten();
    let queries: Vec<_> = targets
        .filter_map(|target| target.get("expr")?.as_str())
        .map(|query| {
            query
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
        })
        .collect();
    ensure!(queries.len() > 10, "{queries:?}");
    ensure!(
        queries.iter().all(|query| !query.contains('$')),
        "{queries:?}"
    );
    Ok(queries)
}
