//! Where the engine's password can be read: in Envoy's configuration, if it is in the filter's, and nowhere if it is in the environment.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{host_sim, root};
use api_credits_tests::client;
use api_credits_tests::engine::cluster::{ORGANIZATION, Way, config, yaml};
use api_credits_tests::engine::server::{FILTER, Server, Settings};
use api_credits_tests::example::Example;
use serde_json::{Value, json};

use crate::World;

/// The words of engine.yaml that hand the password to the filter, which are a comment there.
const HANDED: &str = "environment_variables: { host_env_keys: [ENGINE_PASSWORD] }";
const VARIABLE: (&str, &str) = ("ENGINE_PASSWORD", FILTER.1);

pub(crate) fn a_password_in_the_environment_stands_in_no_configuration(
    world: &World,
) -> anyhow::Result<()> {
    let starting = Server::start(&world.valkey, Settings::default());
    let server = world.runtime.block_on(starting)?;
    let way = Way::Resp(vec![(server.address, None)]);
    let yaml = yaml(&way)?;
    let commented = format!("# {HANDED}");
    ensure!(yaml.contains(&commented), "no {commented:?} in engine.yaml");
    let handed = yaml.replace(&commented, HANDED);

    let written = config(100, &json!({}))?;
    let mut named = written.clone();
    let transport = named.pointer_mut("/engine/transport/resp");
    let transport = transport.and_then(Value::as_object_mut);
    let transport = transport.context("engine.json has no transport")?;
    ensure!(
        transport.remove("password") == Some(json!(FILTER.1)),
        "another password"
    );
    transport.insert("password_variable".to_owned(), json!(VARIABLE.0));

    for (filter, yaml, environment, shown) in [
        (&written, &yaml, &[][..], true),
        (&named, &handed, &[VARIABLE][..], false),
    ] {
        let envoy = Example::begin_with(&world.artifacts, yaml, filter, 2, environment)?;
        let envoy = envoy.serving()?;
        world.runtime.block_on(async {
            envoy
                .until_stat("cluster.credits_engine.membership_healthy", 1)
                .await?;
            let response = envoy.get("/3", &[("orgId", ORGANIZATION)]).await?;
            assert_eq!(response.status, 200, "{response:?}");
            let dump = get(envoy.admin, "/config_dump").await?;
            ensure!(dump.contains("credits_engine"), "{dump}");
            assert_eq!(dump.contains(FILTER.1), shown, "{dump}");
            anyhow::Ok(())
        })?;
    }

    // Without the variable the configuration is refused, and Envoy does not start.
    let started = Example::start(&world.artifacts, &handed, &named, 2).map(drop);
    let error = format!("{:?}", started.err());
    ensure!(
        error.contains("engine.transport.resp.password_variable"),
        "{error}"
    );
    Ok(())
}

pub(crate) fn host_sim_takes_the_password_from_its_environment(
    world: &World,
) -> anyhow::Result<()> {
    let yaml = fs::read_to_string(root().join("envoy/engine.yaml"))?;
    let mut filter = config(100, &json!({}))?;
    let transport = filter.pointer_mut("/engine/transport/resp");
    *transport.context("engine.json has no transport")? =
        json!({ "cluster": "credits_engine", "password_variable": VARIABLE.0 });
    let module = world.artifacts.module.to_string_lossy();
    let filled = [
        ("${MODULE}", &*module),
        ("${FILTER_JSON}", &filter.to_string()),
        ("${PORT}", "0"),
        ("${ADMIN_PORT}", "0"),
        ("${ENGINE_PORT}", "0"),
    ];
    let yaml = filled
        .iter()
        .fold(yaml, |yaml, (name, value)| yaml.replace(name, value));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, yaml.replace(&format!("# {HANDED}"), HANDED))?;
    let program = host_sim()?;
    for (password, code) in [(Some(VARIABLE.1), 0), (None, 1)] {
        let mut command = Command::new(&program);
        command
            .env_remove(VARIABLE.0)
            .args(["check", "--envoy-yaml"])
            .arg(&file);
        command.envs(password.map(|password| (VARIABLE.0, password)));
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        let named = said.contains("engine.transport.resp.password_variable");
        assert_eq!(named, password.is_none(), "{said}");
    }
    Ok(())
}

/// What an admin interface answers.
async fn get(admin: SocketAddr, path: &str) -> anyhow::Result<String> {
    let response = client::get(admin, path).await?;
    ensure!(response.status == 200, "{path}: {}", response.status);
    Ok(String::from_utf8(response.body)?)
}
