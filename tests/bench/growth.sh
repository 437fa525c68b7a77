#!/usr/bin/env bash
# Whether the cost grows in proportion to the load.
#
#   tests/bench/growth.sh              all; writes results/growth-*.csv, and the report
#   tests/bench/growth.sh FIGURE...    only these: instructions, memory, sends
#
# instructions: per message, with ten times the messages, the subscribers, and the topics (needs valgrind)
# memory: bytes for each of 1 k to 1 M conversations
# sends: p50 and p99 of a send to one of 1 to 1 M conversations, by the clock
#
# MOST leaves out larger numbers of conversations and topics; MESSAGES sets the number of messages, 20,000 by
# default; ROUNDS that of the rounds by the clock, 5 by default; PEERS selects the peers.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"
. ./measure.sh

messages=${MESSAGES:-20000}
most=${MOST:-1000000}
read -ra peers <<<"${PEERS:-}"

# grown FIGURE NUMBER PEER N CELL -> a line of CSV
grown() {
    local all probes
    progress "$1 $2 $3"
    read -r all probes <<<"$(per_message "$4" bus "$3" "$5")"
    echo "$1,$2,$3,$all"
}

instructions() {
    local peer count topics
    echo "figure,cell,peer,value"
    local counted=("${peers[@]}")
    [[ ${#peers[@]} -gt 0 ]] || counted=(statusbus hand-v2 hand-v2-tuned bcast-handle)
    for peer in "${counted[@]}"; do
        for count in "$messages" $((10 * messages)); do
            grown growth_messages "$count" "$peer" "$count" 10x100
        done
        for count in 10 100 1000; do
            grown growth_subscribers "$count" "$peer" "$(messages_of "${count}x1" "$messages")" "${count}x1"
        done
        for topics in 100 1000 10000 100000; do
            [[ $topics -le $most ]] || continue
            # Each topic gets two messages or more in the shorter run.
            count=$((messages < 2 * topics ? 2 * topics : messages))
            grown growth_topics "$topics" "$peer" "$count" "10x$topics"
        done
    done
}

# write FIGURE COMMAND...
write() {
    "${@:2}" >"$scratch/results"
    publish "growth-$1"
}

[[ $# -gt 0 ]] || set -- instructions memory sends
build instructions growth report
for figure in "$@"; do
    case $figure in
        instructions)
            need_callgrind
            write instructions instructions
            ;;
        memory) write memory "$built/growth" memory --most "$most" ${peers[@]+"${peers[@]}"} ;;
        sends) write sends "$built/growth" sends --most "$most" --rounds "${ROUNDS:-5}" ${peers[@]+"${peers[@]}"} ;;
        *)
            echo "no figure '$figure': instructions, memory, sends" >&2
            exit 2
            ;;
    esac
done
report
