#!/usr/bin/env bash
# Runs every benchmark, and writes tables and plots to results/. Needs valgrind, and for the figures
# by the clock two idle cores.
#
#   tests/bench/run.sh          the cells of the tables
#   tests/bench/run.sh --grid   deliveries and CPU of 1, 2 and 4 producers, 1 to 1000 subscribers, 1 to
#                               10,000 topics, runs of 1 and 20; to results/grid/
set -euo pipefail
cd "$(dirname "$0")"

bench() { cargo run --quiet --locked --profile bench --bin "$@"; }

folder=results
[[ ${1:-} != --grid ]] || folder=results/grid
mkdir -p "$folder"
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
[[ $folder = results/grid ]] || ./instructions.sh
bench throughput -- "$@" >"$scratch"
cp "$scratch" "$folder/clock.csv"
bench report -- "$folder"
