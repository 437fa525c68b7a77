#!/usr/bin/env bash
# Brings back one fault after the other and checks that the 1,000 seeds of CI find it; prints the first
# seed for each rule that the fault breaks. Needs a working tree without changes under adapters and core,
# and leaves it so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

git diff --quiet -- adapters core || { echo "there are uncommitted changes under adapters or core: commit them first"; exit 1; }

applied=
trap '[[ -z $applied ]] || git apply -R "$applied"' EXIT
missed=0
for patch in tests/sim/faults/*.patch; do
  git apply "$patch"
  applied=$patch
  output=$(cargo test -q -p statusbus-sim --locked --test seeds 2>&1 || true)
  git apply -R "$patch"
  applied=
  name=$(basename "$patch" .patch)
  if found=$(grep -E '^seed [0-9]+, the first of' <<<"$output"); then
    echo "found   $name"
    sed -E 's/^(seed [0-9]+, the first of [0-9]+: \[[^]]*\]).*/        \1/' <<<"$found"
  else
    echo "MISSED  $name"
    tail -n 20 <<<"$output"
    missed=1
  fi
done
exit "$missed"
