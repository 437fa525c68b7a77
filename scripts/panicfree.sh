#!/usr/bin/env bash
# Proves that the core and the adapter for embassy cannot panic, and prints their memory: links
# tests/panicfree, which calls their whole API with input unknown at compile time, for a
# microcontroller, and reads the symbols of the result.
#
#   scripts/panicfree.sh [TARGET]     default thumbv6m-none-eabi
#
# Six programs are checked: the core without and with the feature `wire`, and the adapter, each
# without and with every `Display`. A check fails if a program contains code that panics, or anything
# in .data: a bus in a static costs no flash, whatever it holds. `Debug` is excluded, it is for hosts:
# core's own helpers for it contain an assertion.
#
# Needs: cargo, python3. STATUSBUS_TARGETS selects how the target is installed, see targets.sh.
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
  # Without the flags of the environment: tests/panicfree sets those that are measured.
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
