//! The Envoy, the upstreams and the clients of all rows, and one call after the other through them.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::Artifacts;
use api_credits_tests::client::Connection;
use api_credits_tests::clients::Clients;
use api_credits_tests::clients::program::Program;
use api_credits_tests::engine::authority::Authority;
use api_credits_tests::example::{Example, number};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{self, AnswerOverride, HttpVersion, UpstreamBehaviour};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::bootstrap::Places;
use crate::odd::Odd;
use crate::row::{Client, Does, Leaving, Request, Row};
use crate::special;

/// More rows than there are.
pub(crate) const ROWS: usize = 120;
/// How long what is awaited may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);

/// Everything that takes part.
pub(crate) struct Scene {
    pub(crate) runtime: Runtime,
    artifacts: Artifacts,
    /// Missing only while it is being started.
    example: Option<Example>,
    upstream: Upstream,
    odd: Odd,
    log: PathBuf,
    frames: Mutex<Program>,
    node: Mutex<Program>,
    authority: Authority,
    _folder: TempDir,
}

/// An organization that is no row's.
pub(crate) const SOMEBODY_ELSE: &str = "somebody-else";

/// A call of a row.
struct Call<'a> {
    row: &'a Row,
    address: SocketAddr,
    /// What it is known by, to the upstream and in the log.
    name: &'a str,
    organization: &'a str,
    /// What the upstream does with it.
    hold: &'a Hold,
}

/// What was seen of a row.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Whether the upstream was asked.
    pub(crate) asked: bool,
    /// What Envoy's log says of the calls: code, details and flags, and the filter's verdict.
    pub(crate) logged: BTreeSet<String>,
    pub(crate) verdicts: BTreeSet<String>,
    /// What all calls together cost.
    pub(crate) used: u64,
}

/// The organization of a row.
pub(crate) fn organization(row: usize) -> String {
    format!("row-{row}")
}

