//! Bulk prices without `allow_on_headers_stop_iteration`, as behind Istio: what an upstream sees of a call whose body alone is held.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::example::{Example, in_front_of};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{World, example};

const PATIENCE: Duration = Duration::from_secs(20);

/// What came after the heads of requests.
type Bodies = Arc<Mutex<Vec<u8>>>;

/// An upstream that answers by the head alone, or not at all, and keeps what comes after it.
async fn upstream(answer: Option<&'static str>) -> anyhow::Result<(SocketAddr, Bodies)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let bodies = Bodies::default();
    let kept = Arc::clone(&bodies);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bodies = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut in_body = false;
                let mut buffer = [0; 4_096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    seen.extend(buffer.iter().take(read));
                    if !in_body && let Some(end) = seen.windows(4).position(|at| at == b"\r\n\r\n")
                    {
                        in_body = true;
                        seen.drain(..end.saturating_add(4));
                        if let Some(answer) = answer {
                            let _ = stream.write_all(answer.as_bytes()).await;
                        }
                    }
                    if in_body {
                        let mut bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
                        bodies.append(&mut seen);
                    }
                }
            });
        }
    });
    Ok((address, bodies))
}

fn started(world: &World, upstream: SocketAddr) -> anyhow::Result<Example> {
    let yaml = in_front_of("envoy.yaml", upstream)?;
    let switch = "                        allow_on_headers_stop_iteration: true\n";
    ensure!(
        yaml.matches(switch).count() == 1,
        "the example has another switch"
    );
    let mut config = example()?;
    let body = config
        .pointer_mut("/costs/body")
        .and_then(|body| body.as_object_mut());
    body.context("no body")?
        .insert("hold".to_owned(), json!("body"));
    Example::start(&world.artifacts, &yaml.replace(switch, ""), &config, 1)
}

/// Sends a piece and reads until what came has this in it.
async fn until(stream: &mut TcpStream, piece: &str, text: &str) -> anyhow::Result<String> {
    stream.write_all(piece.as_bytes()).await?;
    let mut seen = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
        let read =
            read.with_context(|| format!("no {text:?} in {:?}", String::from_utf8_lossy(&seen)))??;
        ensure!(
            read > 0,
            "closed after {:?}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend(buffer.iter().take(read));
    }
    Ok(String::from_utf8_lossy(&seen).to_lowercase())
}

fn head(path: &str, organization: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: api\r\norgid: {organization}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

pub(crate) fn an_upstream_that_answers_first_gets_nothing_of_the_body(
    world: &World,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (address, bodies) = upstream(Some(
            "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 3\r\n\r\nno!",
        ))
        .await?;
        let example = started(world, address)?;
        let body = r#"{"ids":[1,2,3,4,5,6]}"#;
        let (first, rest) = body.split_at(9);
        let mut client = TcpStream::connect(example.api).await?;
        let head = head("/api/v1/closeTickets", "7", body.len());
        let answer = until(&mut client, &format!("{head}{first}"), "no!").await?;
        ensure!(answer.starts_with("http/1.1 401"), "{answer}");
        let _ = client.write_all(rest.as_bytes()).await;
        // It cost as much as one without records, and that is all that is charged.
        ensure!(
            answer.contains("x-rate-limit-request-weight-v3: 1"),
            "{answer}"
        );
        let used = example.usage(&[("orgId", "7")]).await?;
        ensure!(used.pointer("/used") == Some(&json!(1)), "{used}");
        // Where nothing is left, the refusal takes the place of the answer.
        for _ in 0..9 {
            let answer = example.get("/api/v1/tickets/5", &[("orgId", "7")]).await?;
            ensure!(answer.status == 401, "{answer:?}");
        }
        let mut client = TcpStream::connect(example.api).await?;
        let answer = until(&mut client, &format!("{head}{first}"), "resetsAt").await?;
        ensure!(
            answer.starts_with("http/1.1 429") && !answer.contains("no!"),
            "{answer}"
        );
        let bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(bodies.is_empty(), "{:?}", String::from_utf8_lossy(&bodies));
        Ok(())
    })
}

pub(crate) fn a_refused_call_sends_no_body_without_the_switch(world: &World) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (address, bodies) = upstream(None).await?;
        let example = started(world, address)?;
        let body = r#"{"ticketIds":[1,2]}"#;
        let head = head("/api/v1/tickets/moveToTrash", "7", body.len());
        let (first, rest) = body.split_at(9);
        let mut client = TcpStream::connect(example.api).await?;
        client
            .write_all(format!("{head}{first}").as_bytes())
            .await?;
        // The upstream has the head before the rest of the body comes.
        example
            .until_stat("cluster.api.upstream_rq_active", 1)
            .await?;
        let answer = until(&mut client, rest, "COST_EXCEEDS_ALLOTMENT").await?;
        ensure!(answer.starts_with("http/1.1 402"), "{answer}");
        example
            .until_stat("cluster.api.upstream_rq_active", 0)
            .await?;
        let bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(bodies.is_empty(), "{:?}", String::from_utf8_lossy(&bodies));
        Ok(())
    })
}
