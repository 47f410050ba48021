//! `make run-cluster`, as the README tells people to use it: what it prints is there to be tried, and Ctrl-C ends it all.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use host_sim::target::{HttpVersion, Request};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::World;
use crate::scene::until;

/// How long it may take until it serves.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run_cluster_shares_what_it_says_and_ends_on_ctrl_c(
    world: &World,
) -> anyhow::Result<()> {
    world.runtime.block_on(async {
        let mut run = Command::new(root().join("envoy/run-cluster"))
            .arg(&world.artifacts.module)
            .envs([("PORT", "0"), ("ADMIN_PORT", "0"), ("ENGINE_PORT", "0")])
            .env("ENVOY", &world.artifacts.envoy)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run envoy/run-cluster")?;
        let output = run.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let serving = async {
            let mut shown = Vec::new();
            while let Some(line) = lines.next_line().await? {
                if line.starts_with("Ctrl-C") {
                    return anyhow::Ok(shown);
                }
                shown.push(line);
            }
            anyhow::bail!("it ended: {shown:#?}")
        };
        let shown = timeout(PATIENCE, serving)
            .await
            .context("it does not serve")??;

        let words = |begin: &str| {
            let line = shown
                .iter()
                .find_map(|line| line.trim().strip_prefix(begin));
            line.with_context(|| format!("no {begin}"))
        };
        let ports = words("for port in ")?
            .split(';')
            .next()
            .context("no ports")?;
        let ports: Vec<u16> = ports.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let mut admitted = 0_u32;
        until("the fourth call is refused", async || {
            let mut refused = false;
            for port in &ports {
                // A call that cannot be decided on a busy machine is neither.
                match status(*port).await? {
                    200 => admitted = admitted.saturating_add(1),
                    429 => refused = true,
                    other => ensure!(other == 503, "a call is answered {other}"),
                }
            }
            Ok(refused)
        })
        .await?;
        assert_eq!((ports.len(), admitted), (4, 3));

        let valkey = Path::new("/proc").join(words("kill -STOP ")?);
        ensure!(valkey.exists(), "no {}", valkey.display());
        let id = run.id().context("it ended")?.to_string();
        let status = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status()?;
        ensure!(status.success(), "cannot interrupt it");
        let ended = timeout(PATIENCE, run.wait())
            .await
            .context("it does not end")??;
        assert_eq!(ended.code(), Some(0));
        ensure!(!valkey.exists(), "Valkey still runs");
        for port in ports {
            let listening = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            ensure!(listening.is_err(), "something still listens on {port}");
        }
        Ok(())
    })
}

/// The answer to a list of tickets, which costs 3 of 10 credits.
async fn status(port: u16) -> anyhow::Result<u16> {
    let request = Request {
        path: "/api/v1/tickets".to_owned(),
        headers: vec![("orgId".to_owned(), "7".to_owned())],
        ..Request::default()
    };
    let address = ([127, 0, 0, 1], port).into();
    let mut connection =
        api_credits_tests::client::Connection::open(address, HttpVersion::One).await?;
    Ok(connection.send(&request).await?.status)
}
