#!/usr/bin/env bash
# Shows that the core and the adapter for embassy cannot panic, and what they take: links
# tests/panicfree, which calls all of their API with input that no compiler knows, for a
# microcontroller, and reads the symbols of the result.
#
#   scripts/panicfree.sh [TARGET]     default thumbv6m-none-eabi
#
# Six programs are looked at: of the core without and with the frames of `wire`, and of the adapter,
# each without and with all that is `Display`. In all there is to be no code that panics, and nothing
# in .data: a bus in a static costs no flash, whatever it holds. `Debug` is for people at a host:
# core's own helpers for it contain an assertion.
#
# Needs: cargo, python3. STATUSBUS_TARGETS chooses how the target comes here, see targets.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:-thumbv6m-none-eabi}
# shellcheck source=scripts/targets.sh
. scripts/targets.sh
prepare_target "$target"
echo "$target: $target_way ($("${RUSTC:-rustc}" -V))"

target_dir=$(realpath -m "${CARGO_TARGET_DIR:-target}")/panicfree
failed=0
# look PROGRAM FEATURES
look() {
  echo
  echo "--- $1${2:+ with $2}"
  # Not those of the environment: what is measured is what tests/panicfree says.
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_RUSTFLAGS \
    cargo build --quiet --release --manifest-path tests/panicfree/Cargo.toml --bin "$1" \
    --target "$target" --target-dir "$target_dir" --features "$2"
  python3 tests/panicfree/look.py "$target_dir/$target/release/$1" || failed=1
}

for features in "" display wire wire,display; do
  look statusbus-probe "$features"
done
for features in embassy embassy,display; do
  look statusbus-embassy-probe "$features"
done
exit $failed
