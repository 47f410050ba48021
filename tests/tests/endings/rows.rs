//! All rows of the table, in its order.

use host_sim::target::HttpVersion::{One, Two};

use crate::row::Client::{Curl, Frames, Node, Socket, Special, Waits};
use crate::row::Does::{Answers, BreaksOff, Finishes, HangsUp, Works};
use crate::row::Leaving::{BadChunk, Close, HalfClose, Reset, Stays};
use crate::row::Request::{Unfinished, Whole, WithBody};
use crate::row::{self, Row};

/// Fields that make a call a gRPC call.
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

pub(crate) fn rows() -> Vec<Row> {
    let clients = [over_http1(), over_http2(), over_http3(), deadlines()];
    let others = [upstreams(), timeouts(), neighbours(), redirects(), envoys()];
    clients.into_iter().chain(others).flatten().collect()
}

/// A row whose client does this while the upstream works.
fn leaves(who: &'static str, how: &'static str, client: row::Client) -> Row {
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
        leaves("`curl --max-time`", Curl(&["--http1.1", "--max-time", "1"])),
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
            Curl(&["--http2-prior-knowledge", "--max-time", "1"]),
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
                    ("grpc-timeout", "100m"),
                ],
            )
        },
        Row {
            route: "grpc-timeout",
            ..row("`grpc-timeout` of a REST call", &[("grpc-timeout", "100m")])
        },
        Row {
            listener: "internal clients",
            ..row(
                "`x-envoy-upstream-rq-timeout-ms` of an internal client",
                &[("x-envoy-upstream-rq-timeout-ms", "100")],
            )
        },
        Row {
            listener: "internal clients",
            ..row(
                "`x-envoy-upstream-rq-per-try-timeout-ms` of an internal client",
                &[("x-envoy-upstream-rq-per-try-timeout-ms", "100")],
            )
        },
        Row {
            listener: "internal clients",
            route: "grpc-timeout",
            ..row(
                "`x-envoy-upstream-stream-duration-ms` of an internal client",
                &[("x-envoy-upstream-stream-duration-ms", "100")],
            )
        },
        Row {
            charged: 0,
            route: "timeout",
            ..row(
                "`x-envoy-upstream-rq-timeout-ms` of an external client, which Envoy removes; the route's time-out",
                &[("x-envoy-upstream-rq-timeout-ms", "100")],
            )
        },
    ]
}

fn upstreams() -> Vec<Row> {
    let row = |how, upstream| Row {
        upstream,
        ..Row::new("upstream", how)
    };
    let answers = |how, status| row(how, Answers(status, &[], &[]));
    let refunded = |row| Row { charged: 0, ..row };
    vec![
        answers("answers 200", 200),
        answers("answers 404", 404),
        answers("answers 429", 429),
        answers("answers 500", 500),
        refunded(answers("answers 502", 502)),
        refunded(answers("answers 503", 503)),
        refunded(answers("answers 504", 504)),
        refunded(Row {
            route: "retries",
            ..answers("answers 503, also when it is asked again (retries)", 503)
        }),
        refunded(Row {
            client: Waits(Two, WithBody),
            headers: GRPC,
            ..row(
                "gRPC: `UNAVAILABLE` in the head of its answer",
                Answers(
                    200,
                    &[("content-type", "application/grpc"), ("grpc-status", "14")],
                    &[],
                ),
            )
        }),
        Row {
            client: Waits(Two, WithBody),
            headers: GRPC,
            ..row(
                "gRPC: `UNAVAILABLE` in trailers",
                Answers(
                    200,
                    &[("content-type", "application/grpc")],
                    &[("grpc-status", "14")],
                ),
            )
        },
        refunded(row("hangs up without an answer, HTTP/1.1", HangsUp)),
        refunded(Row {
            client: Waits(Two, Whole),
            ..row("resets the stream without an answer, HTTP/2", HangsUp)
        }),
        row("hangs up within its answer, HTTP/1.1", BreaksOff),
        Row {
            client: Waits(Two, Whole),
            ..row("resets the stream within its answer, HTTP/2", BreaksOff)
        },
        refunded(Row {
            route: "nowhere",
            ..answers("refuses connections", 200)
        }),
        refunded(Row {
            route: "empty",
            ..answers("has no host", 200)
        }),
        refunded(Row {
            route: "odd",
            path: "/garbage",
            ..answers("answers what is no HTTP", 200)
        }),
        refunded(Row {
            route: "odd",
            path: "/two-lengths",
            ..answers("answers with two content-lengths", 200)
        }),
    ]
}

