"""The operations as Flask routes them. Prints a line of JSON, the ports by name."""

import json
import re
import sys
import threading

sys.path.insert(0, sys.argv[1])

import flask  # noqa: E402
from waitress.server import create_server  # noqa: E402


def tier(values):
    """What a list costs from the values of its parameter."""
    numbers = [re.match(r"\s*\+?(\d+)", value) for value in values]
    return "100" if any(number and int(number[1]) > 2000 for number in numbers) else "3"


def flask_app():
    """With the routes of the filter's operations."""
    app = flask.Flask(__name__)

    def served(price):
        return "", 200, {"x-served": price}

    app.add_url_rule("/healthz", "health", lambda: served("0"))
    app.add_url_rule("/api/v1/tasks/count", "count", lambda: served("50"))
    app.add_url_rule("/api/v1/tasks/<id>", "task", lambda id: served("2"))
    app.add_url_rule("/api/v1/files/<id>", "file", lambda id: served("7"))
    app.add_url_rule("/api/v1/tickets", "list", lambda: served(tier(flask.request.args.getlist("from"))))
    app.add_url_rule("/api/v1/pages", "pages", lambda: served(tier(flask.request.args.getlist("page_from"))))
    app.register_error_handler(Exception, lambda error: ("", 404, {"x-served": "0"}))
    return app


def main():
    """Serves until the input ends."""
    server = create_server(flask_app(), host="127.0.0.1", port=0, threads=4, connection_limit=1000)
    threading.Thread(target=server.run, daemon=True).start()
    print(json.dumps({"flask": int(server.effective_port)}), flush=True)
    sys.stdin.read()


main()
