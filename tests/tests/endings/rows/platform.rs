//! What the platform ends: upstreams, Envoy's time-outs, whoever is behind the filter, and what happens to an Envoy.

use host_sim::target::HttpVersion::{One, Two};

use crate::row::Client::{self, Socket, Waits};
use crate::row::Does::{Answers, BreaksOff, HangsUp, Works};
use crate::row::Leaving::Stays;
use crate::row::Request::{Unfinished, Whole, WithBody};
use crate::row::{Row, Special};

/// Fields that make a call a gRPC call.
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

pub(super) fn rows() -> Vec<Row> {
    let all = [upstreams(), timeouts(), neighbours(), redirects(), envoys()];
    all.into_iter().flatten().collect()
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
            route: "full",
            ..answers("has as many requests as its circuit breaker allows", 200)
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
        Row {
            second: true,
            client: Waits(Two, WithBody),
            headers: GRPC,
            ..refunded(
                "`local_ratelimit` has no token left, gRPC",
                "local_ratelimit",
            )
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
        client: Client::Special(special),
        ..Row::new("Envoy", how)
    };
    vec![
        Row {
            charged: 0,
            ..row(
                "its overload manager stops accepting requests",
                Special::Overloaded,
            )
        },
        Row {
            charged: 0,
            route: "retries",
            ..row(
                "its overload manager resets the streams that have the most memory",
                Special::HighMemory,
            )
        },
        row("is drained, and the call goes on", Special::Drained),
        row("is ended (`SIGTERM`)", Special::ShutDown),
    ]
}
