//! Refusals of gRPC calls as clients read them: native ones, and those for whom filters in front of this one translate.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::clients::program::Program;
use api_credits_tests::example::{Example, in_front_of};
use api_credits_tests::grpc::GrpcServer;
use host_sim::grpc::{GrpcAnswer, GrpcBehaviour};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::World;

/// A client: what it is started with, and in which form it reads that a call was refused.
struct Client {
    program: &'static str,
    arguments: &'static [&'static str],
    /// The message of the last case, where Envoy does not decode it.
    stranger: &'static str,
    /// The code that it reads, in the order of [`CASES`].
    codes: [&'static str; 5],
}

/// The cases: the organization that a call states, and what its message is to be. The last stranger's is configured, and not ASCII.
const CASES: [(&str, &str, &str); 5] = [
    ("admitted", "rich", ""),
    (
        "used up",
        "poor",
        "This call costs 5 credits, and 0 of the day's 5 are left until ",
    ),
    (
        "unaffordable",
        "tiny",
        "This call costs 5 credits, which is more than the whole day's 1.",
    ),
    (
        "anonymous",
        "",
        "This call does not state its organization.",
    ),
    ("stranger", "nobody", STRANGER),
];
const STRANGER: &str = "100 % unbekannt – schade";
/// The same as `connect_grpc_bridge` passes it on.
const ENCODED: &str = "100 %25 unbekannt %E2%80%93 schade";

/// Behind filters that translate.
const TRANSLATED: &[Client] = &[
    Client {
        program: "ask.py",
        arguments: &["grpcio"],
        stranger: STRANGER,
        codes: [
            "OK",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
        ],
    },
    Client {
        program: "ask.py",
        arguments: &["json"],
        stranger: STRANGER,
        codes: ["200", "429", "400", "401", "403"],
    },
    Client {
        program: "ask.py",
        arguments: &["http1"],
        stranger: STRANGER,
        codes: ["200 0", "200 8", "200 9", "200 16", "200 7"],
    },
    Client {
        program: "ask.mjs",
        arguments: &["grpc"],
        stranger: STRANGER,
        codes: CONNECT,
    },
    Client {
        program: "ask.mjs",
        arguments: &["grpc-web"],
        stranger: STRANGER,
        codes: CONNECT,
    },
    Client {
        program: "ask.mjs",
        arguments: &["connect"],
        stranger: ENCODED,
        codes: CONNECT,
    },
];
const CONNECT: [&str; 5] = [
    "Ok",
    "ResourceExhausted",
    "FailedPrecondition",
    "Unauthenticated",
    "PermissionDenied",
];

/// The filters that translate, in front of this one.
const TRANSLATORS: &[(&str, &str)] = &[
    ("grpc_http1_bridge", "grpc_http1_bridge.v3.Config"),
    ("grpc_web", "grpc_web.v3.GrpcWeb"),
    ("connect_grpc_bridge", "connect_grpc_bridge.v3.FilterConfig"),
];

pub(crate) fn clients_read_refusals_that_filters_in_front_translate(
    world: &World,
) -> anyhow::Result<()> {
    run(world, true, TRANSLATED)
}

/// Where nobody translates, a client of gRPC-Web calls an upstream that speaks it too. The admitted call gets nothing that it could read
/// from the upstream of this test.
pub(crate) fn clients_of_grpc_web_read_refusals_that_nobody_translates(
    world: &World,
) -> anyhow::Result<()> {
    let [_, refused @ ..] = CONNECT;
    let [used_up, unaffordable, anonymous, stranger] = refused;
    let client = Client {
        program: "ask.mjs",
        arguments: &["grpc-web"],
        stranger: STRANGER,
        codes: ["", used_up, unaffordable, anonymous, stranger],
    };
    run(world, false, &[client])
}

/// A call of JSON has the price of what the filter sees: the gRPC method behind the transcoder, and the path of REST in front of it.
pub(crate) fn a_transcoded_call_has_the_price_of_its_side(world: &World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let description = described(world, folder.path())?;
    let mut config = config()?;
    let rule = |name: &str, operation: &str, cost: u32| json!({ "name": name, "operations": [operation], "cost": cost });
    let rules = [
        rule("method", "POST /shop.Shop/Get", 2),
        rule("path", "GET /v1/things/{id}", 3),
    ];
    let costs = config.get_mut("costs").and_then(Value::as_object_mut);
    costs
        .context("no costs")?
        .insert("rules".to_owned(), json!(rules));
    runtime()?.block_on(async {
        let (_upstream, yaml) = shop().await?;
        for (mark, cost) in [(FIRST, "2"), (LAST, "3")] {
            let yaml = with_translators(&yaml, &description, mark)?;
            let example = Example::start(&world.artifacts, &yaml, &config, 1)?;
            let response = example.get("/v1/things/4", &[("orgId", "rich")]).await?;
            let told = response.headers.get("x-rate-limit-request-weight-v3");
            let told = told.and_then(|cost| cost.to_str().ok());
            assert_eq!((response.status, told), (200, Some(cost)));
            assert_eq!(response.body, b"{\"id\":\"4\"}");
        }
        Ok(())
    })
}

fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(1).enable_all().build()?)
}

/// The description of the service, for whoever translates.
fn described(world: &World, folder: &Path) -> anyhow::Result<PathBuf> {
    let description = folder.join("shop.pb");
    let described = world
        .clients
        .python("describe.py")
        .arg(&description)
        .status()?;
    ensure!(described.success(), "describe.py failed");
    Ok(description)
}

