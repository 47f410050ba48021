# The commands of README.md and of the pages beside it, and nothing else.
#
#   make run            the filter in a real Envoy on 127.0.0.1:10000 (PORT=, ADMIN_PORT=, WORKERS=, ENVOY=, CONFIG=, ENVOY_YAML=)
#   make headers        the module that reads no bodies, target/api_credits_headers.wasm: for policies that price nothing by them
#   make responses      the module that reads responses behind their heads, target/api_credits_responses.wasm: for policies that settle by them
#   make package        OCI images of both modules for Istio and Envoy Gateway, with bills of materials, in target/package
#   make release        a static host-sim and both modules with checksums, in target/release-files (some minutes)
#   make run-cluster    two Envoys that share one allotment in Valkey, on 127.0.0.1:10000 and :10001
#   make test           everything that can be checked; closes with `N passed, N failed`
#   make test-backends  what real backends serve against what is charged for it, over 100,000 generated spellings (REQUESTS=, SEED=, BACKENDS=)
#   make test-envoys    every scenario on Envoy 1.36, 1.37 and 1.39, and on the simulator with their rules (ENVOYS=, SCENARIOS=)
#   make test-languages a filter in Rust, Go, AssemblyScript, C++ and Zig, built with their real toolchains, on both hosts (LANGUAGES=)
#   make fuzz           looks for bytes, and calls of the whole filter, that break what must hold, a minute for each of nine targets (EACH=, FUZZ=)
#   make bench          what the filter costs in Envoy, in about three minutes; also in target/bench/ (BENCH=quick: half a minute, BENCH=long: ten;
#                       BASE=COMMIT: beside the filter of another commit)
#   make bench-cluster  what it costs to share an allotment among Envoys, in about two minutes; also in target/bench/

.PHONY: run headers responses package release run-cluster test test-backends test-envoys test-languages fuzz bench bench-cluster
.DEFAULT_GOAL := run

# For developing: $(TARGET) follows CARGO_TARGET_DIR, as everything here does.
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Apart, so that it is never taken for the other one.
HEADERS := $(TARGET)/headers_only
RESPONSES := $(TARGET)/responses

run run-cluster:
	@command -v cargo >/dev/null || { echo "make $@: needs Rust: install rustup" >&2; exit 2; }
	@command -v python3 >/dev/null || { echo "make $@: needs Python 3 with pip (on Debian: apt-get install python3-pip)" >&2; exit 2; }
	@command -v rustup >/dev/null || exit 0; rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	cargo build --locked --profile wasm --target wasm32-wasip1 -p api-credits
	@cp $(TARGET)/wasm32-wasip1/wasm/api_credits.wasm $(TARGET)/api_credits.wasm
	@if [ -n "$(ENVOY_YAML)" ] && grep -qs HEADERS_MODULE "$(ENVOY_YAML)"; then $(MAKE) --no-print-directory headers; fi
	@envoy/$@ $(TARGET)/api_credits.wasm

headers:
	cargo build --locked --profile wasm --target wasm32-wasip1 -p api-credits --features headers_only --target-dir $(HEADERS)
	@cp $(HEADERS)/wasm32-wasip1/wasm/api_credits.wasm $(TARGET)/api_credits_headers.wasm

responses:
	cargo build --locked --profile wasm --target wasm32-wasip1 -p api-credits --features responses --target-dir $(RESPONSES)
	@cp $(RESPONSES)/wasm32-wasip1/wasm/api_credits.wasm $(TARGET)/api_credits_responses.wasm

package: headers
	cargo build --locked --profile wasm --target wasm32-wasip1 -p api-credits
	@envoy/package $(TARGET)/wasm32-wasip1/wasm/api_credits.wasm api-credits $(TARGET)/package
	@envoy/package $(TARGET)/api_credits_headers.wasm api-credits-headers $(TARGET)/package

release: package
	@host-sim/release

test:
	@tests/run.sh

test-backends:
	cargo build --locked --profile wasm --target wasm32-wasip1 -p api-credits
	@tests/backends/run $(TARGET)/wasm32-wasip1/wasm/api_credits.wasm

test-envoys:
	@tests/envoys/run

test-languages:
	@host-sim/examples/languages/run

fuzz:
	@tests/fuzz/run

bench:
	cargo build --locked --workspace --all-features --bin bench
	@$(TARGET)/debug/bench

bench-cluster:
	cargo build --locked --workspace --all-features --bin bench_cluster
	@$(TARGET)/debug/bench_cluster
