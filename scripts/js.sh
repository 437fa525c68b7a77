#!/usr/bin/env bash
# Builds the npm package in wasm/ and tests it: types, Node, Chromium, sizes, and as packed in fresh
# projects. Gets what the machine lacks, where it may: from apt as root, and the compilation target as
# scripts/targets.sh does.
#
#   scripts/js.sh            all of it
#   scripts/js.sh packed     one of: build, types, test, browser, size, packed (built before)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
need_node

build() {
  npm --prefix wasm ci --no-audit --no-fund
  npm --prefix wasm run build
}
run() { npm --prefix wasm run "$1"; }

parts=("$@")
[[ $# -gt 0 ]] || parts=(build types test browser size packed)
for part in "${parts[@]}"; do
  began=$SECONDS
  case $part in
    build) build ;;
    test) run test ;;
    types | size | packed) run "test:$part" ;;
    browser) need_browser && run test:browser ;;
    *) echo "there is no part '$part'; there are build, types, test, browser, size, packed" >&2 && exit 2 ;;
  esac
  echo "js: $part: $((SECONDS - began)) s"
done
