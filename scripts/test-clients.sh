#!/usr/bin/env bash
# Runs the tests of the HTTP delivery that need other people's programs: curl, Node with packages from
# npm, and Chromium. Says which of them is missing.
#
#   scripts/test-clients.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

for program in curl node npm; do
  command -v "$program" >/dev/null || { echo "$program is missing: install it" >&2; exit 1; }
done
npm --prefix adapters/axum/tests/js ci --no-audit --no-fund || exit 1

cargo test -p statusbus-axum --locked --no-fail-fast \
  --test readers --test phoenix_js --test page_js -- --ignored
