//! A server that speaks bad HTTP, and one that denies what it is asked to authorize: what it says depends on the path.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server on a free port of 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Odd {
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

impl Odd {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { address, server })
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers one request, of which only the head is read.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        head.extend(piece.iter().take(count));
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let said = match path {
        "/garbage" => "this is no HTTP\r\n\r\n",
        "/two-lengths" => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        _ => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    };
    stream.write_all(said.as_bytes()).await?;
    // Whoever asked hangs up.
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}
