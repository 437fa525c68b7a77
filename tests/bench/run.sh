#!/usr/bin/env bash
# Runs every benchmark, and writes tables and plots to results/. Needs valgrind, objdump and python3, and for the
# figures by the clock two idle cores.
#
#   tests/bench/run.sh          the cells of the tables
#   tests/bench/run.sh --quick  all of it with small sizes, to a new folder: whether it works, not how fast
#   tests/bench/run.sh --grid   deliveries and CPU of 1, 2 and 4 producers, 1 to 1000 subscribers, 1 to
#                               10,000 topics, runs of 1 and 20; to results/grid/
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

runs=15 clock=()
case ${1:-} in
    "") ;;
    --quick)
        RESULTS=$(mktemp -d)
        export RESULTS MESSAGES=2000 MOST=10000 ROUNDS=1
        runs=2 clock=(--quick)
        ;;
    --grid)
        export RESULTS=results/grid
        clock=("$@")
        ;;
    *)
        echo "usage: run.sh [--quick | --grid]" >&2
        exit 2
        ;;
esac
. ./measure.sh

# Whether the tools are there shows before minutes are spent.
(need cargo cargo) >&2
if [[ ${1:-} != --grid ]]; then
    need_callgrind
    need_listings
fi
build instructions growth worst throughput report

if [[ ${1:-} != --grid ]]; then
    ./instructions.sh
    if [[ $(uname -m) = x86_64 ]]; then
        ./atomics.sh
    else
        echo "locked instructions are left out: they are counted on x86-64 only" >&2
    fi
    ./growth.sh
    "$built/worst" --runs "$runs" >"$scratch/results"
    publish worst
fi
"$built/throughput" ${clock[@]+"${clock[@]}"} >"$scratch/results"
publish clock
report
echo "The results are in $results."
