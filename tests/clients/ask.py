#!/usr/bin/env python3
"""Asks the gRPC service shop.Shop for a thing with a client of PyPI, and prints what its user reads.

    ask.py CLIENT ADDRESS        CLIENT: `grpcio`; `json`, requests in front of a transcoder; `http1`, gRPC over HTTP/1.1 in front of a bridge

Prints `ready`, reads one line of JSON, {case: {header: value}}, and prints a line of JSON for each case: {"case": …, "code": …,
"message": …, "retry_after": …}, where the code is that of the protocol.
"""

import json
import sys
import urllib.parse

THING = b"\x0a\x014"  # Thing(id="4")

# As a client library that is asked to repeat calls is told to.
REPEATING = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def with_grpcio(address):
    """A native client."""
    import grpc

    options = (("grpc.service_config", json.dumps(REPEATING)),)
    channel = grpc.insecure_channel(address, options=options)
    get = channel.unary_unary("/shop.Shop/Get", request_serializer=bytes, response_deserializer=bytes)

    def ask(headers):
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            get(THING, metadata=metadata, timeout=30)
        except grpc.RpcError as error:
            return error.code().name, error.details(), dict(error.trailing_metadata()).get("retry-after")
        return "OK", "", None

    return ask


def with_json(address):
    """A client that knows nothing of gRPC."""
    import requests

    def ask(headers):
        response = requests.get(f"http://{address}/v1/things/4", headers=headers, timeout=30)
        assert response.headers["content-type"] == "application/json", (response.headers, response.text)
        return response.status_code, response.json().get("message", ""), response.headers.get("retry-after")

    return ask


def with_http1(address):
    """A client of gRPC whose HTTP has no trailers."""
    import requests

    def ask(headers):
        headers = {"content-type": "application/grpc", **headers}
        body = b"\0" + len(THING).to_bytes(4, "big") + THING
        response = requests.post(f"http://{address}/shop.Shop/Get", headers=headers, data=body, timeout=30)
        code, message = response.headers["grpc-status"], response.headers.get("grpc-message", "")
        return f"{response.status_code} {code}", urllib.parse.unquote(message), response.headers.get("retry-after")

    return ask


def main(client, address):
    """Ends after the last case."""
    ask = {"grpcio": with_grpcio, "json": with_json, "http1": with_http1}[client](address)
    print("ready", flush=True)
    for case, headers in json.loads(sys.stdin.readline()).items():
        code, message, retry_after = ask(headers)
        said = {"case": case, "code": str(code), "message": message, "retry_after": retry_after}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