/// The service itself, and the example in front of it.
async fn shop() -> anyhow::Result<(GrpcServer, String)> {
    let thing = GrpcAnswer::message("\x0a\x014");
    let answers = BTreeMap::from([("shop.Shop/Get".to_owned(), thing)]);
    let upstream = GrpcServer::start(&GrpcBehaviour::Answers(answers)).await?;
    let yaml = in_front_of("envoy.yaml", upstream.address)?.replace(
        "    - name: api\n      load_assignment:",
        &format!("    - name: api\n{HTTP2}      load_assignment:"),
    );
    ensure!(yaml.contains(HTTP2), "envoy.yaml has no cluster `api`");
    Ok((upstream, yaml))
}

fn run(world: &World, translated: bool, clients: &[Client]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let description = described(world, folder.path())?;
    runtime()?.block_on(async {
        let (_upstream, mut yaml) = shop().await?;
        if translated {
            yaml = with_translators(&yaml, &description, FIRST)?;
        }
        let example = Example::start(&world.artifacts, &yaml, &config()?, 1)?;
        // The upstream says nothing that HTTP/1.1 could read, but it has worked.
        example.get("/", &[("orgId", "poor")]).await?;
        for client in clients {
            let address = example.api.to_string();
            let mut command = match client.program {
                program if program.ends_with(".py") => world.clients.python(program),
                program => world.clients.node(program),
            };
            command.args(client.arguments).arg(address);
            if client.program.ends_with(".mjs") {
                command.arg(&description);
            }
            ask(client, command).with_context(|| client.arguments.join(" "))?;
        }
        // None was repeated.
        for reason in [
            "exceeds_allotment",
            "daily_credits",
            "no_organization",
            "unknown_organization",
        ] {
            let count = example.counted(&format!("calls.refused.{reason}")).await?;
            assert_eq!(count, u64::try_from(clients.len())?, "{reason}");
        }
        Ok(())
    })
}

/// What a client reads in each case.
fn ask(client: &Client, command: Command) -> anyhow::Result<()> {
    let mut program = Program::start(command)?;
    let asked = CASES
        .iter()
        .zip(client.codes)
        .filter(|(_, code)| !code.is_empty());
    let headers = |organization: &str| match organization {
        "" => json!({}),
        _ => json!({ "orgId": organization }),
    };
    let cases: Map<String, Value> = asked
        .clone()
        .map(|((name, organization, _), _)| ((*name).to_owned(), headers(organization)))
        .collect();
    program.tell(&Value::Object(cases))?;
    let mut heard = BTreeMap::new();
    for _ in asked.clone() {
        let said = program.hear()?;
        let name = said.get("case").and_then(Value::as_str).unwrap_or_default();
        heard.insert(name.to_owned(), said);
    }
    for ((name, _, message), code) in asked {
        let message = match *message {
            STRANGER => client.stranger,
            message => message,
        };
        let said = heard
            .get(*name)
            .with_context(|| format!("{name}: nothing was said"))?;
        let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default();
        ensure!(
            text("code") == code,
            "{name}: {said}, expected the code {code}"
        );
        let whole = text("message") == message;
        let begins = *name == "used up" && text("message").starts_with(message);
        ensure!(
            whole || begins,
            "{name}: {said}, expected the message {message:?}"
        );
        let waits = text("retry_after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds > 3_600);
        ensure!(waits == (*name == "used up"), "{name}: {said}");
    }
    Ok(())
}

/// Where filters are in front of this one.
const FIRST: &str = "                  # Filters that authenticate come first";
/// Where they are behind it.
const LAST: &str = "                  - name: envoy.filters.http.router\n";

/// The example with filters that translate, at this place: to gRPC from gRPC over HTTP/1.1, gRPC-Web, Connect and JSON.
fn with_translators(yaml: &str, description: &Path, place: &str) -> anyhow::Result<String> {
    let (before, after) = yaml
        .split_once(place)
        .with_context(|| format!("envoy.yaml has no {place}"))?;
    let transcoder = json!({
        "proto_descriptor": description,
        "services": ["shop.Shop"],
        "convert_grpc_status": true,
    });
    let translators = TRANSLATORS
        .iter()
        .map(|&(name, kind)| (name, kind, json!({})));
    let transcoder = (
        "grpc_json_transcoder",
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        transcoder,
    );
    let mut filters = String::new();
    for (name, kind, mut config) in translators.chain([transcoder]) {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.http.{kind}");
        let config = config.as_object_mut().context("no object")?;
        config.insert("@type".to_owned(), json!(kind));
        let filter =
            json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": config });
        writeln!(filters, "                  - {filter}")?;
    }
    Ok(format!("{before}{filters}{place}{after}"))
}

/// The upstream speaks gRPC, which needs HTTP/2.
const HTTP2: &str = "      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
";

/// Every call costs 5. The day ends in half a day.
fn config() -> anyhow::Result<Value> {
    let end = Timestamp::now().checked_add(12.hours())?;
    let end = end.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    Ok(json!({
        "identity": { "header": "orgId" },
        "day": { "starts_at": end },
        "editions": { "Rich": { "base": 1000 }, "Poor": { "base": 5 }, "Tiny": { "base": 1 } },
        "organizations": {
            "rich": { "edition": "Rich" }, "poor": { "edition": "Poor" }, "tiny": { "edition": "Tiny" },
        },
        "strangers": { "refuse": { "message": STRANGER } },
        "costs": { "default": 5 },
    }))
}
