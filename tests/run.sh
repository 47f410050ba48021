#!/usr/bin/env bash
# `make test`: everything that can be checked, on a fresh clone as well. It fetches what it needs, runs every step whatever
# became of the others, shows of a failed one what failed, and closes with one line `N passed, N failed`.
#
# A step is a test by itself where it runs no tests (formatting, lints, documentation). A step that is there to run tests and
# runs none has failed. The whole output of every step is kept in target/test-logs/.
set -uo pipefail
cd "$(dirname "$0")/.."

logs=${CARGO_TARGET_DIR:-target}/test-logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0
failed=0
export CARGO_TERM_COLOR=never

for program in cargo python3; do
  if ! command -v "$program" >/dev/null; then
    echo "make test: needs $program: install rustup, and Python 3 with pip" >&2
    exit 2
  fi
done

# The toolchain's parts, where rustup is there to add them.
if command -v rustup >/dev/null; then
  for target in wasm32-wasip1 wasm32-unknown-unknown; do
    rustup target list --installed | grep -qx "$target" || rustup target add "$target"
  done
  for component in rustfmt clippy llvm-tools; do
    rustup component list --installed | grep -q "^$component" || rustup component add "$component"
  done
fi

# show LOG: the part of a failed step's output that says why.
show() {
  if grep -q '^failures:' "$1"; then
    awk '/^failures:/ { failing = 1 } failing; /^test result:/ { failing = 0 }' "$1"
  else
    tail -n 60 "$1"
  fi | sed 's/^/    /'
}

# No step takes this long, the first compilation on a slow machine included: what hangs fails, and shows where.
LIMIT=1500
limit=()
if command -v timeout >/dev/null; then limit=(timeout --kill-after=20 "$LIMIT"); fi

# step KIND NAME COMMAND…: runs a step; KIND is `check`, or `tests` for a step that reports how many tests it ran.
step() {
  local kind=$1 name=$2 log ok=0 good bad
  shift 2
  log=$logs/$(tr -c 'A-Za-z0-9\n' - <<<"$name").log
  SECONDS=0
  printf '%-58s' "== $name"
  "${limit[@]}" "$@" >"$log" 2>&1 </dev/null || ok=$?
  if [ "$ok" = 124 ] || [ "$ok" = 137 ]; then echo "it was ended after $LIMIT seconds" >>"$log"; fi
  good=0 bad=0
  if [ "$kind" = tests ]; then
    read -r good bad < <(awk '/^test result: / {
      for (i = 1; i < NF; i++) { if ($(i + 1) == "passed;") good += $i; if ($(i + 1) == "failed;") bad += $i }
    } END { print good + 0, bad + 0 }' "$log")
    if [ "$ok" = 0 ] && [ "$good" = 0 ] && [ "$bad" = 0 ]; then
      ok=1
      echo "this step ran no test" >>"$log"
    fi
  elif [ "$ok" = 0 ]; then
    good=1
  fi
  # What failed otherwise than by a test, for instance to compile, counts as one.
  if [ "$ok" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$bad" = 0 ]; then
    echo "$good passed (${SECONDS} s)"
  else
    echo "$good passed, $bad FAILED (${SECONDS} s), all of it in $log"
    show "$log"
  fi
}

# Everything native is compiled with the same packages and features, so that it is compiled once.
native=(--locked --workspace --all-features)

# targets tests|others: the names of the test targets of the packages that only test, or of all others.
targets() {
  cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if (package["name"] in ["api-credits-tests", "api-credits-fuzz"]) == (sys.argv[1] == "tests"):
        print(*(target["name"] for target in package["targets"] if target["kind"] == ["test"]), sep="\n")' "$1" | grep .
}
others=()
while read -r name; do others+=(--test "$name"); done < <(targets others)

# The test targets of the packages that only test have a step each, also one that nobody has named here.
programs=$(targets tests) || exit 2
title() {
  case $1 in
    scenarios) echo "scenarios on the simulator and on Envoy" ;;
    exploration) echo "scenarios under every order of events" ;;
    forecast) echo "forecasts of generated traffic" ;;
    odd_requests) echo "odd requests, to host-sim serve and to Envoy" ;;
    openapi) echo "cost tables from OpenAPI documents" ;;
    differential) echo "generated requests on both hosts" ;;
    end_to_end) echo "end to end" ;;
    engine) echo "many Envoys with one engine" ;;
    endings) echo "how calls end, by real clients" ;;
    clients) echo "client libraries of PyPI and npm" ;;
    sharing) echo "messages among Envoys lost, late and repeated" ;;
    fuzz) echo "what must hold whatever bytes arrive" ;;
    usage_page) echo "the usage page and forecasts in Chromium" ;;
    *) echo "$1" ;;
  esac
}

step check "formatting" cargo fmt --all --check
step check "lints" cargo clippy "${native[@]}" --all-targets -- -D warnings
step check "lints of the module for Envoy" cargo clippy --locked -p api-credits --target wasm32-wasip1 -- -D warnings
step check "lints of the module that reads no bodies" cargo clippy --locked -p api-credits --features headers_only --target wasm32-wasip1 -- -D warnings
step check "lints of the module that reads responses" cargo clippy --locked -p api-credits --features responses --target wasm32-wasip1 -- -D warnings
step check "licences and sources of dependencies" tests/deny
step check "the engine is compiled once" tests/one_engine.py
step check "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc "${native[@]}" --no-deps
step tests "units and properties" cargo test "${native[@]}" --lib --bins "${others[@]}" --no-fail-fast
step tests "the core on wasm32, in Node" cargo test --locked -p api-credits --lib --target wasm32-unknown-unknown
for name in $programs; do
  step tests "$(title "$name")" cargo test "${native[@]}" --test "$name"
done
step check "examples in the documentation" cargo test "${native[@]}" --doc

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
