//! `envoy/kubernetes`: the manifests are what their kinds allow, and what they put into Envoy works there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::clients::Node;
use api_credits_tests::envoy::Served;
use host_sim::scenario::ConfigText;
use host_sim::target::{Filter, Request, Session as _, Setup};
use serde_json::{Value, json};

use crate::World;
use crate::exactness::{COST, REMAINING, number};

/// Where the manifests have the filter's configuration.
const CONFIGURATIONS: [(&str, &str); 3] = [
    ("istio/filter.yaml", "/spec/wasm/pluginConfig"),
    ("istio/wasm-plugin.yaml", "/spec/pluginConfig"),
    ("envoy-gateway/filter.yaml", "/spec/wasm/0/config"),
];

/// Where they have the engine's cluster.
const CLUSTERS: [(&str, &str); 2] = [
    ("istio/engine.yaml", "/spec/configPatches/0/patch/value"),
    (
        "envoy-gateway/engine.yaml",
        "/spec/jsonPatches/0/operation/value",
    ),
];

pub(crate) fn manifests_are_what_their_kinds_allow(_: &World) -> anyhow::Result<()> {
    let node = Node::obtain()?;
    let program = program(&node)?;
    let manifests = manifests()?;
    let validate = |files: &[PathBuf]| node.command(&program).args(files).output();
    let output = validate(&manifests)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}{complaint}");
    ensure!(said.lines().count() >= manifests.len(), "{said}");

    // It finds what an API server refuses, and what it drops without a word.
    let wrong = [
        (
            "istio/filter.yaml",
            "failStrategy:",
            "failStrategie:",
            "/spec/failStrategie",
        ),
        (
            "istio/filter.yaml",
            "phase: AUTHZ",
            "phase: NEVER",
            "spec/phase",
        ),
        (
            "envoy-gateway/proxy.yaml",
            "minDrainDuration:",
            "minDrain:",
            "/spec/shutdown/minDrain",
        ),
        (
            "valkey/valkey.yaml",
            "replicas: 1",
            "replicas: one",
            "spec/replicas",
        ),
    ];
    let folder = tempfile::tempdir()?;
    let changed = folder.path().join("changed.yaml");
    for (file, old, new, place) in wrong {
        let text = text(file)?;
        ensure!(text.contains(old), "{file} has no {old}");
        fs::write(&changed, text.replace(old, new))?;
        let output = validate(std::slice::from_ref(&changed))?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{file}: {said}");
        ensure!(said.contains(place), "{file}: {said}");
    }
    Ok(())
}

pub(crate) fn every_manifest_is_in_a_kustomization(_: &World) -> anyhow::Result<()> {
    for folder in ["istio", "envoy-gateway", "valkey"] {
        let file = format!("{folder}/kustomization.yaml");
        let listed = documents(&file)?;
        let listed = listed
            .first()
            .and_then(|document| document.get("resources")?.as_array());
        let listed: BTreeSet<_> = listed
            .with_context(|| format!("{file} has no resources"))?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let words = text(&file)?;
        for entry in fs::read_dir(kubernetes().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // What stands in place of another is named in the comment.
            let known = listed.contains(name.as_str()) || words.contains(&format!(" {name} in "));
            ensure!(
                known || file.ends_with(&name),
                "{file} does not name {name}"
            );
        }
        for name in listed {
            ensure!(
                kubernetes().join(folder).join(name).is_file(),
                "{file}: {name}"
            );
        }
    }
    Ok(())
}