impl Scene {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let artifacts = Artifacts::obtain()?;
        let clients = Clients::obtain()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("access.log");
        let authority = Authority::new()?;
        let (upstream, odd) = runtime.block_on(async {
            let upstream = Upstream::start(&target::Upstream::default()).await?;
            anyhow::Ok((upstream, Odd::start().await?))
        })?;
        let mut scene = Self {
            example: None,
            frames: Mutex::new(Program::start(clients.python("leave.py"))?),
            node: Mutex::new(Program::start(clients.node("leave.mjs"))?),
            _folder: folder,
            log: log.clone(),
            upstream,
            odd,
            authority,
            runtime,
            artifacts,
        };
        let bootstrap = scene.places(&log).bootstrap();
        scene.example = Some(run(&scene.artifacts, &bootstrap)?);
        Ok(scene)
    }

    /// Where everything is that an Envoy with this log talks to.
    pub(crate) fn places<'a>(&'a self, log: &'a Path) -> Places<'a> {
        Places {
            module: &self.artifacts.module,
            upstream: self.upstream.address,
            nowhere: self.upstream.nowhere,
            odd: self.odd.address,
            authority: &self.authority,
            log,
        }
    }

    pub(crate) fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// Whether the upstream was asked. It forgets the call.
    pub(crate) fn saw(&self, call: &str) -> bool {
        self.upstream.take(call).is_some()
    }

    /// Says what the upstream does with a call.
    pub(crate) fn plan(&self, row: &Row, call: &str, held: bool) -> anyhow::Result<Hold> {
        self.upstream.plan(call, &behaviour(row), held)
    }

    fn example(&self) -> anyhow::Result<&Example> {
        self.example.as_ref().context("there is no Envoy")
    }

    /// Makes the calls of a row, one after the other.
    pub(crate) async fn produce(&self, row: &Row, number: usize) -> anyhow::Result<Seen> {
        if let Client::Special(special) = row.client {
            return special::produce(self, special, row, number).await;
        }
        let organization = organization(number);
        let address = self.example()?.listener(row.listener).await?;
        let mut seen = Seen::default();
        if row.second {
            let name = format!("{number}-first");
            let hold = self.plan(row, &name, false)?;
            let call = Call {
                row,
                address,
                name: &name,
                organization: SOMEBODY_ELSE,
                hold: &hold,
            };
            self.make(&call, 0).await?;
            self.over(&call, &mut Seen::default()).await?;
        }
        for way in 0..row.calls() {
            let name = format!("{number}-{way}");
            let held = matches!(row.upstream, Does::Works | Does::Finishes);
            let hold = self.plan(row, &name, held)?;
            let call = Call {
                row,
                address,
                name: &name,
                organization: &organization,
                hold: &hold,
            };
            self.make(&call, way).await?;
            if let Does::Finishes = row.upstream {
                hold.release();
            }
            let over = self.over(&call, &mut seen).await;
            over.with_context(|| format!("call {way}"))?;
            hold.release();
            // What speaks bad HTTP remembers nothing, and its answer shows that it was asked.
            seen.asked |= self.saw(&name) || row.route == "odd";
        }
        let usage = self.example()?.usage(&[("orgId", &organization)]).await?;
        seen.used = self::number(&usage, "/used")?;
        Ok(seen)
    }

    /// Makes a call, and leaves it if that is the way.
    async fn make(&self, call: &Call<'_>, way: usize) -> anyhow::Result<()> {
        let Call { row, address, .. } = *call;
        match row.client {
            Client::Waits(version, request) => {
                let wanted = wanted(row, version, request, call.name, call.organization);
                // Whatever comes of it is for the log and the account to tell.
                let mut connection = Connection::open(address, version).await?;
                let answer = connection.send_telling(&wanted, || call.hold.begun());
                let _ = timeout(PATIENCE, answer).await.context("no answer")?;
                Ok(())
            }
            Client::Socket(leaving, request) => {
                let mut stream = TcpStream::connect(address).await?;
                let text = text(row, request, call.name, call.organization);
                stream.write_all(text.as_bytes()).await?;
                self.arrived(call.name).await?;
                match leaving {
                    Leaving::Close => return Ok(()),
                    Leaving::Reset => return Ok(stream.set_zero_linger()?),
                    Leaving::HalfClose => stream.shutdown().await?,
                    Leaving::BadChunk => stream.write_all(b"no chunk\r\n").await?,
                    Leaving::Stays => {}
                }
                // It listens until Envoy hangs up.
                let mut rest = Vec::new();
                let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
                read.context("Envoy does not hang up").map(drop)
            }
            Client::Curl(arguments) => {
                let mut curl = Command::new("curl");
                curl.args(["--silent", "--output", "/dev/null"])
                    .args(arguments);
                for (name, value) in fields(row, call.name, call.organization) {
                    curl.args(["--header".to_owned(), format!("{name}: {value}")]);
                }
                curl.arg(format!("http://{address}{}", row.path))
                    .stdin(Stdio::null());
                let curl = tokio::process::Command::from(curl).status();
                let status = curl
                    .await
                    .context("cannot run curl (on Debian: apt-get install curl)")?;
                // "Operation timeout": it has left.
                ensure!(status.code() == Some(28), "curl: {status}");
                Ok(())
            }
            Client::Frames(ways) => self.leave(&self.frames, ways.get(way), call).await,
            Client::Special(_) => anyhow::bail!("it is made elsewhere"),
            Client::Node(ways) => self.leave(&self.node, ways.get(way), call).await,
        }
    }

    /// Has a program make a call, and leave it once the upstream has it.
    async fn leave(
        &self,
        program: &Mutex<Program>,
        how: Option<&&str>,
        call: &Call<'_>,
    ) -> anyhow::Result<()> {
        let Call { row, address, .. } = *call;
        let mut program = program.lock().await;
        let headers: Value = fields(row, call.name, call.organization)
            .into_iter()
            .collect();
        let begin =
            json!({ "how": how, "port": address.port(), "path": row.path, "headers": headers });
        program.tell(&json!({ "begin": begin }))?;
        program.hear()?;
        self.arrived(call.name).await?;
        program.tell(&json!({ "leave": true }))?;
        program.hear().map(drop)
    }

    /// Waits until the upstream has the head of a call.
    async fn arrived(&self, call: &str) -> anyhow::Result<()> {
        let arrival = async {
            while !self.upstream.has_seen(call) {
                sleep(INTERVAL).await;
            }
        };
        timeout(PATIENCE, arrival)
            .await
            .context("the call does not reach the upstream")
    }

    /// Waits until Envoy has logged a call and nothing of its organization is in progress.
    async fn over(&self, call: &Call<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let logged = async {
            while !seen.read(&self.log, call.name)? {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, logged)
            .await
            .context("Envoy does not log the call")??;
        self.example()?
            .in_progress(&[("orgId", call.organization)], 0)
            .await?;
        Ok(())
    }
}

