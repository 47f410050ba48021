#!/usr/bin/env python3
"""Makes calls with a client library of PyPI, which repeats them as its documentation says, and prints what its user gets at last.

    repeat.py LIBRARY

Prints `ready`, reads one line of JSON, {case: {"url": …, "headers": {…}}}, makes the calls of all cases at once, and prints a line of JSON
for each that is over: {"case": …, "status": …}.
"""

import json
import sys
import threading
import urllib.parse

TRIES = 5


def with_openai():
    """The client of an API that is generated from its description, as many vendors' are."""
    import openai

    def call(url, headers):
        parts = urllib.parse.urlsplit(url)
        client = openai.OpenAI(
            api_key="none", base_url=f"{parts.scheme}://{parts.netloc}", max_retries=TRIES, default_headers=headers
        )
        try:
            client.get(parts.path, cast_to=object)
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    return call


def with_urllib3():
    """Repeats what says when to come again, and nothing else, unless it is given a list of statuses."""
    import urllib3

    def call(url, headers):
        retries = urllib3.Retry(total=TRIES, backoff_factor=0.5, raise_on_status=False)
        with urllib3.PoolManager(retries=retries) as pool:
            return pool.request("GET", url, headers=headers).status

    return call


def with_requests():
    """With the list of statuses that most people give it."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    def call(url, headers):
        retries = Retry(
            total=TRIES, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504], raise_on_status=False
        )
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retries))
            return session.get(url, headers=headers).status_code

    return call


def with_httpx_retries():
    """httpx itself repeats nothing."""
    import httpx
    from httpx_retries import Retry, RetryTransport

    def call(url, headers):
        transport = RetryTransport(retry=Retry(total=2 * TRIES, backoff_factor=0.5))
        with httpx.Client(transport=transport) as client:
            return client.get(url, headers=headers).status_code

    return call


def with_stripe():
    """Repeats what the platform failed, and no 429."""
    import stripe

    def call(url, headers):
        parts = urllib.parse.urlsplit(url)
        client = stripe.StripeClient(
            "sk_test_none", base_addresses={"api": f"{parts.scheme}://{parts.netloc}"}, max_network_retries=TRIES
        )
        try:
            client.raw_request("get", parts.path, headers=headers)
        except stripe.StripeError as error:
            return error.http_status
        return 200

    return call


LIBRARIES = {
    "openai": with_openai,
    "urllib3": with_urllib3,
    "requests": with_requests,
    "httpx-retries": with_httpx_retries,
    "stripe": with_stripe,
}


def main(library):
    """Ends when all cases are over, or when it is ended."""
    call = LIBRARIES[library]()
    print("ready", flush=True)

    def run(case, url, headers):
        said = json.dumps({"case": case, "status": call(url, headers)}) + "\n"
        # In one piece: other cases may have something to say.
        sys.stdout.write(said)
        sys.stdout.flush()

    for case, request in json.loads(sys.stdin.readline()).items():
        threading.Thread(target=run, args=(case, request["url"], request["headers"])).start()


if __name__ == "__main__":
    main(sys.argv[1])