pub(crate) fn envoy_charges_by_the_configuration_of_every_manifest(
    world: &World,
) -> anyhow::Result<()> {
    let mut configurations = Vec::new();
    for (file, pointer) in CONFIGURATIONS {
        let mut configuration = value(file, pointer)?;
        // The engine is not here: how it is reached has tests of its own.
        let members = configuration.as_object_mut().context("no object")?;
        let engine = members.remove("engine");
        let cluster = engine
            .as_ref()
            .and_then(|engine| engine.pointer("/transport/resp/cluster"));
        assert_eq!(cluster, Some(&json!("credits_engine")), "{file}");
        let setup = Setup {
            filters: vec![Filter {
                config: ConfigText::verbatim(&configuration.to_string()),
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
            path: "/api/v1/tickets/moveToTrash".to_owned(),
            headers: vec![("orgId".to_owned(), "2389290".to_owned())],
            body: vec![b"{\"ticketIds\":[1,2,3]}".to_vec()],
            ..Request::default()
        };
        let exchange = session.exchange(&update)?;
        let observed = (
            exchange.status,
            number(&exchange, COST)?,
            number(&exchange, REMAINING)?,
        );
        assert_eq!(observed, (200, 18, 80_982), "{file}");
        configurations.push((configuration, engine));
    }
    let first = configurations.first().context("none")?;
    ensure!(
        configurations.iter().all(|other| other == first),
        "they differ"
    );
    Ok(())
}

pub(crate) fn envoy_accepts_what_manifests_patch_into_it(world: &World) -> anyhow::Result<()> {
    let example = fs::read_to_string(root().join("envoy/engine.yaml"))?;
    let names = ["PORT", "ADMIN_PORT", "ENGINE_PORT"].into_iter();
    let example = names.fold(example, |text, name| {
        text.replace(&format!("${{{name}}}"), "0")
    });
    let example = parsed(&example)?;
    let example = example.first().context("engine.yaml is empty")?;
    let clusters = example
        .pointer("/static_resources/clusters")
        .and_then(Value::as_array);
    let named = |cluster: &&Value| cluster.get("name") == Some(&json!("credits_engine"));
    let expected = clusters
        .into_iter()
        .flatten()
        .find(named)
        .context("no cluster in engine.yaml")?;
    let statistics = example
        .get("stats_config")
        .context("no stats_config in engine.yaml")?;

    let bootstrap = value("istio/statistics.yaml", "/spec/configPatches/0/patch/value")?;
    assert_eq!(bootstrap.get("stats_config"), Some(statistics));
    let merged = value("envoy-gateway/proxy.yaml", "/spec/bootstrap/value")?;
    let merged = parsed(merged.as_str().context("no text")?)?;
    assert_eq!(merged, [json!({ "stats_config": statistics })]);

    for (file, pointer) in CLUSTERS {
        let cluster = value(file, pointer)?;
        // Nothing but where the engine is differs.
        for part in [
            "health_checks",
            "upstream_config",
            "common_lb_config",
            "connect_timeout",
        ] {
            assert_eq!(cluster.get(part), expected.get(part), "{file}: {part}");
        }
        let document =
            json!({ "static_resources": { "clusters": [cluster] }, "stats_config": statistics });
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("envoy.json");
        fs::write(&path, document.to_string())?;
        let output = Command::new(&world.artifacts.envoy)
            .args(["--mode", "validate", "-c"])
            .arg(&path)
            .output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{file}: {complaint}");
    }
    Ok(())
}

fn kubernetes() -> PathBuf {
    root().join("envoy/kubernetes")
}

fn text(file: &str) -> anyhow::Result<String> {
    let path = kubernetes().join(file);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// All manifests, without the kustomizations.
fn manifests() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(kubernetes())? {
        for entry in fs::read_dir(folder?.path())? {
            let path = entry?.path();
            if !path.ends_with(Path::new("kustomization.yaml")) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn documents(file: &str) -> anyhow::Result<Vec<Value>> {
    yaml(&kubernetes().join(file)).with_context(|| file.to_owned())
}

fn parsed(text: &str) -> anyhow::Result<Vec<Value>> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), text)?;
    yaml(file.path())
}

/// The documents of a YAML file.
pub(crate) fn yaml(file: &Path) -> anyhow::Result<Vec<Value>> {
    let node = Node::obtain()?;
    let output = node
        .command(&program(&node)?)
        .arg("--json")
        .arg(file)
        .output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaint}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn program(node: &Node) -> anyhow::Result<PathBuf> {
    Ok(node
        .install(&root().join("tests/kubernetes"))?
        .join("validate.mjs"))
}

/// What the first manifest of a file has there.
fn value(file: &str, pointer: &str) -> anyhow::Result<Value> {
    let documents = documents(file)?;
    let found = documents
        .first()
        .and_then(|document| document.pointer(pointer));
    found
        .cloned()
        .with_context(|| format!("{file}: no {pointer}"))
}
