//! A connection to the engine that breaks on demand: a TCP proxy on a free port, whose behaviour changes while it runs.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;

/// How new connections are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: everything passes.
    None,
    /// Connections are refused.
    Refused,
    /// They are taken, and nothing ever comes back; the server sees nothing.
    Hangs,
    /// They are taken and closed; the server sees nothing.
    Closed,
    /// The server does what it is told, and its answer never arrives.
    Lost,
    /// The server does what it is told, and half of its answer arrives before the connection closes.
    Halved,
    /// The server sees nothing, and this comes back.
    Says(String),
    /// Everything passes, the answer so much later.
    Late(Duration),
}

impl Fault {
    /// An error of the server's, as in `READONLY You can't write against a read only replica.`
    #[must_use]
    pub fn error(text: &str) -> Self {
        Self::Says(format!("-{text}\r\n"))
    }
}

/// The proxy. It ends when dropped.
#[derive(Debug)]
pub struct Faulty {
    /// Where it listens, unless connections are refused.
    pub address: SocketAddr,
    /// Keeps the port while nobody listens there.
    _port: TcpSocket,
    state: Arc<State>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    server: Mutex<SocketAddr>,
    fault: Mutex<Fault>,
    connections: AtomicU64,
}

impl Faulty {
    /// Starts one in front of a server, without a fault.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start(server: SocketAddr) -> anyhow::Result<Self> {
        let port = TcpSocket::new_v4()?;
        port.set_reuseport(true)?;
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let mut faulty = Self {
            address: port.local_addr()?,
            _port: port,
            state: Arc::new(State {
                server: Mutex::new(server),
                fault: Mutex::new(Fault::None),
                connections: AtomicU64::new(0),
            }),
            listening: None,
        };
        faulty.set(Fault::None).await?;
        Ok(faulty)
    }

    /// From now on this becomes of new connections. Those that there are go on as they began.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened at any more.
    pub async fn set(&mut self, fault: Fault) -> anyhow::Result<()> {
        let refused = fault == Fault::Refused;
        *lock(&self.state.fault) = fault;
        match (refused, self.listening.take()) {
            (false, None) => {
                // Both sockets have the port, and only one that listens gets connections.
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseport(true)?;
                socket.bind(self.address)?;
                let listener = socket.listen(BACKLOG)?;
                self.listening = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
            }
            (true, Some(listening)) => {
                listening.abort();
                // The port is closed when this is over.
                let _ = listening.await;
            }
            (false, listening @ Some(_)) => self.listening = listening,
            (true, None) => {}
        }
        Ok(())
    }

    /// From now on it is in front of this server.
    pub fn redirect(&self, server: SocketAddr) {
        *lock(&self.state.server) = server;
    }

    /// How many connections it has taken.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::Relaxed);
        let (fault, server) = (lock(&state.fault).clone(), *lock(&state.server));
        tokio::spawn(async move {
            // Either side may hang up at any time.
            let _ = pass(client, server, fault).await;
        });
    }
}

/// How one connection is treated.
async fn pass(mut client: TcpStream, server: SocketAddr, fault: Fault) -> io::Result<()> {
    match fault {
        Fault::None => {
            let mut server = TcpStream::connect(server).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Fault::Refused | Fault::Closed => {}
        Fault::Hangs => until_closed(&mut client).await,
        Fault::Lost => {
            exchange(&mut client, server).await?;
            until_closed(&mut client).await;
        }
        Fault::Halved => {
            let answer = exchange(&mut client, server).await?;
            let (half, _) = answer.split_at(answer.len() / 2);
            client.write_all(half).await?;
        }
        Fault::Says(words) => {
            copy(&mut client, &mut tokio::io::sink()).await?;
            client.write_all(words.as_bytes()).await?;
        }
        Fault::Late(by) => {
            let answer = exchange(&mut client, server).await?;
            sleep(by).await;
            client.write_all(&answer).await?;
        }
    }
    Ok(())
}

/// Has the server do what the client says, and returns the whole answer. Health checks wait for one without ending what they say;
/// they get it as it comes.
async fn exchange(client: &mut TcpStream, server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(server).await?;
    copy(client, &mut server).await?;
    server.shutdown().await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The client has said all that it has to say; that it has gone is only told by writing to it, which would be an answer.
async fn until_closed(client: &mut TcpStream) {
    let mut rest = Vec::new();
    // An error says that it is gone.
    if client.read_to_end(&mut rest).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back for `ping` of a server that answers everything with `pong pong`.
    async fn said(faulty: &Faulty) -> io::Result<String> {
        let mut client = TcpStream::connect(faulty.address).await?;
        client.write_all(b"ping").await?;
        client.shutdown().await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn faults_come_and_go() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut words = String::new();
                stream.read_to_string(&mut words).await.unwrap();
                assert_eq!(words, "ping");
                count.fetch_add(1, Ordering::Relaxed);
                stream.write_all(b"pong pong\n").await.unwrap();
            }
        });
        let mut faulty = Faulty::start(server).await.unwrap();
        for (fault, expected, seen) in [
            (Fault::None, "pong pong\n", 1),
            (Fault::Closed, "", 1),
            (Fault::Halved, "pong ", 2),
            (Fault::error("LOADING"), "-LOADING\r\n", 2),
            (Fault::Late(Duration::from_millis(1)), "pong pong\n", 3),
        ] {
            faulty.set(fault.clone()).await.unwrap();
            // A connection that is closed at once may be so before anything is written to it.
            let answer = said(&faulty).await.unwrap_or_default();
            assert_eq!(answer, expected, "{fault:?}");
            assert_eq!(asked.load(Ordering::Relaxed), seen, "{fault:?}");
        }
        for (fault, seen) in [(Fault::Hangs, 3), (Fault::Lost, 4)] {
            faulty.set(fault.clone()).await.unwrap();
            let waiting = tokio::time::timeout(Duration::from_millis(200), said(&faulty)).await;
            assert!(waiting.is_err(), "{fault:?}: {waiting:?}");
            assert_eq!(asked.load(Ordering::Relaxed), seen, "{fault:?}");
        }
        faulty.set(Fault::Refused).await.unwrap();
        let refused = said(&faulty).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(faulty.connections(), 7);
        faulty.set(Fault::None).await.unwrap();
        assert_eq!(said(&faulty).await.unwrap(), "pong pong\n");
    }
}
