//! A Valkey or Redis server as operators are told to set one up: with the settings and users of `envoy/valkey.conf`.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::authority::Authority;
use super::program::Program;
use super::started::{Started, free_address};
use crate::artifacts::root;

/// The user of the filter, and its password, in `envoy/valkey.conf`.
pub const FILTER: (&str, &str) = ("api_credits", "change-me");
/// Who may do everything on a server of the tests, and their password.
const OPERATOR: (&str, &str) = ("operator", "operator");
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a server is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Who signs its certificate, of one that speaks TLS. It still speaks to the tests without.
    pub tls: Option<&'a Authority>,
    /// Whose replica it is from the start on.
    pub replica_of: Option<SocketAddr>,
    /// Whether everybody may do everything, without a user or a password.
    pub open: bool,
}

/// A running server, which keeps nothing on disk. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens without TLS.
    pub address: SocketAddr,
    /// Where it listens with TLS, if it does.
    pub tls: Option<SocketAddr>,
    program: Program,
    config: String,
    /// `None` while it is down.
    started: Option<Started>,
}

impl Server {
    /// Starts one on a free port.
    ///
    /// # Errors
    ///
    /// When it does not serve.
    pub async fn start(program: &Program, settings: Settings<'_>) -> anyhow::Result<Self> {
        let place = RefCell::default();
        let (address, started) = Started::on_a_free_port(
            "the engine's server",
            |folder, address| {
                let tls = settings.tls.map(|_| free_address()).transpose()?;
                let config = config(settings, tls)?;
                let command = command(program, folder, &config, address);
                place.replace((tls, config));
                command
            },
            is,
        )
        .await?;
        let (tls, config) = place.into_inner();
        Ok(Self {
            address,
            tls,
            program: program.clone(),
            config,
            started: Some(started),
        })
    }

    /// What it answers to a command, as it writes it, without the last line break.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        command_as(self.address, Some(OPERATOR), words).await
    }

    /// Every further command waits, as do all others who want anything from it.
    ///
    /// # Errors
    ///
    /// When it is down.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.started()?.signal("STOP")
    }

    /// It goes on where it was frozen.
    ///
    /// # Errors
    ///
    /// When it is down.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.started()?.signal("CONT")
    }

    /// Ends it at once. What it knew is lost.
    pub fn kill(&mut self) {
        self.started = None;
    }

    /// Starts it again, empty, where it was.
    ///
    /// # Errors
    ///
    /// When it does not serve there any more.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.started = None;
        let begun = Instant::now();
        loop {
            let folder = tempfile::Builder::new()
                .prefix("api-credits-test-")
                .tempdir()?;
            let command = command(&self.program, &folder, &self.config, self.address)?;
            let answers = async |id| is(self.address, id).await;
            match Started::run("the engine's server", folder, command, answers).await? {
                Ok(started) => {
                    self.started = Some(started);
                    return Ok(());
                }
                // Somebody may hold the port for a moment.
                Err(log) => ensure!(
                    begun.elapsed() < PATIENCE,
                    "it does not start again:\n{log}"
                ),
            }
        }
    }

    fn started(&self) -> anyhow::Result<&Started> {
        self.started.as_ref().context("the server is down")
    }
}

/// The settings of operators, as far as they go together with the tests.
fn config(settings: Settings<'_>, tls: Option<SocketAddr>) -> anyhow::Result<String> {
    let (name, password) = OPERATOR;
    let mut config = "save \"\"\nappendonly no\n".to_owned();
    if settings.open {
        config.push_str("maxmemory-policy noeviction\n");
    } else {
        let path = root().join("envoy/valkey.conf");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // What keeps data on disk is not for tests.
        let lines = text.lines().filter(|line| !line.starts_with("appendonly"));
        for line in lines {
            writeln!(config, "{line}")?;
        }
        writeln!(config, "masteruser {name}\nmasterauth {password}")?;
    }
    writeln!(config, "user {name} on >{password} ~* &* +@all")?;
    // A replica is there at once, not after five seconds.
    config.push_str("repl-diskless-sync yes\nrepl-diskless-sync-delay 0\n");
    if let Some(primary) = settings.replica_of {
        writeln!(config, "replicaof {} {}", primary.ip(), primary.port())?;
    }
    if let (Some(authority), Some(address)) = (settings.tls, tls) {
        writeln!(config, "tls-port {}\ntls-auth-clients no", address.port())?;
        for (name, file) in [
            ("cert", &authority.certificate),
            ("key", &authority.key),
            ("ca-cert", &authority.own_certificate),
        ] {
            writeln!(config, "tls-{name}-file {}", file.display())?;
        }
    }
    Ok(config)
}

fn command(
    program: &Program,
    folder: &TempDir,
    config: &str,
    address: SocketAddr,
) -> anyhow::Result<Command> {
    let file = folder.path().join("server.conf");
    let place = format!(
        "bind {}\nport {}\ndir {}\n",
        address.ip(),
        address.port(),
        Path::display(folder.path())
    );
    fs::write(&file, format!("{config}{place}"))?;
    let mut command = program.command(folder.path())?;
    command.arg(file);
    Ok(command)
}

/// Whether the process with this number serves there.
async fn is(address: SocketAddr, id: u32) -> bool {
    let info = command_as(address, Some(OPERATOR), &["INFO", "server"]).await;
    let id = format!("process_id:{id}");
    info.unwrap_or_default().lines().any(|line| line == id)
}

/// What a server answers to a command of this user, or of nobody in particular. Everything is sent in one go, as the filter does.
///
/// # Errors
///
/// When it does not answer, or does not know the user.
pub async fn command_as(
    address: SocketAddr,
    user: Option<(&str, &str)>,
    words: &[&str],
) -> anyhow::Result<String> {
    let login = user.map(|(name, password)| encoded(&["AUTH", name, password]));
    let commands = format!("{}{}", login.unwrap_or_default(), encoded(words));
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(commands.as_bytes()).await?;
        stream.shutdown().await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await;
    let answer = answer.with_context(|| format!("{address} does not answer"))??;
    if user.is_none() {
        return Ok(answer.trim_end().to_owned());
    }
    match answer.split_once("\r\n") {
        Some(("+OK", answer)) => Ok(answer.trim_end().to_owned()),
        Some((refusal, _)) => bail!("{address} lets nobody in: {refusal}"),
        None => bail!("{address} breaks off"),
    }
}

/// A command in RESP.
fn encoded(words: &[&str]) -> String {
    let words = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words: Vec<_> = words.collect();
    format!("*{}\r\n{}", words.len(), words.concat())
}
