//! `envoy/edge.yaml` on a real Envoy: what a client might play with is refused before the filter, or means nothing.

use std::fs;

use anyhow::Context as _;
use api_credits_tests::artifacts::root;
use api_credits_tests::example::{Example, number};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exactness::COST;
use crate::tokens::{KEY, claims, sign};
use crate::{WORKERS, World};

pub(crate) fn a_client_has_nothing_to_play_with(world: &World) -> anyhow::Result<()> {
    let file = |name: &str| {
        fs::read_to_string(root().join("envoy").join(name))
            .with_context(|| format!("cannot read envoy/{name}"))
    };
    let filter = serde_json::from_str(&file("jwt.json")?)?;
    let example = Example::start(&world.artifacts, &file("edge.yaml")?, &filter, WORKERS)?;
    let token = format!("authorization: Bearer {}\r\n", sign(&claims(), KEY)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let list = "GET /api/v1/tickets";
        let mut used = 0;
        for (line, headers, status, cost) in [
            (list, "", "200", Some(3)),
            // One spelling of each path.
            ("GET //api/./v1/x/../tickets", "", "200", Some(3)),
            ("GET /api%2fv1/tickets", "", "400", None),
            ("GET /api%5Cv1/tickets", "", "400", None),
            // Headers that others might read, or that Envoy would obey.
            (list, "org_id: 7\r\n", "400", None),
            (
                list,
                "x-envoy-upstream-rq-timeout-ms: 1\r\n",
                "200",
                Some(3),
            ),
            (
                "POST /api/v1/tickets",
                "x-http-method-override: GET\r\n",
                "200",
                Some(1),
            ),
            // Without a token there is neither an organization nor a call.
            (list, "connection: authorization\r\n", "401", None),
            // A preflight is answered by Envoy, free of charge.
            (
                "OPTIONS /api/v1/tickets",
                "origin: https://app.example\r\naccess-control-request-method: GET\r\n",
                "200",
                None,
            ),
        ] {
            let request = format!(
                "{line} HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n{token}{headers}\r\n"
            );
            let response = send(&example, &request).await?;
            let answered = response.split(' ').nth(1);
            assert_eq!(answered, Some(status), "{line} {headers}: {response}");
            let told = response
                .lines()
                .find_map(|line| line.strip_prefix(COST)?.strip_prefix(": "));
            let told = told.map(str::parse).transpose()?;
            assert_eq!(told, cost, "{line} {headers}: {response}");
            used = u64::saturating_add(used, cost.unwrap_or_default());
        }
        let bearer = token.trim_end().trim_start_matches("authorization: ");
        let usage = example.usage(&[("authorization", bearer)]).await?;
        assert_eq!(number(&usage, "/used")?, used);
        assert_eq!(usage.pointer("/organization"), Some(&json!("2389290")));
        Ok(())
    })
}

/// Sends these bytes and reads until Envoy closes.
async fn send(example: &Example, request: &str) -> anyhow::Result<String> {
    let mut client = TcpStream::connect(example.api).await?;
    client.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    client.read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}
