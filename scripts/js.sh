#!/usr/bin/env bash
# Builds the npm package in wasm/ and tests it: types, Node, Chromium, sizes, and packed in new
# projects. Installs missing tools where it may: from apt as root, the compilation target through
# scripts/targets.sh.
#
#   scripts/js.sh            every part
#   scripts/js.sh PART...    of: lint, build, types, test, size, browser, packed; those after build need it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
need_node

build() {
  npm --prefix wasm ci --no-audit --no-fund
  npm --prefix wasm run build
}
# Lints the crate for its target. For the host, the lints of the workspace cover it.
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
