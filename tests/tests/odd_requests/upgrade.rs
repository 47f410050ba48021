//! Clients and upstreams that go on in another protocol: what either sees of it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::wire::Connection;

/// Nothing here takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What clients ask for: by the path the upstream knows what to do.
pub(crate) const PATHS: &[&str] = &[
    "/echo",
    "/ends",
    "/chunks/200",
    "/chunks/403",
    "/200",
    "/201",
    "/206",
    "/299",
    "/302",
    "/403",
];

const SWITCHES: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-up: 1\r\n\r\n";

/// An upstream that goes on in another protocol, or does not.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&noted);
                thread::spawn(move || serve(connection, &noted));
            }
        });
        Ok(Self { address, seen })
    }

    /// What it has got since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *seen)
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let mut connection = Connection::new(stream.try_clone()?)?;
    while let Some(request) = connection.message(|_| false)? {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.comparable());
        drop(seen);
        match request.first_line.split(' ').nth(1).unwrap_or_default() {
            "/echo" => {
                connection.write(SWITCHES.as_bytes())?;
                while let Some(bytes) = connection.any()? {
                    connection.write(&bytes)?;
                }
                return Ok(());
            }
            "/ends" => {
                connection.write(SWITCHES.as_bytes())?;
                connection.write(b"bye")?;
                stream.shutdown(Shutdown::Both)?;
                return Ok(());
            }
            path => {
                let status = path.rsplit('/').next().unwrap_or_default();
                let rest = match path.starts_with("/chunks") {
                    true => "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                    false => "content-length: 2\r\n\r\nhi",
                };
                connection.write(format!("HTTP/1.1 {status} Who Knows\r\n{rest}").as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Asks to go on in another protocol, says something in it if that is granted, and says what there was to see.
pub(crate) fn call(host: SocketAddr, path: &str) -> anyhow::Result<Vec<String>> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a2V5\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut connection = Connection::new(stream.try_clone()?)?;
    let answer = connection.message(|line| !line.contains(" 101 "))?;
    let answer = answer.map(|answer| answer.comparable());
    let mut seen = vec![answer.unwrap_or_default()];
    if path == "/echo" {
        for said in ["one", "\0\u{1}two"] {
            connection.write(said.as_bytes())?;
            let heard = connection.some(said.len())?;
            seen.push(heard.escape_ascii().to_string());
        }
        stream.shutdown(Shutdown::Write)?;
    }
    let mut rest = connection.ahead().to_vec();
    // How a connection ends that was cut is a matter of time.
    let _ = stream.read_to_end(&mut rest);
    seen.push(rest.escape_ascii().to_string());
    Ok(seen)
}
