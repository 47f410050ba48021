//! Webdis in front of a server: the engine over HTTP, for a cluster of servers or a proxy in between.

use std::fs;
use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpStream;

use super::program::Program;
use super::server::Server;
use super::started::Started;

/// A running Webdis. Dropping it ends it.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens for HTTP.
    pub address: SocketAddr,
    _started: Started,
}

impl Gateway {
    /// Starts one on a free port, in front of a server that is open.
    ///
    /// # Errors
    ///
    /// When it does not serve.
    pub async fn start(program: &Program, server: &Server) -> anyhow::Result<Self> {
        let (address, started) = Started::on_a_free_port(
            "Webdis",
            |folder, address| {
                let file = folder.path().join("webdis.json");
                let config = json!({
                    "redis_host": server.address.ip(),
                    "redis_port": server.address.port(),
                    "http_host": address.ip(),
                    "http_port": address.port(),
                    "threads": 2,
                    "daemonize": false,
                    // All that the filter needs; Debian's own list allows FLUSHALL.
                    "acl": [{ "disabled": ["*"] }, { "enabled": ["EVAL"] }],
                    "verbosity": 3,
                    "logfile": folder.path().join("webdis.log"),
                });
                fs::write(&file, config.to_string())?;
                let mut command = program.command(folder.path())?;
                command.arg(file);
                Ok(command)
            },
            async |address, _| TcpStream::connect(address).await.is_ok(),
        )
        .await?;
        Ok(Self {
            address,
            _started: started,
        })
    }
}
