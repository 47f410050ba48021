//! The side that clients see.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use host_sim::Piece;
use host_sim::target::Departure;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::oneshot::Receiver;
use tokio::sync::watch;

use super::decoder::{Decoder, Malformed};
use super::head;
use super::source::Source;
use crate::command::serve::outlet::OutletBody;
use crate::command::serve::proxy::Waiting;
use crate::command::serve::station::{Answer, CallKey, Station};

/// How long the client may take to read the last answer before its connection is closed: Envoy's default `delayed_close_timeout`.
const DELAYED_CLOSE: Duration = Duration::from_secs(1);

/// How much of the next requests is read while one is answered.
const READ_AHEAD: usize = 64 * 1024;

/// Answers the requests of a connection until either side ends it.
///
/// # Errors
///
/// When the connection breaks.
pub(in crate::command::serve) async fn converse(
    connection: TcpStream,
    station: Rc<Station>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut source = Source::new(read, Vec::new());
    loop {
        let next = tokio::select! {
            biased;
            next = source.head() => next?,
            _ = stopping.wait_for(|stops| *stops) => return Ok(()),
        };
        let Some(next) = next else {
            return Ok(());
        };
        let keeps = exchange(&next, &mut source, &mut write, &station).await?;
        if !keeps || *stopping.borrow() {
            break;
        }
    }
    write.shutdown().await?;
    // What the client still sends would have the system take the answer back.
    let drained = async {
        while source.fill().await? {
            source.buffer.clear();
        }
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(DELAYED_CLOSE, drained).await;
    Ok(())
}

/// Answers a request; says whether the connection is kept.
async fn exchange(
    head: &[u8],
    source: &mut Source<OwnedReadHalf>,
    write: &mut (impl AsyncWrite + Unpin),
    station: &Rc<Station>,
) -> io::Result<bool> {
    let request = head::request(head);
    let mut body = head::body_of_request(&request.headers);
    station.runs().await;
    let begun = station.begin(&request, body.is_over());
    let (call, answer) = begun.map_err(io::Error::other)?;
    let _waiting = Waiting::new(station, call);
    if station.is_upgraded(call) {
        body = Decoder::UntilEnd;
    }
    let taken = Cell::new(body.is_over());
    let taking = take(source, body, station, call, &taken);
    let to_head = request.method == "HEAD";
    let expects = head::last(&request.headers, "expect")
        .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"));
    let giving = give(write, answer, to_head, expects);
    let kept = tokio::select! {
        biased;
        kept = giving => kept?,
        () = taking => false,
    };
    Ok(kept && taken.get())
}

/// Hands a request's body on, as fast as it is wanted, and notes when all of it has been `taken`. Ends when the client goes away.
async fn take(
    source: &mut Source<OwnedReadHalf>,
    mut body: Decoder,
    station: &Rc<Station>,
    call: CallKey,
    taken: &Cell<bool>,
) {
    while !taken.get() {
        match body.take(&mut source.buffer) {
            Ok(bytes) if !bytes.is_empty() => {
                station.receive(call, Piece::Data { bytes, end: false });
                station.wants_more(call).await;
            }
            Ok(_) => {}
            Err(Malformed) => {
                station.leave(call, Departure::BrokenChunk);
                // The answer says so.
                return std::future::pending().await;
            }
        }
        if body.is_over() {
            let end = Piece::Data {
                bytes: Vec::new(),
                end: true,
            };
            station.receive(call, end);
            taken.set(true);
        } else if !source.fill().await.unwrap_or(false) {
            return;
        }
    }
    // Only by reading on is it noticed that the client has gone.
    while source.buffer.len() < READ_AHEAD {
        if !source.fill().await.unwrap_or(false) {
            return;
        }
    }
    std::future::pending().await
}

/// Gives the client its answer; says whether the connection is kept.
async fn give(
    write: &mut (impl AsyncWrite + Unpin),
    mut answer: Receiver<Answer>,
    to_head: bool,
    expects: bool,
) -> io::Result<bool> {
    // Where the answer is there at once, the codec may have refused the request.
    let refused = answer.try_recv().ok();
    if expects
        && !refused
            .as_ref()
            .is_some_and(|answer| head::closes(&answer.headers))
    {
        write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    let answer = match refused {
        Some(answer) => answer,
        None => answer.await.map_err(|_| reset())?,
    };
    let Answer {
        status,
        headers,
        mut body,
    } = answer;
    let mut bytes = head::write_answer(status, &headers);
    let bodiless = to_head || matches!(status, 204 | 304);
    let chunked = !bodiless && head::is_chunked(&headers);
    let length = head::last(&headers, "content-length").and_then(|length| length.parse().ok());
    let mut left: Option<usize> = length.filter(|_| !bodiless);
    while let Some(frame) = frame_behind(&mut body, &mut bytes, write).await? {
        match frame.into_data() {
            Ok(_) if bodiless => {}
            Ok(data) if chunked => bytes.extend(head::write_chunk(&data)),
            Ok(data) => {
                left = left.map(|left| left.saturating_sub(data.len()));
                bytes.extend_from_slice(&data);
            }
            // Trailers are not sent over HTTP/1.
            Err(_) => {}
        }
    }
    if chunked {
        bytes.extend_from_slice(head::LAST_CHUNK);
    }
    write.write_all(&bytes).await?;
    Ok(!head::closes(&headers) && left.is_none_or(|left| left == 0))
}

/// The next frame of a body; before it is waited for, what has gathered is sent.
async fn frame_behind(
    body: &mut OutletBody,
    bytes: &mut Vec<u8>,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<Option<Frame<Bytes>>> {
    let frame = match body.frame().now_or_never() {
        Some(frame) => frame,
        None => {
            write.write_all(bytes).await?;
            bytes.clear();
            body.frame().await
        }
    };
    match frame.transpose() {
        Ok(frame) => Ok(frame),
        Err(error) => {
            // What came before it breaks off counts.
            write.write_all(bytes).await?;
            Err(error)
        }
    }
}
