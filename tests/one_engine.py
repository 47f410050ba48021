#!/usr/bin/env python3
"""Whether the README's build of the simulator and the tests take the engine with the same features, so that it is compiled once.

Compiling wasmtime takes minutes. Cargo compiles it anew when a package below it is asked for other features, which another package of
the workspace can do without knowing; `[workspace.dependencies]` then has to ask for the most of them.
"""

import subprocess
import sys


def below_the_engine(edges, *selection):
    """The packages below wasmtime with their features, as this selection of packages resolves them."""
    command = ["cargo", "tree", "--locked", "--no-dedupe", "--edges", edges, "--prefix", "depth", "--format", " {p} [{f}]", *selection]
    packages = set()
    engine = None
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        if not line:
            continue
        depth, package = line.split(" ", 1)
        if engine is None or int(depth) <= engine:
            engine = int(depth) if package.startswith("wasmtime v") else None
        if engine is not None:
            packages.add(package)
    return packages


tests = below_the_engine("normal,dev", "--workspace", "--all-features")
if not tests:
    sys.exit("no package of the workspace depends on wasmtime")
different = sorted(below_the_engine("normal", "-p", "host-sim") - tests)
if different:
    print("`cargo build -p host-sim` compiles these with other features than the tests do:", *different, sep="\n  ")
    sys.exit(1)
print(len(tests), "packages, compiled once")
