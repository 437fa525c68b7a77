#!/usr/bin/env bash
# Runs the tests of statusbus-hub on WebAssembly, in Node. Installs what is missing: Node from apt as root, the
# compilation target through scripts/targets.sh, and the test runner of wasm-bindgen from its source, which takes about
# two minutes once.
#
#   scripts/hub-wasm.sh          every test
#   scripts/hub-wasm.sh resume   the tests whose name contains "resume"
#
# NODE selects another program than `node` in the PATH. XDG_CACHE_HOME is where the runner is kept; default ~/.cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
need_node
# The runner calls `node`.
[[ $node = node ]] || PATH=$(dirname "$(command -v "$node")"):$PATH

# The runner has to be of the version of wasm-bindgen that the tests are built with.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
[[ -n $version ]] || { echo "Cargo.lock has no wasm-bindgen" >&2; exit 1; }
root=${XDG_CACHE_HOME:-$HOME/.cache}/statusbus/wasm-bindgen-$version
runner=$root/bin/wasm-bindgen-test-runner
if [[ ! -x $runner ]]; then
  echo "building wasm-bindgen-test-runner $version once, into $root"
  # Without --locked: the lock file of the tool may pin releases that were withdrawn since.
  env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 \
    cargo install wasm-bindgen-cli --version "=$version" --bin wasm-bindgen-test-runner --debug \
    --no-default-features --root "$root"
fi

CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$runner scripts/with-target.sh wasm32-unknown-unknown \
  cargo test --locked -p statusbus-hub --all-features --target wasm32-unknown-unknown --lib --test rules -- "$@"
