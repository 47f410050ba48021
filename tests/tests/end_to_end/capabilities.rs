//! `capability_restriction_config`: what the filter needs is documented, and without it the filter does not start, and says why.

use std::fs;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::example::Example;
use host_sim::{Module, Simulator};
use serde_json::{Value, json};

use crate::{WORKERS, World};

/// What the proxy calls, and what of WASI every module of the SDK imports.
const SILENT: [&str; 14] = [
    "_initialize",
    "proxy_on_memory_allocate",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_tick",
    "environ_get",
    "environ_sizes_get",
    "proxy_log",
];

/// What the filter names if it is left out.
const NAMED: [&str; 17] = [
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_increment_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
    "random_get",
];

/// What it needs only if it calls others.
const CALL_OUT: &str = "proxy_http_call";

fn allowed(but: &str) -> impl Iterator<Item = &'static str> {
    let all = SILENT.into_iter().chain(NAMED);
    all.filter(move |name| *name != but)
}

fn line(missing: &str) -> String {
    format!("the proxy does not allow the plugin {missing}, which it needs")
}

pub(crate) fn the_filter_names_the_capability_that_it_lacks(world: &World) -> anyhow::Result<()> {
    let module = Module::from_bytes(&fs::read(&world.artifacts.module)?)?;
    let filter = example()?;
    let start = |allowed: Vec<&'static str>, filter: &Value| {
        let builder = Simulator::builder(&module).capabilities(allowed);
        builder.configuration(filter.to_string()).start()
    };
    start(allowed("").collect(), &filter).context("with all that it needs")?;
    for missing in NAMED {
        // The configuration is in a buffer, and a tick cannot be asked for: the host itself says what it refuses.
        let error = match start(allowed(missing).collect(), &filter) {
            Ok(_) => anyhow::bail!("it starts without {missing}"),
            Err(error) => format!("{error:?}"),
        };
        ensure!(error.contains(&line(missing)), "{missing}: {error}");
    }
    let mut calling = filter;
    if let Some(members) = calling.as_object_mut() {
        let directory = json!({ "cluster": "directory", "path": "/organizations/{id}", "authority": "directory.example" });
        members.insert("directory".to_owned(), directory);
    }
    let error = start(allowed("").collect(), &calling).err();
    let error = format!("{error:?}");
    ensure!(error.contains(&line(CALL_OUT)), "{error}");
    let documented = fs::read_to_string(root().join("envoy/README.md"))?;
    for name in allowed("").chain([CALL_OUT]) {
        ensure!(
            documented.contains(&format!("`{name}`")),
            "{name} is not documented"
        );
    }
    Ok(())
}

pub(crate) fn envoy_starts_the_filter_with_what_it_needs_and_not_without(
    world: &World,
) -> anyhow::Result<()> {
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let place = "                        vm_config:\n";
    ensure!(yaml.contains(place), "envoy.yaml has no vm_config");
    let start = |but: &str| {
        let names: Vec<_> = allowed(but).map(|name| format!("{name}: {{}}")).collect();
        let restriction = format!(
            "                        capability_restriction_config: {{ allowed_capabilities: {{ {} }} }}\n",
            names.join(", ")
        );
        let yaml = yaml.replace(place, &format!("{restriction}{place}"));
        Example::start(&world.artifacts, &yaml, &example()?, WORKERS)
    };
    let example = start("")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let usage = runtime.block_on(example.usage(&[("orgid", "7")]))?;
    assert_eq!(usage.pointer("/organization"), Some(&json!("7")));
    let error = match start("proxy_set_property") {
        Ok(_) => anyhow::bail!("it starts without proxy_set_property"),
        Err(error) => format!("{error:?}"),
    };
    ensure!(error.contains(&line("proxy_set_property")), "{error}");
    Ok(())
}

fn example() -> anyhow::Result<Value> {
    let text = fs::read(root().join("envoy/filter.json"))?;
    Ok(serde_json::from_slice(&text)?)
}
