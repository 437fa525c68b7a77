#!/usr/bin/env bash
# Runs the tests that need Node, npm packages and a browser: the page in Chromium, the phoenix and
# eventsource packages, curl, Python, and a cable that is cut between two network namespaces. Gets what the
# machine lacks, where it may: from apt as root.
#
#   scripts/web.sh            all of them
#   scripts/web.sh phoenix    those whose name contains "phoenix"
#
# NODE and STATUSBUS_BROWSER name other programs than the usual ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/need.sh
. scripts/need.sh
need_node
need curl curl
need python3 python3
need ip iproute2
need_browser

npm --prefix adapters/axum/tests/js ci --no-audit --no-fund
# The browser is shown what `watch` serves.
cargo build --locked -p watch
cargo test --locked --all-features -p statusbus-axum --test cable --test formats_js \
  --test page_js --test phoenix_js --test readers \
  -- --ignored "$@"
