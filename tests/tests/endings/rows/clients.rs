//! What clients end: by leaving in every way there is, by breaking the protocol, or by a deadline of their own.

use host_sim::target::HttpVersion::Two;

use crate::row::Client::{self, Curl, Frames, Node, Socket, Waits};
use crate::row::Does::{Finishes, Works};
use crate::row::Leaving::{BadChunk, Close, HalfClose, Reset};
use crate::row::Request::{Unfinished, Whole, WithBody};
use crate::row::Row;

pub(super) fn rows() -> Vec<Row> {
    let all = [over_http1(), over_http2(), over_http3(), deadlines()];
    all.into_iter().flatten().collect()
}

/// A row whose client does this while the upstream works.
fn leaves(who: &'static str, how: &'static str, client: Client) -> Row {
    Row {
        client,
        upstream: Works,
        ..Row::new(who, how)
    }
}

fn over_http1() -> Vec<Row> {
    let leaves = |how, client| leaves("client, HTTP/1.1", how, client);
    vec![
        leaves("closes the connection", Socket(Close, Whole)),
        leaves(
            "closes the connection before the end of its body",
            Socket(Close, Unfinished),
        ),
        leaves(
            "closes its side of the connection and listens",
            Socket(HalfClose, Whole),
        ),
        leaves("resets the connection (TCP RST)", Socket(Reset, Whole)),
        leaves(
            "resets the connection before the end of its body",
            Socket(Reset, Unfinished),
        ),
        leaves("`curl --max-time`", Curl(&["--http1.1", "--max-time", "2"])),
        leaves("sends a broken chunk", Socket(BadChunk, Unfinished)),
    ]
}

fn over_http2() -> Vec<Row> {
    let leaves = |how, client| leaves("client, HTTP/2", how, client);
    vec![
        leaves("Node: `stream.close()`", Node(&["close"])),
        leaves("Node: `stream.close(NGHTTP2_CANCEL)`", Node(&["cancel"])),
        leaves("Node: `stream.destroy()`", Node(&["destroy"])),
        leaves(
            "Node: `stream.destroy(error)`",
            Node(&["destroy with an error"]),
        ),
        leaves("Node: `session.destroy()`", Node(&["session.destroy"])),
        leaves(
            "Node: `session.close()`, then `stream.close()`",
            Node(&["session.close and stream.close"]),
        ),
        leaves("Node: `AbortController.abort()`", Node(&["abort"])),
        leaves(
            "`curl --max-time`",
            Curl(&["--http2-prior-knowledge", "--max-time", "2"]),
        ),
        leaves(
            "`RST_STREAM NO_ERROR` after its request",
            Frames(&["h2 rst 0"]),
        ),
        leaves(
            "`RST_STREAM` with any error code from 1 to 13 after its request",
            Frames(&[
                "h2 rst 1",
                "h2 rst 2",
                "h2 rst 3",
                "h2 rst 4",
                "h2 rst 5",
                "h2 rst 6",
                "h2 rst 7",
                "h2 rst 8",
                "h2 rst 9",
                "h2 rst 10",
                "h2 rst 11",
                "h2 rst 12",
                "h2 rst 13",
            ]),
        ),
        leaves(
            "`RST_STREAM` with any error code from 0 to 13 before the end of its body",
            Frames(&[
                "h2 rst-open 0",
                "h2 rst-open 1",
                "h2 rst-open 2",
                "h2 rst-open 3",
                "h2 rst-open 4",
                "h2 rst-open 5",
                "h2 rst-open 6",
                "h2 rst-open 7",
                "h2 rst-open 8",
                "h2 rst-open 9",
                "h2 rst-open 10",
                "h2 rst-open 11",
                "h2 rst-open 12",
                "h2 rst-open 13",
            ]),
        ),
        leaves("closes the connection", Frames(&["h2 close 0"])),
        Row {
            upstream: Finishes,
            ..leaves(
                "sends `GOAWAY`, with or without an error, and reads the answer",
                Frames(&["h2 goaway 0", "h2 goaway 2"]),
            )
        },
        leaves("grpcio: `future.cancel()`", Frames(&["grpc cancel 0"])),
        leaves(
            "grpcio: a deadline of its own (`timeout=`), which Envoy does not know",
            Frames(&["grpc deadline 1000"]),
        ),
        leaves("sends `DATA` on stream 0", Frames(&["h2 frame 0"])),
        leaves(
            "sends `DATA` after the end of its request",
            Frames(&["h2 frame 1"]),
        ),
        leaves(
            "sends a `WINDOW_UPDATE` that is too large",
            Frames(&["h2 frame 2"]),
        ),
        leaves(
            "ends its body before its `content-length`",
            Frames(&["h2 short 5"]),
        ),
    ]
}

