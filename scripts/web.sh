#!/usr/bin/env bash
# Runs the tests that need Node, npm packages and a browser: the dashboard in Chromium, the phoenix and
# eventsource packages, curl, Python, and a link that is cut between two network namespaces. Installs missing
# tools where it may: from apt as root.
#
#   scripts/web.sh            every such test
#   scripts/web.sh phoenix    the tests whose name contains "phoenix"
#
# NODE and STATUSBUS_BROWSER select other programs than the default ones.
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
# The browser tests read from `watch serve`.
cargo build --locked -p watch
cargo test --locked --all-features -p statusbus-axum --test cable --test formats_js \
  --test dashboard_js --test phoenix_js --test readers \
  -- --ignored "$@"
