#!/usr/bin/env bash
# Runs every test of the workspace, documentation examples included, and prints a summary.
#
#   scripts/test.sh                  everything
#   scripts/test.sh overflow         the tests whose name contains "overflow"
#   scripts/test.sh -- --nocapture   arguments for the test programs
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
SECONDS=0
cargo test --workspace --all-features --locked --no-fail-fast "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
# again with times of 32 bits, as on microcontrollers: in a directory of its own, because flags rebuild all
RUSTFLAGS="${RUSTFLAGS:-} --cfg statusbus_narrow" cargo test -p statusbus-core --all-features --locked \
  --no-fail-fast --target-dir "${CARGO_TARGET_DIR:-target}/narrow" "$@" 2>&1 | tee -a "$log"
((PIPESTATUS[0] == 0)) || status=1

echo
sed -nE 's/^test (.*) \.\.\. FAILED$/failed: \1/p' "$log" | sort -u
read -r programs passed failed ignored < <(awk '
  /^test result: / {
    programs++
    for (i = 2; i <= NF; i++) {
      if ($i == "passed;") passed += $(i - 1)
      if ($i == "failed;") failed += $(i - 1)
      if ($i == "ignored;") ignored += $(i - 1)
    }
  }
  END { print programs + 0, passed + 0, failed + 0, ignored + 0 }' "$log")
counts="$passed passed, $failed failed, $ignored ignored, in $programs test programs and $SECONDS s"
if [[ $status -eq 0 && $passed -gt 0 ]]; then
  echo "tests ok: $counts"
elif [[ $status -eq 0 ]]; then
  echo "tests FAILED: none ran ($counts)"
  status=1
elif [[ $failed -gt 0 ]]; then
  echo "tests FAILED: $counts"
else
  echo "tests FAILED: cargo stopped with status $status, see above ($counts)"
fi
exit "$status"
