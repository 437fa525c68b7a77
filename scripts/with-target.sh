#!/usr/bin/env bash
# Runs a command in an environment that compiles for TARGET; targets.sh lists how it is prepared.
#
#   scripts/with-target.sh TARGET COMMAND...
#   scripts/with-target.sh thumbv6m-none-eabi \
#     cargo build -p statusbus-core --target thumbv6m-none-eabi --release
set -euo pipefail
[[ $# -ge 2 ]] || { echo "usage: scripts/with-target.sh TARGET COMMAND..." >&2; exit 2; }
# shellcheck source=scripts/targets.sh
. "$(dirname "${BASH_SOURCE[0]}")/targets.sh"
prepare_target "$1"
echo "$1: $target_way ($("${RUSTC:-rustc}" -V))" >&2
shift
exec "$@"
