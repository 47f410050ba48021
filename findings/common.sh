# What the findings share: a temporary folder that goes again, Envoy in it, and a few lines of Python to start it.
# A finding sources this, runs `python` with its program on standard input, and fails when what it shows is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH=$work WORK=$work

# packages PACKAGE==VERSION…: installs them, with what they need, in the temporary folder.
packages() {
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" --quiet --disable-pip-version-check install "$@"
}

python() {
  "$work/venv/bin/python" -
}

cat >"$work/finding.py" <<'PYTHON'
"""An Envoy with one listener, an upstream that answers what it is told to, and a way to say what was found."""
import contextlib, glob, http.server, json, os, pathlib, socket, subprocess, sys, threading, time

WORK = os.environ["WORK"]
TYPE = "type.googleapis.com/envoy.extensions."


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def extension(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPE + kind, **fields}}


def router():
    return extension("envoy.filters.http.router", "filters.http.router.v3.Router")


def upstream(answer):
    """An HTTP/1.1 server on a port of its own that has `answer` answer each request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            with contextlib.suppress(OSError):
                answer(self)

        do_GET = do_POST = handle_any

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


@contextlib.contextmanager
def envoy(upstream_port, log, filters=(), route=None, **manager):
    """Envoy with these filters in front of the upstream; gives the port it listens on, and a function that waits for so many log lines."""
    listens, admin, lines = port(), port(), pathlib.Path(WORK, f"access-{port()}.log")
    cluster = {"name": "up", "connect_timeout": "1s", "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}}}]}]}}
    config = {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {"clusters": [cluster], "listeners": [{
            "name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": listens}},
            "filter_chains": [{"filters": [extension(
                "envoy.filters.network.http_connection_manager",
                "filters.network.http_connection_manager.v3.HttpConnectionManager",
                stat_prefix="in", http_filters=[*filters, router()], **manager,
                route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                    {"match": {"prefix": "/"}, "route": {"cluster": "up", **(route or {})}}]}]},
                access_log=[extension("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog",
                                      path=str(lines), log_format={"json_format": log})])]}]}]}}
    path = pathlib.Path(WORK, f"envoy-{listens}.json")
    path.write_text(json.dumps(config))
    program = glob.glob(f"{WORK}/venv/lib/python3*/site-packages/envoy/_bin/envoy")[0]
    errors = open(pathlib.Path(WORK, f"stderr-{listens}"), "w+")
    process = subprocess.Popen([program, "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning",
                                "--file-flush-interval-msec", "20"], stdout=errors, stderr=errors)

    def logged(count):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if lines.exists() and len(found := lines.read_text().splitlines()) >= count:
                return [json.loads(line) for line in found]
            time.sleep(0.02)
        sys.exit(f"Envoy logged fewer than {count} lines")

    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", listens), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                errors.seek(0)
                sys.exit("Envoy did not start: " + errors.read()[-2000:])
            time.sleep(0.05)
        yield listens, logged
    finally:
        process.terminate()
        process.wait(20)


def version():
    program = glob.glob(f"{WORK}/venv/lib/python3*/site-packages/envoy/_bin/envoy")[0]
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    print("Envoy", said.partition("version: ")[2].strip())


def expect(what, seen, expected):
    print(f"{what}: {seen}")
    if seen != expected:
        sys.exit(f"this has changed: {what} was {expected}")
PYTHON