fn over_http3() -> Vec<Row> {
    let leaves = |how, client| Row {
        listener: "http3",
        ..leaves("client, HTTP/3", how, client)
    };
    vec![
        leaves(
            "`STOP_SENDING` after its request, with eight error codes, `H3_NO_ERROR` and `H3_REQUEST_CANCELLED` among them",
            Frames(&[
                "h3 stop 0",
                "h3 stop 256",
                "h3 stop 257",
                "h3 stop 258",
                "h3 stop 263",
                "h3 stop 267",
                "h3 stop 268",
                "h3 stop 270",
            ]),
        ),
        leaves(
            "`RESET_STREAM` and `STOP_SENDING` before the end of its body, with the same codes",
            Frames(&[
                "h3 reset-open 0",
                "h3 reset-open 256",
                "h3 reset-open 257",
                "h3 reset-open 258",
                "h3 reset-open 263",
                "h3 reset-open 267",
                "h3 reset-open 268",
                "h3 reset-open 270",
            ]),
        ),
        leaves(
            "`CONNECTION_CLOSE` after its request: `H3_NO_ERROR`, `H3_GENERAL_PROTOCOL_ERROR`, `H3_REQUEST_CANCELLED`",
            Frames(&["h3 close 256", "h3 close 257", "h3 close 268"]),
        ),
        leaves(
            "`CONNECTION_CLOSE` before the end of its body, with the same codes",
            Frames(&[
                "h3 close-open 256",
                "h3 close-open 257",
                "h3 close-open 268",
            ]),
        ),
        leaves(
            "ends its body before its `content-length`",
            Frames(&["h3 short 5"]),
        ),
    ]
}

/// Time-outs that the client asked for itself.
fn deadlines() -> Vec<Row> {
    let row = |how, headers| Row {
        headers,
        upstream: Works,
        ..Row::new("deadline of the client", how)
    };
    vec![
        Row {
            client: Waits(Two, WithBody),
            route: "grpc-timeout",
            ..row(
                "`grpc-timeout` of a gRPC call",
                &[
                    ("content-type", "application/grpc"),
                    ("te", "trailers"),
                    ("grpc-timeout", "500m"),
                ],
            )
        },
        Row {
            route: "grpc-timeout",
            ..row("`grpc-timeout` of a REST call", &[("grpc-timeout", "500m")])
        },
        Row {
            listener: "internal clients",
            ..row(
                "`x-envoy-upstream-rq-timeout-ms` of an internal client",
                &[("x-envoy-upstream-rq-timeout-ms", "500")],
            )
        },
        Row {
            listener: "internal clients",
            ..row(
                "`x-envoy-upstream-rq-per-try-timeout-ms` of an internal client",
                &[("x-envoy-upstream-rq-per-try-timeout-ms", "500")],
            )
        },
        Row {
            listener: "internal clients",
            route: "grpc-timeout",
            ..row(
                "`x-envoy-upstream-stream-duration-ms` of an internal client",
                &[("x-envoy-upstream-stream-duration-ms", "500")],
            )
        },
        Row {
            charged: 0,
            route: "timeout",
            ..row(
                "`x-envoy-upstream-rq-timeout-ms` of an external client, which Envoy removes; the route's time-out",
                &[("x-envoy-upstream-rq-timeout-ms", "500")],
            )
        },
    ]
}
