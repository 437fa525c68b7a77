#!/usr/bin/env bash
# Checks the wording of comments and documentation: how often, per 1,000 words, they use words in place of which a noun
# or a standard term is clearer.
#
#   scripts/words.sh               prints the figures of each covered path; fails if one is above its limit
#   scripts/words.sh PATH...       the same for other paths
#   scripts/words.sh --show PATH   the lines that count
#   scripts/words.sh --self-check  checks the counting itself
#
# Counted are comments in Rust, TypeScript, JavaScript, CSS, shell, Python and TOML, and the prose of Markdown; code
# in them is not. The patterns and their limits are at the top of scripts/words.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The paths that are checked by default. Add a path as soon as it passes.
covered=(
  .ci
  .github
  CONTRIBUTING.md
  README.md
  SECURITY.md
  adapters/embassy
  adapters/hub/Cargo.toml
  adapters/hub/README.md
  adapters/hub/src/batch
  adapters/hub/src/bus/builder.rs
  adapters/hub/src/bus/delivery.rs
  adapters/hub/src/bus/flush.rs
  adapters/hub/src/bus/host.rs
  adapters/hub/src/bus/shutdown.rs
  adapters/hub/src/bus/status.rs
  adapters/hub/src/bus/update_builder.rs
  adapters/hub/src/bus/wakeup.rs
  adapters/hub/src/json.rs
  adapters/hub/src/lib.rs
  adapters/hub/src/queue
  adapters/hub/src/reader
  adapters/hub/src/registry/selector.rs
  adapters/hub/tests/rules
  adapters/hub/tests/support
  adapters/tokio/Cargo.toml
  adapters/tokio/README.md
  adapters/tokio/src/handler.rs
  adapters/tokio/src/host.rs
  adapters/tokio/src/layer.rs
  adapters/tokio/src/lib.rs
  adapters/tokio/src/panic.rs
  adapters/tokio/src/runner.rs
  adapters/tokio/src/spawn.rs
  core/README.md
  core/src
  core/tests
  docs
  examples/bare_loop.rs
  examples/browser/README.md
  examples/firmware
  examples/nrf52840/README.md
  examples/pico/README.md
  examples/worker/README.md
  scripts
  tests/bench
  tests/conformance
  tests/panicfree/src/calls.rs
  tests/panicfree/src/input.rs
  tests/panicfree/src/main.rs
  tests/panicfree/src/runs.rs
  tests/panicfree/src/stored.rs
  tests/sim/README.md
  wasm/src
)

[[ $# -gt 0 ]] || set -- "${covered[@]}"
exec python3 scripts/words.py "$@"
