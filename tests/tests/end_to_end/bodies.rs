//! `envoy/bodies.yaml`: calls that are priced by their body pass the filter that reads it, all others the one that reads none, and both
//! charge the same accounts.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::headers_module;
use api_credits_tests::client::{Connection, Response};
use api_credits_tests::example::{Example, USAGE, in_front_of};
use api_credits_tests::upstream::Upstream;
use host_sim::scenario::ConfigText;
use host_sim::target::{Filter, HttpVersion, PluginSettings, Request, Setup, Started, Target};
use host_sim::{Module, SimTarget};
use serde_json::Value;

use crate::exactness::{COST, REMAINING};
use crate::operations::{ALLOTMENT, Operation};
use crate::{WORKERS, World, example};

pub(crate) fn calls_that_are_priced_by_their_body_have_a_filter_of_their_own(
    world: &World,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let upstream = Upstream::start(&host_sim::target::Upstream::default()).await?;
        let headers_module = headers_module()?;
        let yaml = in_front_of("bodies.yaml", upstream.address)?;
        let yaml = yaml.replace("${HEADERS_MODULE}", &headers_module.to_string_lossy());
        let example = Example::start(&world.artifacts, &yaml, &example()?, WORKERS)?;

        // Every operation costs what the price list says, and all of them are paid from one account.
        let mut remaining = ALLOTMENT;
        for operation in Operation::all()? {
            let call = operation.call(5, 0);
            let mut connection = Connection::open(example.api, HttpVersion::One).await?;
            let response = connection.send(&call.request).await?;
            remaining = remaining
                .checked_sub(call.cost)
                .context("more calls than credits")?;
            let observed = (
                response.status,
                number(&response, COST)?,
                number(&response, REMAINING)?,
            );
            let Request { method, path, .. } = &call.request;
            ensure!(
                observed == (200, call.cost, remaining),
                "{method} {path}: {observed:?}, expected {:?} (status, cost, remaining)",
                (200, call.cost, remaining)
            );
        }

        // A spelling that no route is for comes to the filter that reads no bodies, and is not cheaper for it.
        let request = Request {
            method: "POST".to_owned(),
            path: "/api/v1//closeTickets".to_owned(),
            headers: vec![("orgId".to_owned(), "2389290".to_owned())],
            body: vec![br#"{"ids":[1,2,3,4,5]}"#.to_vec()],
            ..Request::default()
        };
        let mut connection = Connection::open(example.api, HttpVersion::One).await?;
        let response = connection.send(&request).await?;
        let refusal: Value = serde_json::from_slice(&response.body)?;
        assert_eq!(
            (
                response.status,
                number(&response, REMAINING)?,
                refusal.pointer("/message").and_then(Value::as_str)
            ),
            (
                400,
                remaining,
                Some("This call is priced by the records in its body, which are not counted here.")
            )
        );
        Ok(())
    })
}

/// The first of them decides, and the second steps aside, on both hosts.
pub(crate) fn both_modules_in_one_chain_charge_a_call_once(world: &World) -> anyhow::Result<()> {
    let simulator = SimTarget::new(Module::from_file(&world.artifacts.module)?);
    let hosts: [&dyn Target; 2] = [&simulator, &world.envoy];
    let filter = |name: &str, module: Option<PathBuf>| -> anyhow::Result<Filter> {
        Ok(Filter {
            module,
            plugin: PluginSettings {
                name: name.to_owned(),
                vm_id: "api-credits".to_owned(),
                allow_on_headers_stop_iteration: true,
                ..PluginSettings::default()
            },
            config: ConfigText::verbatim(&example()?.to_string()),
        })
    };
    let setup = Setup {
        filters: vec![
            filter("headers", Some(headers_module()?))?,
            filter("bodies", None)?,
        ],
        ..Setup::default()
    };
    let list = Request {
        path: "/api/v1/tickets".to_owned(),
        headers: vec![("orgId".to_owned(), "2389290".to_owned())],
        ..Request::default()
    };
    for host in hosts {
        let mut session = match host.start(&setup)? {
            Started::Running(session) => session,
            Started::Rejected(refusal) => anyhow::bail!("{}: {refusal:?}", host.name()),
        };
        session.exchange(&list)?;
        let usage = Request {
            path: USAGE.to_owned(),
            ..list.clone()
        };
        let usage = session.exchange(&usage)?;
        let used: Value = serde_json::from_slice(&usage.body)?;
        assert_eq!(
            used.pointer("/used").and_then(Value::as_u64),
            Some(3),
            "{}: {used}",
            host.name()
        );
    }
    Ok(())
}

fn number(response: &Response, header: &str) -> anyhow::Result<u64> {
    let value = response.headers.get(header);
    let value = value.with_context(|| format!("no {header} in {response:?}"))?;
    Ok(value.to_str()?.parse()?)
}
