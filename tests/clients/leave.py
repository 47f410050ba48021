#!/usr/bin/env python3
"""Calls and leaves in every way that HTTP/2 and HTTP/3 have, frame by frame.

    leave.py

Prints `ready` and reads lines of JSON, and answers each with one: {"begin": {"how": …, "port": …, "path": …, "headers": {…}}} sends a request on
a connection of its own, and {"leave": true} ends it in that way. `how` is `PROTOCOL WHAT CODE`, the code in decimals:

    h2 rst 8            RST_STREAM after the whole request       h3 stop 268         STOP_SENDING after the whole request
    h2 rst-open 8       before its end                           h3 reset-open 268   RESET_STREAM and STOP_SENDING before its end
    h2 goaway 2         GOAWAY, and the connection stays         h3 close 256        CONNECTION_CLOSE
    h2 close 0          the connection is closed                 h3 close-open 256  the same before the request's end
    h2 frame CODE       a frame that is an error: DATA on stream 0 (0), DATA after the request's end (1), a window that is too large (2)
    h2 short 5          the body ends before its content-length of 5; with HTTP/3 as well

    grpc cancel 0       a call of grpcio is cancelled            grpc deadline 500  or has a deadline, in milliseconds
"""

import asyncio
import json
import ssl
import struct
import sys

import grpc
import h2.config
import h2.connection
import h2.events
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.quic.configuration import QuicConfiguration

OPEN = ("rst-open", "reset-open", "close-open", "short")


def frame(kind, flags, stream, payload):
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


FRAMES = [
    frame(0, 0, 0, b"x"),
    frame(0, 0, 1, b"x"),
    frame(8, 0, 1, struct.pack(">I", 0x7FFFFFFF)),
]


class Http2:
    """A connection with one request."""

    async def begin(self, what, code, port, path, headers):
        """Sends the request."""
        self.what, self.code = what, code
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        method = "POST" if what in OPEN else "GET"
        fields = [(":method", method), (":scheme", "http"), (":authority", "api.example"), (":path", path)]
        fields += [(name.lower(), value) for name, value in headers.items()]
        if what == "short":
            fields.append(("content-length", str(code)))
        self.connection.send_headers(1, fields, end_stream=what not in OPEN)
        self.writer.write(self.connection.data_to_send())
        if what in OPEN:
            self.writer.write(frame(0, 0, 1, b"ab"))
        await self.writer.drain()
        self.answered = asyncio.Event()
        self.reading = asyncio.ensure_future(self.read())

    async def read(self):
        """Answers what the connection itself asks, as long as its state is one that the library knows."""
        try:
            while data := await self.reader.read(65536):
                for event in self.connection.receive_data(data):
                    if isinstance(event, h2.events.StreamEnded):
                        self.answered.set()
                self.writer.write(self.connection.data_to_send())
        except Exception:  # The connection is over, or was made to be wrong.
            pass
        self.answered.set()

    async def leave(self):
        """Ends it."""
        if self.what == "close":
            self.writer.close()
            return
        if self.what in ("rst", "rst-open"):
            ending = frame(3, 0, 1, struct.pack(">I", self.code))
        elif self.what == "goaway":
            ending = frame(7, 0, 0, struct.pack(">II", 0, self.code))
        elif self.what == "frame":
            ending = FRAMES[self.code]
        else:
            ending = frame(0, 1, 1, b"")
        self.writer.write(ending)
        await self.writer.drain()

    async def end(self):
        """Gives the connection up; who has sent GOAWAY reads the answer first."""
        if self.what == "goaway":
            await asyncio.wait_for(self.answered.wait(), 20)
        self.reading.cancel()
        self.writer.close()


class Http3:
    """A connection with one request."""

    async def begin(self, what, code, port, path, headers):
        """Sends the request."""
        self.what, self.code = what, code
        config = QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE, server_name="api.example")
        self.context = connect("127.0.0.1", port, configuration=config, create_protocol=QuicConnectionProtocol)
        self.client = await self.context.__aenter__()
        self.quic = self.client._quic
        self.http = http = H3Connection(self.quic)
        self.stream = self.quic.get_next_available_stream_id()
        method = b"POST" if what in OPEN else b"GET"
        fields = [(b":method", method), (b":scheme", b"https"), (b":authority", b"api.example"), (b":path", path.encode())]
        fields += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if what == "short":
            fields.append((b"content-length", str(code).encode()))
        http.send_headers(self.stream, fields, end_stream=what not in OPEN)
        if what in OPEN:
            http.send_data(self.stream, b"ab", end_stream=False)
        self.client.transmit()

    async def leave(self):
        """Ends it."""
        if self.what in ("close", "close-open"):
            self.client.close(error_code=self.code)
        elif self.what == "short":
            self.http.send_data(self.stream, b"", end_stream=True)
            self.client.transmit()
        else:
            if self.what == "reset-open":
                self.quic.reset_stream(self.stream, self.code)
            self.quic.stop_stream(self.stream, self.code)
            self.client.transmit()

    async def end(self):
        """Gives the connection up."""
        await self.context.__aexit__(None, None, None)


class Grpc:
    """A call of grpcio."""

    async def begin(self, what, code, port, path, headers):
        """Makes the call."""
        self.what = what
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        call = self.channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        metadata = [(name.lower(), value) for name, value in headers.items()]
        self.future = call.future(b"", metadata=metadata, timeout=code / 1000 if what == "deadline" else None)

    async def leave(self):
        """Cancels it, or waits for its deadline."""
        if self.what == "cancel":
            self.future.cancel()
        else:
            await asyncio.get_running_loop().run_in_executor(None, self.future.exception)

    async def end(self):
        """Gives the connection up."""
        self.channel.close()


async def main():
    """One call after the other, each of which is given up when the next one begins."""
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    call = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told = json.loads(line)
        if "begin" in told:
            if call is not None:
                await call.end()
            begin = told["begin"]
            protocol, what, code = begin["how"].split(" ")
            call = {"h2": Http2, "h3": Http3, "grpc": Grpc}[protocol]()
            await call.begin(what, int(code), begin["port"], begin["path"], begin["headers"])
        else:
            await call.leave()
        print("{}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
