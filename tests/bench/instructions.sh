#!/usr/bin/env bash
# Instructions per message of every peer in every cell, and per bare push.
#
#   tests/bench/instructions.sh           all; writes results/instructions.csv, and the report
#   tests/bench/instructions.sh REGEX     prints the lines of `instructions list` that match,
#                                         e.g. 'hand-v2|statusbus' or '10x100$'
#   tests/bench/instructions.sh --check   fails if statusbus needs more than `limits` allows
#   tests/bench/instructions.sh --limits  writes `limits` from what statusbus needs now
#
# Each line runs twice under callgrind, with N and 2 N messages: the difference leaves start-up
# out. MESSAGES sets N, 20,000 by default; a cell with 1000 subscribers uses a tenth. Needs valgrind.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"
. ./measure.sh

messages=${MESSAGES:-20000}

# A count may exceed its limit by this much, in percent (and by one instruction); by five times as much with another
# compiler or C library than the limits were written with.
tolerance=3

need_callgrind
bins=(instructions)
[[ ${1:-} = --check || ${1:-} = --limits ]] || bins+=(report)
build "${bins[@]}"

# measure N KIND NAME [CELL] -> lines of CSV: figure, cell, peer, instructions per message
measure() {
    local n kind=$2 name=$3 cell=${4:-} all probes
    n=$(messages_of "$cell" "$1")
    read -r all probes <<<"$(per_message "$n" "$kind" "$name" ${cell:+"$cell"})"
    if [[ $kind = bus ]]; then
        echo "instructions,$cell,$name,$all"
        echo "send,$cell,$name,$probes"
    else
        echo "push,-,$name,$probes"
    fi
}

# measure_all N REGEX -> CSV
measure_all() {
    echo "figure,cell,peer,value"
    "$built/instructions" list | grep -E -- "$2" | while read -r kind name cell; do
        progress "$kind $name $cell"
        # shellcheck disable=SC2086  # no cell is no argument
        measure "$1" "$kind" "$name" $cell
    done
}

# The instructions of statusbus in every cell: cell, send to delivery, send.
ours() {
    measure_all "$messages" '^bus statusbus ' | awk -F, '
        $1 == "instructions" { all[$2] = $4; cells[++count] = $2 }
        $1 == "send" { send[$2] = $4 }
        END { for (i = 1; i <= count; i++) print cells[i], all[cells[i]], send[cells[i]] }'
}

# What the counts depend on besides the code.
toolchain() { echo "$(rustc --version), $(getconf GNU_LIBC_VERSION)"; }

check() {
    ours >"$scratch/ours"
    awk -v tolerance="$tolerance" -v toolchain="$(toolchain)" '
        /^# with / {
            written = substr($0, 8)
            if (written != toolchain) {
                tolerance *= 5
                print "The limits are of " written ", and this is " toolchain ": " tolerance " % more are allowed."
            }
            next
        }
        function compare(what, value, limit,    above) {
            above = 100 * (value / limit - 1)
            line = line sprintf("  %s %6d, limit %6d, %+5.1f %%", what, value, limit, above)
            if (above > tolerance && value > limit + 1) high = bad = 1
            if (above < -tolerance && value < limit - 1) lower = 1
        }
        NR == FNR { if ($0 !~ /^#/) { all[$1] = $2; send[$1] = $3 }; next }
        !($1 in all) { print $1 ": has no limit"; bad = 1; next }
        {
            line = sprintf("%-14s", $1); high = 0
            compare("send to delivery", $2, all[$1])
            compare("send", $3, send[$1])
            print line
            if (high) print "  above a limit"
        }
        END {
            if (bad) {
                print "FAILED: more than " tolerance " % above a limit. If the cost is worth it, raise the limits: " \
                    "tests/bench/instructions.sh --limits"
            }
            else if (lower) print "Well below a limit: lower it with tests/bench/instructions.sh --limits"
            exit bad
        }' limits "$scratch/ours"
}

case ${1:-} in
    --check) check ;;
    --limits)
        ours >"$scratch/ours"
        {
            echo "# Instructions per message of statusbus: send to delivery, and send. Written by"
            echo "# tests/bench/instructions.sh --limits; --check allows $tolerance % more."
            echo "# with $(toolchain)"
            cat "$scratch/ours"
        } >limits
        ;;
    "")
        measure_all "$messages" . >"$scratch/results"
        publish instructions
        report
        ;;
    *)
        measure_all "$messages" "$1" >"$scratch/results.csv"
        "$built/report" --print "$scratch"
        ;;
esac
