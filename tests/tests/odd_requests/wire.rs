//! Messages of HTTP/1 as they are on the wire, read as plainly as can be and made comparable.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use super::cases::Case;

/// Nothing here takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, and what has been read ahead.
pub(crate) struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

/// A message.
pub(crate) struct Message {
    pub(crate) first_line: String,
    /// In the order of their names.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let ahead = Vec::new();
        Ok(Self { stream, ahead })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads more; says whether there was any.
    fn fill(&mut self) -> std::io::Result<bool> {
        let mut bytes = [0; 65536];
        let read = match self.stream.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.ahead.extend(bytes.iter().take(read));
        Ok(read > 0)
    }

    /// Everything up to this; `None` if the connection ends before.
    fn until(&mut self, end: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            let found = self.ahead.windows(end.len()).position(|part| part == end);
            if let Some(at) = found {
                let rest = self.ahead.split_off(at + end.len());
                let mut taken = std::mem::replace(&mut self.ahead, rest);
                taken.truncate(at);
                return Ok(Some(taken));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// This many bytes, or as many as come.
    pub(crate) fn some(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        while self.ahead.len() < count && self.fill()? {}
        let rest = self.ahead.split_off(count.min(self.ahead.len()));
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// What has been read ahead, or comes next; `None` at the end.
    pub(crate) fn any(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if self.ahead.is_empty() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.ahead)))
    }

    /// What has been read ahead.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// The next message; `None` if there is no whole head.
    pub(crate) fn message(
        &mut self,
        has_body: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Option<Message>> {
        let Some(head) = self.until(b"\r\n\r\n")? else {
            return Ok(None);
        };
        // Byte for byte.
        let head: String = head.iter().map(|byte| char::from(*byte)).collect();
        let mut lines = head.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let mut fields: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        fields.sort();
        let field = |name: &str| {
            let mut fields = fields.iter();
            fields.find_map(|(other, value)| (other == name).then_some(value.as_str()))
        };
        let mut body = Vec::new();
        if has_body(&first_line) {
            if field("transfer-encoding") == Some("chunked") {
                while let Some(size) = self.until(b"\r\n")? {
                    let size = String::from_utf8(size)?;
                    let size = usize::from_str_radix(&size, 16).context(size)?;
                    body.extend(self.some(size)?);
                    self.some(2)?;
                    if size == 0 {
                        break;
                    }
                }
            } else if let Some(length) = field("content-length") {
                body = self.some(length.parse()?)?;
            }
        }
        Ok(Some(Message {
            first_line,
            fields,
            body,
        }))
    }
}

impl Message {
    /// As a text, without what is never the same twice.
    pub(crate) fn comparable(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| {
            let changes = match name.as_str() {
                "date" => value.ends_with("GMT"),
                "x-request-id" => value.len() == 36,
                "x-envoy-upstream-service-time" => true,
                // Of 15 seconds those are left that no try has taken.
                "x-envoy-expected-rq-timeout-ms" => value.starts_with("14") && value.len() == 5,
                _ => false,
            };
            match changes {
                true if name == "x-envoy-expected-rq-timeout-ms" => format!("{name}: 15000"),
                true => format!("{name}: …"),
                false => format!("{name}: {value:.80}"),
            }
        });
        let fields: Vec<_> = fields.collect();
        format!(
            "{:.80} | {} | {}",
            self.first_line,
            fields.join(", "),
            self.body.escape_ascii()
        )
    }
}

/// Sends a request to a host; what it answers.
pub(crate) fn call(host: SocketAddr, case: &Case) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::new(TcpStream::connect(host)?)?;
    // Whoever refuses it may not read all of it.
    let _ = connection.write(&case.request);
    let to_head = case.request.starts_with(b"HEAD");
    let has_body = |line: &str| {
        let bodiless = [" 100 ", " 204 ", " 304 "];
        !to_head && !bodiless.iter().any(|status| line.contains(status))
    };
    let mut answers = Vec::new();
    while answers.len() < case.answers {
        let Some(answer) = connection.message(has_body).context(case.name.clone())? else {
            answers.push("the end".to_owned());
            break;
        };
        answers.push(answer.comparable());
    }
    Ok(answers)
}
