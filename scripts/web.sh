#!/usr/bin/env bash
# Runs the tests that need Node, npm packages and a browser: the page in Chromium, the phoenix and
# eventsource packages, curl, and a cable that is cut between two network namespaces. Gets what the
# machine lacks, where it may: from apt as root.
#
#   scripts/web.sh            all of them
#   scripts/web.sh phoenix    those whose name contains "phoenix"
#
# NODE and STATUSBUS_BROWSER name other programs than the usual ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# need PROGRAM PACKAGE...: installs the packages if the program is missing
need() {
  local program=$1
  shift
  command -v "$program" >/dev/null && return
  if [[ $(id -u) = 0 ]] && command -v apt-get >/dev/null; then
    echo "installing $*"
    timeout 120 apt-get update -q </dev/null
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get install -yq --no-install-recommends "$@" </dev/null
  fi
  command -v "$program" >/dev/null || {
    echo "$program is missing: install it (on Debian: apt install $*), or see the settings in scripts/web.sh" >&2
    exit 1
  }
}

browser() {
  local name
  for name in "${STATUSBUS_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [[ -n $name ]] && command -v "$name" >/dev/null && return
  done
  return 1
}

node=${NODE:-node}
[[ $node != node ]] || need node nodejs
[[ $("$node" -p 'process.versions.node.split(".")[0] >= 20') = true ]] || {
  echo "Node $("$node" --version) is too old: 20 or newer is needed (NODE names another one)" >&2
  exit 1
}
need npm npm
need curl curl
need ip iproute2
browser || need chromium chromium

npm --prefix adapters/axum/tests/js ci --no-audit --no-fund
# The browser is shown what `watch` serves.
cargo build --locked -p watch
cargo test --locked --all-features -p statusbus-axum --test cable --test formats_js \
  --test page_js --test phoenix_js --test readers \
  -- --ignored "$@"
