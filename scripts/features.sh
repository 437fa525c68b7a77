#!/usr/bin/env bash
# Runs a cargo command once for each feature set of each crate: no feature, every feature by itself, all features.
# One crate at a time: in a build of the whole workspace another member's features hide a missing one.
#
#   scripts/features.sh [-p CRATE]... COMMAND [ARGUMENT...] [-- ARGUMENT...]
#   scripts/features.sh check
#   scripts/features.sh -p statusbus-core build --target thumbv6m-none-eabi --release
#
# Without -p: every member of the workspace. A set that fails does not stop the others.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

only=()
while [[ ${1:-} = -p ]]; do only+=("${2:?-p CRATE}") && shift 2; done
[[ $# -gt 0 ]] || { echo "usage: scripts/features.sh [-p CRATE]... COMMAND [ARGUMENT...]" >&2; exit 2; }

# Arguments after `--` go to the end of the command line, behind the feature options.
before=()
while [[ $# -gt 0 && $1 != -- ]]; do before+=("$1") && shift; done

metadata=$(cargo metadata --no-deps --format-version 1 --locked) || exit 1
sets=$(python3 -c '
import json, sys

only = sys.argv[1:]
packages = json.load(sys.stdin)["packages"]
unknown = set(only) - {package["name"] for package in packages}
if unknown:
    sys.exit("no such crate in the workspace: " + ", ".join(sorted(unknown)))
for package in packages:
    if only and package["name"] not in only:
        continue
    features = sorted(package["features"])
    print(package["name"], "--no-default-features")
    for feature in features:
        print(package["name"], "--no-default-features", "--features", feature)
    if len(features) > 1:
        print(package["name"], "--all-features")
' ${only[@]+"${only[@]}"} <<<"$metadata") || exit 1

failed=()
while read -r crate choice; do
  echo "--- $crate $choice"
  # shellcheck disable=SC2086  # the choice is a list of arguments
  cargo "${before[@]}" --locked -p "$crate" $choice "$@" </dev/null || failed+=("$crate $choice")
done <<<"$sets"

echo "feature sets: $(wc -l <<<"$sets"), failed: ${#failed[@]}"
[[ ${#failed[@]} -eq 0 ]] && exit 0
printf 'failed: %s\n' "${failed[@]}"
exit 1
