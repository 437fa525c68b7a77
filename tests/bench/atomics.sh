#!/usr/bin/env bash
# Locked instructions per message: those with a `lock` prefix and exchanges with memory, which wait for the cache line
# of the other core. They are counted, on one thread, so the figures do not depend on the machine. In libraries too.
# Also the instructions of a send of statusbus while it holds the lock of the queue.
#
#   tests/bench/atomics.sh             all; writes results/atomics.csv, and the report
#   tests/bench/atomics.sh PEER...     prints those of some peers
#
# CELLS selects the cells. For x86-64. Needs valgrind, objdump and python3.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"
. ./measure.sh

messages=${MESSAGES:-20000}
read -ra cells <<<"${CELLS:-1x1 10x100 1000x1}"
peers=("$@")
[[ $# -gt 0 ]] || peers=(statusbus hand-v2 hand-v2-tuned bcast-handle mpsc)

[[ $(uname -m) = x86_64 ]] || {
    echo "locked instructions are counted on x86-64 only" >&2
    exit 1
}
need_callgrind
need_listings
build instructions report

# locked N ARGUMENTS... -> locked instructions per message: all, and in the probes. Two runs each, as per_message.
locked() {
    local n=$1 run
    shift
    for run in 1 2; do
        callgrind "$scratch/all$run" --dump-instr=yes --compress-pos=no --compress-strings=no -- "$@" $((run * n))
        callgrind "$scratch/send$run" --dump-instr=yes --compress-pos=no --compress-strings=no \
            --toggle-collect='*send_probe*' -- "$@" $((run * n))
    done
    python3 atomics.py "$n" "$scratch"/all1 "$scratch"/all2
    python3 atomics.py "$n" "$scratch"/send1 "$scratch"/send2
}

# held N CELL -> instructions of a send under the lock: median and most
held() {
    valgrind --tool=lackey --trace-mem=yes --basic-counts=no "$built/instructions" bus statusbus "$2" "$1" \
        >"$scratch/log" 2>"$scratch/trace" || { tail "$scratch/trace" >&2; return 1; }
    python3 held.py "$scratch/trace" "$built/instructions"
}

measure_all() {
    local cell peer counts
    echo "figure,cell,peer,value"
    for cell in "${cells[@]}"; do
        for peer in "${peers[@]}"; do
            progress "$peer $cell"
            counts=$(locked "$(messages_of "$cell" "$messages")" bus "$peer" "$cell")
            sed -e "1s/^/atomics,$cell,$peer,/" -e "2s/^/atomics_send,$cell,$peer,/" <<<"$counts"
            # A trace of each instruction is long, so these are fewer messages, to few subscribers.
            [[ $peer = statusbus && $cell != 1000x* ]] || continue
            counts=$(held $((messages < 10000 ? 1000 : messages / 10)) "$cell")
            sed -e "1s/^/held_p50,$cell,$peer,/" -e "2s/^/held_max,$cell,$peer,/" <<<"$counts"
        done
    done
}

if [[ $# -gt 0 ]]; then
    measure_all >"$scratch/results.csv"
    "$built/report" --print "$scratch"
else
    measure_all >"$scratch/results"
    publish atomics
    report
fi
