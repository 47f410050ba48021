//! `make run`, as the README tells people to use it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::client::{Connection, Response};
use host_sim::target::{HttpVersion, Request};
use tokio::process::Command;
use tokio::time::timeout;

use crate::World;
use crate::exactness::{COST, REMAINING};
use crate::terminal::Terminal;

/// How long a run that is to end by itself may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn make_run_serves_what_it_prints_and_stops_on_ctrl_c(
    world: &World,
) -> anyhow::Result<()> {
    let envoy = world.artifacts.envoy.to_string_lossy();
    let environment = [
        ("PORT", "0"),
        ("ADMIN_PORT", "0"),
        ("ENVOY", envoy.as_ref()),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminal = Terminal::run(&["make", "run"], root(), &environment)?;
        let shown = terminal.until("Ctrl-C stops it.").await?;

        let calls: Vec<_> = shown
            .lines()
            .filter_map(printed_call)
            .collect::<anyhow::Result<_>>()?;
        let mut answers = Vec::new();
        let mut addresses = Vec::new();
        for Call {
            address,
            request,
            times,
        } in calls
        {
            addresses.push(address);
            for _ in 0..times {
                let response = Connection::open(address, HttpVersion::One)
                    .await?
                    .send(&request)
                    .await?;
                answers.push((
                    response.status,
                    number(&response, COST)?,
                    number(&response, REMAINING)?,
                ));
            }
        }
        // A get, a deep list and a bulk update of an organization with 81,000 credits; then one with 10.
        assert_eq!(
            answers,
            [
                (200, 1, 80_999),
                (200, 50, 80_949),
                (200, 3, 80_946),
                (200, 3, 7),
                (200, 3, 4),
                (200, 3, 1),
                (429, 0, 1),
            ]
        );

        // A browser's preflight is Envoy's to answer: nobody is charged, and the API does not see it.
        let preflight = Request {
            method: "OPTIONS".to_owned(),
            path: "/api/v1/tickets".to_owned(),
            headers: [
                ("origin", "https://app.example.com"),
                ("access-control-request-method", "GET"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..Request::default()
        };
        let address = *addresses.first().context("no call was printed")?;
        let answer = Connection::open(address, HttpVersion::One)
            .await?
            .send(&preflight)
            .await?;
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        assert_eq!(
            (
                answer.status,
                header("access-control-allow-origin"),
                header(COST)
            ),
            (200, Some("https://app.example.com"), None)
        );

        // Every call shows up below, the refused one with its reason, and the preflight too.
        terminal.until(r#""status":429"#).await?;
        terminal.until(r#""method":"OPTIONS""#).await?;
        terminal.press(b"\x03").await?;
        let (rest, status) = terminal.finish().await?;
        // The terminal itself shows the key.
        assert_eq!((rest.trim(), status.code()), ("^C", Some(0)));
        for address in addresses {
            ensure!(
                TcpStream::connect(address).is_err(),
                "something still listens on {address}"
            );
        }
        Ok(())
    })
}

pub(crate) fn a_refused_configuration_is_explained(world: &World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("filter.json");
    fs::write(&config, "{\"costs\": {\"default\": -1}}")?;
    let output = run(
        world,
        &[("PORT", "0"), ("CONFIG", &config.to_string_lossy())],
    )?;

    assert_eq!(
        String::from_utf8(output.stderr)?,
        "make run: Envoy refuses the filter's configuration: invalid configuration at `costs.default` (line 1 column 23): -1: \
         expected a whole number of credits from 0 to 999999999999999\n"
    );
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stdout)?.as_str()
        ),
        (Some(2), "")
    );
    Ok(())
}

pub(crate) fn a_taken_port_is_explained(world: &World) -> anyhow::Result<()> {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port().to_string();
    let output = run(world, &[("PORT", &port)])?;
    assert_eq!(
        String::from_utf8(output.stderr)?,
        format!(
            "make run: cannot listen on 127.0.0.1:{port} (address already in use): try `make run PORT=0`\n"
        )
    );
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stdout)?.as_str()
        ),
        (Some(2), "")
    );
    Ok(())
}

/// Runs what `make run` runs once the module is built, where it is expected to end by itself.
fn run(world: &World, environment: &[(&str, &str)]) -> anyhow::Result<Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let output = Command::new(root().join("envoy/run"))
            .arg(&world.artifacts.module)
            .env("ENVOY", &world.artifacts.envoy)
            .env("ADMIN_PORT", "0")
            .envs(environment.iter().copied())
            .kill_on_drop(true)
            .output();
        timeout(PATIENCE, output)
            .await
            .context("envoy/run goes on")?
            .context("cannot run envoy/run")
    })
}

/// A call that `make run` proposes.
struct Call {
    address: SocketAddr,
    request: Request,
    times: usize,
}

/// The call in a printed line, if there is one: `curl …`, or the same in a shell's `for` loop.
fn printed_call(line: &str) -> Option<anyhow::Result<Call>> {
    let (times, command) = match line.trim().strip_prefix("for call in ") {
        Some(rest) => {
            let (calls, command) = rest.split_once("; do ")?;
            (calls.split(' ').count(), command.strip_suffix("; done")?)
        }
        None => (1, line.trim()),
    };
    command
        .starts_with("curl ")
        .then(|| parse(command, times).with_context(|| format!("printed command {line:?}")))
}

fn parse(command: &str, times: usize) -> anyhow::Result<Call> {
    let mut words = words(command).into_iter().skip(1);
    let mut request = Request::default();
    let mut address = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-i" => {}
            "-H" => {
                let header = words.next().context("-H without a header")?;
                let (name, value) = header
                    .split_once(": ")
                    .context("a header without a colon")?;
                request.headers.push((name.to_owned(), value.to_owned()));
            }
            "-d" => {
                request.method = "POST".to_owned();
                request
                    .body
                    .push(words.next().context("-d without a body")?.into_bytes());
            }
            url => {
                let (host, path) = url
                    .strip_prefix("http://")
                    .and_then(|url| url.split_once('/'))
                    .context("no URL")?;
                address = Some(host.parse()?);
                request.path = format!("/{path}");
            }
        }
    }
    Ok(Call {
        address: address.context("no URL")?,
        request,
        times,
    })
}

/// The words of a command line, of which some are in single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in command.split('\'').enumerate() {
        let quoted = index.checked_rem(2) == Some(1);
        for (index, piece) in if quoted {
            vec![part]
        } else {
            part.split(' ').collect()
        }
        .into_iter()
        .enumerate()
        {
            if index > 0 {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push_str(piece);
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn number(response: &Response, header: &str) -> anyhow::Result<u64> {
    let value = response
        .headers
        .get(header)
        .with_context(|| format!("no {header} in {response:?}"))?;
    Ok(value.to_str()?.parse()?)
}