impl Seen {
    /// Reads what a log says of a call; whether it says anything.
    pub(crate) fn read(&mut self, log: &Path, call: &str) -> anyhow::Result<bool> {
        let lines = lines(&fs::read_to_string(log)?, call)?;
        for line in &lines {
            let field = |name: &str| line.get(name).map_or("-".to_owned(), shown);
            let (code, details, flags) = (field("code"), field("details"), field("flags"));
            self.logged.insert(format!("{code} {details} {flags}"));
            self.verdicts.insert(field("verdict"));
        }
        Ok(!lines.is_empty())
    }
}

/// Runs an Envoy with this configuration. It ends with the thread that calls this.
pub(crate) fn run(artifacts: &Artifacts, bootstrap: &Value) -> anyhow::Result<Example> {
    // `envoy/run` fills in what follows a dollar.
    let yaml = bootstrap.to_string().replace('$', "$$");
    Example::start(artifacts, &yaml, &json!({}), 2)
}

/// The lines of the log about a call.
fn lines(log: &str, call: &str) -> anyhow::Result<Vec<Value>> {
    let lines = log
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let lines = lines
        .map(serde_json::from_str::<Value>)
        .collect::<Result<Vec<_>, _>>()?;
    let about = |line: &Value| line.get("call").and_then(Value::as_str) == Some(call);
    Ok(lines.into_iter().filter(about).collect())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// What the upstream does with the calls of a row.
fn behaviour(row: &Row) -> UpstreamBehaviour {
    let owned = |fields: &[(&str, &str)]| {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    match row.upstream {
        Does::Works | Does::Finishes => UpstreamBehaviour::default(),
        Does::Answers(status, headers, trailers) => UpstreamBehaviour::Answer(AnswerOverride {
            status: Some(status),
            headers: Some(owned(headers)),
            trailers: Some(owned(trailers)),
            ..AnswerOverride::default()
        }),
        Does::HangsUp => UpstreamBehaviour::Reset,
        Does::BreaksOff => UpstreamBehaviour::ResetAfterHeaders,
    }
}

/// The header fields of a call.
fn fields(row: &Row, call: &str, organization: &str) -> Vec<(String, String)> {
    let route = (!row.route.is_empty()).then_some(("x-route", row.route));
    [("orgId", organization), (EXCHANGE, call)]
        .into_iter()
        .chain(route)
        .chain(row.headers.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A call for a client that waits.
pub(crate) fn wanted(
    row: &Row,
    http: HttpVersion,
    request: Request,
    call: &str,
    organization: &str,
) -> target::Request {
    let (method, size) = match request {
        Request::Whole => ("GET", 0),
        Request::WithBody | Request::Unfinished => ("POST", 60),
        Request::Large => ("POST", 500_000),
    };
    target::Request {
        http,
        method: method.to_owned(),
        path: row.path.to_owned(),
        authority: row.authority.to_owned(),
        headers: fields(row, call, organization),
        body: vec![vec![b'x'; size]],
        ..target::Request::default()
    }
}

/// A call as HTTP/1.1 writes it.
fn text(row: &Row, request: Request, call: &str, organization: &str) -> String {
    let fields: String = fields(row, call, organization)
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let (method, rest) = match request {
        Request::Whole => ("GET", "\r\n"),
        Request::WithBody | Request::Large => ("POST", "content-length: 2\r\n\r\nab"),
        Request::Unfinished => ("POST", "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n"),
    };
    format!(
        "{method} {} HTTP/1.1\r\nhost: {}\r\n{fields}{rest}",
        row.path, row.authority
    )
}
