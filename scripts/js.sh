#!/usr/bin/env bash
# Builds the npm package in wasm/ and tests it: types, Node, Chromium, sizes, and as packed in fresh
# projects. Gets what the machine lacks, where it may: from apt as root, and the compilation target as
# scripts/targets.sh does.
#
#   scripts/js.sh            all of it
#   scripts/js.sh packed     some of: lint, build, types, test, size, browser, packed (built before)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
need_node

build() {
  npm --prefix wasm ci --no-audit --no-fund
  npm --prefix wasm run build
}
# The crate for its target; on this machine's own it is part of the workspace.
lint() {
  RUSTFLAGS=-Dwarnings CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/lint scripts/with-target.sh wasm32-unknown-unknown \
    cargo check --locked -p statusbus-wasm --target wasm32-unknown-unknown
}
run() { npm --prefix wasm run "$1"; }

parts=("$@")
[[ $# -gt 0 ]] || parts=(lint build types test size browser packed)
for part in "${parts[@]}"; do
  began=$SECONDS
  case $part in
    build | lint) $part ;;
    test) run test ;;
    types | size | packed) run "test:$part" ;;
    browser) need_browser && run test:browser ;;
    *) echo "there is no part '$part'; there are lint, build, types, test, size, browser, packed" >&2 && exit 2 ;;
  esac
  echo "js: $part: $((SECONDS - began)) s"
done
