//! The load: connections that are kept, over each of which one call follows the answer to another.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::request::Bytes;

/// Clients of one Envoy.
#[derive(Debug)]
pub struct Clients {
    connections: Vec<Connection>,
    calls: Vec<Bytes>,
    /// Which call is sent next.
    next: Cell<usize>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// How calls went.
#[derive(Debug)]
pub struct Sent {
    /// How long all of them took together.
    pub elapsed: Duration,
    /// How long each of them took, in microseconds.
    pub microseconds: Vec<u32>,
}

/// A complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    /// Its head and its body, in bytes.
    length: usize,
}

impl Clients {
    /// Opens `connections` connections, over which these calls are sent in turns.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn connect(
        address: SocketAddr,
        connections: usize,
        calls: Vec<Bytes>,
    ) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            opened.push(Connection {
                stream,
                buffer: Vec::with_capacity(16_384),
            });
        }
        Ok(Self {
            connections: opened,
            calls,
            next: Cell::new(0),
        })
    }

    /// Sends so many calls, and expects each to be answered with this status, if with one.
    ///
    /// # Errors
    ///
    /// When one is answered otherwise, or not at all.
    pub async fn send(&mut self, count: usize, status: Option<u16>) -> anyhow::Result<Sent> {
        let started = Instant::now();
        let left = Cell::new(count);
        let (calls, next) = (&self.calls, &self.next);
        let connections = self.connections.iter_mut().map(async |connection| {
            let mut microseconds = Vec::with_capacity(count);
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let number = next.replace(next.get().wrapping_add(1));
                let call = number.checked_rem(calls.len()).and_then(|at| calls.get(at));
                let sent = Instant::now();
                let answer = connection
                    .exchange(call.context("no calls to send")?)
                    .await?;
                microseconds.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                let expected = status.unwrap_or(answer);
                ensure!(
                    answer == expected,
                    "a call was answered {answer}, expected {expected}"
                );
            }
            anyhow::Ok(microseconds)
        });
        let microseconds = try_join_all(connections).await?.concat();
        Ok(Sent {
            elapsed: started.elapsed(),
            microseconds,
        })
    }
}

impl Connection {
    /// Sends a call and reads its whole answer; the status.
    async fn exchange(&mut self, call: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(call).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed before a whole answer");
            }
            if let Some(response) = complete(&self.buffer)? {
                ensure!(
                    response.length == self.buffer.len(),
                    "more than one answer to one call"
                );
                return Ok(response.status);
            }
        }
    }
}

/// The response in `bytes`, if all of it is there. It has to state its length.
fn complete(bytes: &[u8]) -> anyhow::Result<Option<Response>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .with_context(|| format!("no status in {head:?}"))?;
    let body: usize = lines
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse().ok())
        .with_context(|| format!("no length in {head:?}"))?;
    let length = end.saturating_add(4).saturating_add(body);
    Ok((bytes.len() >= length).then_some(Response { status, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_with_its_body() {
        let whole = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\nx: y\r\n\r\nab";
        let parsed = |length: usize| complete(&whole[..length]).unwrap();
        let length = whole.len();
        assert_eq!(
            parsed(length),
            Some(Response {
                status: 429,
                length
            })
        );
        for incomplete in 0..length {
            assert_eq!(parsed(incomplete), None);
        }
    }

    #[test]
    fn a_response_without_a_length_is_said_to_be_one() {
        let error = complete(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
        assert_eq!(error.to_string(), r#"no length in "HTTP/1.1 200 OK""#);
    }
}
