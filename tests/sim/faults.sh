#!/usr/bin/env bash
# Brings back one fault after the other and checks that its seed still finds it. Each patch in faults/
# names the seed and the rule that it breaks. Needs a working tree without changes under adapters and
# core, and leaves it so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

git diff --quiet -- adapters core || { echo "there are uncommitted changes under adapters or core: commit them first"; exit 1; }

applied=
trap '[[ -z $applied ]] || git apply -R "$applied"' EXIT
missed=0
for patch in tests/sim/faults/*.patch; do
  seed=$(sed -n 's/^Seed: //p' "$patch")
  rule=$(sed -n 's/^Rule: //p' "$patch")
  git apply "$patch"
  applied=$patch
  output=$(STATUSBUS_SIM_SEED=$seed cargo test -q -p statusbus-sim --locked --test seeds 2>&1 || true)
  git apply -R "$patch"
  applied=
  if grep -qF "[$rule]" <<<"$output"; then
    echo "ok      $(basename "$patch" .patch): seed $seed breaks the rule \"$rule\""
  else
    echo "MISSED  $(basename "$patch" .patch): seed $seed does not break the rule \"$rule\""
    tail -n 20 <<<"$output"
    missed=1
  fi
done
exit "$missed"
