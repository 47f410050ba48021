//! Calls that are priced by bodies which never end, or end late: nobody is held for ever.

use std::fs;

use anyhow::Context as _;
use api_credits_tests::artifacts::root;
use api_credits_tests::example::{Example, number};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{WORKERS, World, example};

const ORGANIZATION: (&str, &str) = ("orgId", "2389290");

pub(crate) fn a_body_without_end_is_not_waited_for(world: &World) -> anyhow::Result<()> {
    refused(
        world,
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n",
        "HTTP/1.1 400 Bad Request",
        "BODY_UNREADABLE",
    )
}

pub(crate) fn a_body_that_is_late_is_not_waited_for(world: &World) -> anyhow::Result<()> {
    refused(
        world,
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"ids\":[1,2",
        "HTTP/1.1 408 Request Timeout",
        "BODY_TIMEOUT",
    )
}

/// Sends a bulk call that goes on like this, and expects it to be refused so by the filter, with nothing charged and nothing in progress.
fn refused(world: &World, rest: &str, status: &str, code: &str) -> anyhow::Result<()> {
    let mut config = example()?;
    *config
        .pointer_mut("/costs")
        .and_then(|costs| costs.as_object_mut())
        .context("no costs")?
        .entry("body")
        .or_insert(json!({})) = json!({ "timeout_seconds": 1 });
    let yaml = fs::read_to_string(root().join("envoy/envoy.yaml"))?;
    let example = Example::start(&world.artifacts, &yaml, &config, WORKERS)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut client = TcpStream::connect(example.api).await?;
        let (name, id) = ORGANIZATION;
        let call = format!(
            "POST /api/v1/closeTickets HTTP/1.1\r\nhost: api.example\r\n{name}: {id}\r\n{rest}"
        );
        client.write_all(call.as_bytes()).await?;
        let mut response = String::new();
        client.read_to_string(&mut response).await?;
        let (head, body) = response.split_once("\r\n\r\n").context("no response")?;
        assert_eq!(head.lines().next(), Some(status));
        let body: Value = serde_json::from_str(body)?;
        assert_eq!(body.get("errorCode"), Some(&json!(code)));
        let usage = example.in_progress(&[ORGANIZATION], 0).await?;
        assert_eq!(number(&usage, "/used")?, 0);
        Ok(())
    })
}
