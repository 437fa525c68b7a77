#!/usr/bin/env bash
# Runs the models of what threads of the hub share (src/models.rs).
#
#   adapters/hub/tests/loom.sh            the models, with few switches between threads in one order
#   adapters/hub/tests/loom.sh deep       with four, each model for about ten minutes at most
#   adapters/hub/tests/loom.sh mutants    changes the code by one patch of tests/loom after the other, and checks that
#                                         the model named in it fails. Needs a working tree without changes under
#                                         adapters/hub, and leaves it so.
#
# LOOM_MAX_PREEMPTIONS sets another number of switches. Arguments behind `deep` select models by their names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1

# Another folder: with other flags, everything is built again.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/loom RUSTFLAGS="${RUSTFLAGS:-} --cfg statusbus_loom"

models() { cargo test --locked -p statusbus-hub --lib -- "$@"; }

mutants() {
  git diff --quiet -- adapters/hub || { echo "there are uncommitted changes under adapters/hub: commit them first"; exit 1; }
  cargo test --quiet --locked -p statusbus-hub --lib --no-run
  applied=
  trap '[[ -z $applied ]] || git apply -R "$applied"' EXIT
  local missed=0 patch model output
  for patch in adapters/hub/tests/loom/*.patch; do
    model=$(sed -n 's/^Found by: //p' "$patch")
    git apply "$patch"
    applied=$patch
    output=$(models --exact "$model" --nocapture 2>&1 || true)
    git apply -R "$patch"
    applied=
    # Not the result of the test: a model that fails while its threads wait ends the process.
    if grep -q "^thread '$model' .*panicked at " <<<"$output"; then
      echo "found   $(basename "$patch" .patch)"
    else
      echo "MISSED  $(basename "$patch" .patch)"
      tail -n 20 <<<"$output"
      missed=1
    fi
  done
  return "$missed"
}

case ${1:-} in
  "") models models:: ;;
  deep)
    shift
    export CARGO_PROFILE_DEV_OPT_LEVEL=1
    export LOOM_MAX_PREEMPTIONS=${LOOM_MAX_PREEMPTIONS:-4} LOOM_MAX_DURATION=${LOOM_MAX_DURATION:-600}
    models "${@:-models::}"
    ;;
  mutants) mutants ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
