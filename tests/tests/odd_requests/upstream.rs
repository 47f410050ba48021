//! An upstream that answers by path, and writes down what it gets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::wire::Connection;

/// What it answers to all other paths.
const USUAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Starts it on a thread of its own.
    pub(crate) fn start(answers: &'static [(&str, &[u8])]) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&noted);
                thread::spawn(move || serve(connection, answers, &noted));
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

fn serve(
    connection: TcpStream,
    answers: &[(&str, &[u8])],
    seen: &Mutex<Vec<String>>,
) -> anyhow::Result<()> {
    let mut connection = Connection::new(connection)?;
    while let Some(request) = connection.message(|_| true)? {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.comparable());
        drop(seen);
        let path = request.first_line.split(' ').nth(1).unwrap_or_default();
        let answer = answers.iter().find(|(known, _)| *known == path);
        let answer = answer.map_or(USUAL.as_bytes(), |(_, answer)| answer);
        let head = answer.windows(4).position(|part| part == b"\r\n\r\n");
        match head.filter(|_| request.first_line.starts_with("HEAD")) {
            Some(end) => connection.write(&answer[..end + 4])?,
            None => connection.write(answer)?,
        }
        // What the answer does not end, the connection does.
        if path.starts_with("/ends/") {
            break;
        }
    }
    Ok(())
}