/// Envoy's time-outs.
fn timeouts() -> Vec<Row> {
    let row = |how, route| Row {
        route,
        upstream: Works,
        charged: 0,
        ..Row::new("time-out of Envoy", how)
    };
    let of_listener = |how, listener| Row {
        listener,
        ..row(how, "")
    };
    let unfinished = |row| Row {
        client: Socket(Stays, Unfinished),
        charged: 100,
        ..row
    };
    vec![
        row("the route's `timeout`", "timeout"),
        Row {
            client: Waits(Two, WithBody),
            headers: GRPC,
            ..row("the route's `timeout`, gRPC", "timeout")
        },
        row("`per_try_timeout`, twice", "per-try timeout"),
        row("the route's `idle_timeout`", "idle timeout"),
        of_listener("`stream_idle_timeout`", "stream_idle_timeout"),
        unfinished(of_listener(
            "`stream_idle_timeout`, and the client has not ended its body",
            "stream_idle_timeout",
        )),
        row("the route's `max_stream_duration`", "max_stream_duration"),
        of_listener(
            "the listener's `max_stream_duration`",
            "max_stream_duration",
        ),
        row(
            "the cluster's `max_stream_duration`",
            "upstream's max_stream_duration",
        ),
        unfinished(of_listener(
            "`request_timeout`, and the client has not ended its body",
            "request_timeout",
        )),
    ]
}

/// Who answers behind this filter, so that no upstream is asked.
fn neighbours() -> Vec<Row> {
    let refunded = |how, listener| Row {
        listener,
        charged: 0,
        ..Row::new("Envoy, behind this filter", how)
    };
    let of_route = |how, route| Row {
        route,
        ..refunded(how, "api")
    };
    vec![
        refunded("`ext_authz` denies", "ext_authz denies"),
        refunded("`ext_authz` cannot ask", "ext_authz fails"),
        Row {
            second: true,
            ..refunded("`local_ratelimit` has no token left", "local_ratelimit")
        },
        refunded("`rbac` denies", "rbac"),
        refunded("`lua` responds", "lua"),
        Row {
            client: Waits(One, WithBody),
            ..refunded("`buffer` finds the body too large (413)", "buffer")
        },
        refunded("`fault` aborts with 500", "fault 500"),
        refunded("`fault` aborts with 503", "fault 503"),
        Row {
            second: true,
            path: "/cached",
            upstream: Answers(200, &[("cache-control", "max-age=600")], &[]),
            charged: 100,
            ..refunded("`cache` has the answer", "cache")
        },
        of_route("a route answers 404 (`direct_response`)", "direct response"),
        Row {
            charged: 100,
            ..of_route("a route answers 200 (`direct_response`)", "direct success")
        },
        of_route("a route redirects", "redirect"),
        Row {
            authority: "unrouted.example",
            ..refunded("there is no route", "api")
        },
        Row {
            charged: 100,
            ..refunded("a second instance of this filter, same account", "again")
        },
        of_route("this filter in another proxy refuses (403)", "second"),
        Row {
            client: Waits(Two, WithBody),
            headers: GRPC,
            ..of_route("this filter in another proxy refuses, gRPC", "second")
        },
    ]
}

fn redirects() -> Vec<Row> {
    vec![Row {
        route: "redirects",
        path: "/moved",
        upstream: Answers(302, &[("location", "http://api.example/there")], &[]),
        charged: 101,
        ..Row::new(
            "upstream",
            "redirects, and Envoy follows itself: 1 for the first leg, 100 for the second",
        )
    }]
}

/// What happens to an Envoy.
fn envoys() -> Vec<Row> {
    let row = |how, special| Row {
        client: Special(special),
        ..Row::new("Envoy", how)
    };
    vec![
        Row {
            charged: 0,
            ..row(
                "its overload manager stops accepting requests",
                row::Special::Overloaded,
            )
        },
        Row {
            charged: 0,
            route: "silent",
            ..row(
                "its overload manager resets the streams that have the most memory",
                row::Special::HighMemory,
            )
        },
        row("is drained, and the call goes on", row::Special::Drained),
        row("is ended (`SIGTERM`)", row::Special::ShutDown),
    ]
}
