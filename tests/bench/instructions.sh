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
. ../../scripts/need.sh

messages=${MESSAGES:-20000}

# A count may exceed its limit by this much, in percent; by five times as much with another compiler or C library
# than the limits were written with.
tolerance=3

(need callgrind_annotate valgrind libc6-dbg) >&2
bins=(--bin instructions)
[[ ${1:-} = --check || ${1:-} = --limits ]] || bins+=(--bin report)
cargo build --quiet --locked --profile bench "${bins[@]}"
target=$(cargo metadata --quiet --locked --format-version 1 --no-deps |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
binary=$target/release/instructions
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count ARGUMENTS… -> "all probes", instructions of the whole run and of the probes in it
count() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$binary" "$@" \
        >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
    callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$scratch/out" >"$scratch/costs"
    # A function is listed once per source file inlined into it; the largest is the whole.
    awk '/PROGRAM TOTALS/ { gsub(",", "", $1); all = $1 + 0 }
         match($0, /(send|send_with|push)_probe/) {
             name = substr($0, RSTART, RLENGTH); gsub(",", "", $1)
             if ($1 + 0 > probe[name]) probe[name] = $1 + 0
         }
         END { for (name in probe) probes += probe[name]; print all, probes + 0 }' "$scratch/costs"
}

# measure N KIND NAME [CELL] -> lines of CSV: figure, cell, peer, instructions per message
measure() {
    local n=$1 one two
    shift
    [[ "${3:-}" != 1000x* ]] || n=$((n / 10))
    one=$(count "$@" "$n")
    two=$(count "$@" "$((2 * n))")
    awk -v n="$n" -v kind="$1" -v name="$2" -v cell="${3:--}" '
        NR == 1 { all = $1; probes = $2 }
        NR == 2 {
            all = ($1 - all) / n; probes = ($2 - probes) / n
            if (kind == "bus") printf "instructions,%s,%s,%.0f\n", cell, name, all
            printf "%s,%s,%s,%.0f\n", (kind == "bus" ? "send" : "push"), cell, name, probes
        }' <<<"$one"$'\n'"$two"
}

# measure_all N REGEX -> CSV
measure_all() {
    echo "figure,cell,peer,value"
    "$binary" list | grep -E -- "$2" | while read -r kind name cell; do
        [[ ! -t 2 ]] || echo "$kind $name $cell" >&2
        # shellcheck disable=SC2086  # no cell is no argument
        measure "$1" "$kind" "$name" $cell
    done
}

# The instructions of statusbus in every cell.
ours() {
    measure_all "$messages" '^bus statusbus ' | sed -n 's/^instructions,\([^,]*\),statusbus,/\1 /p'
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
        NR == FNR { if ($0 !~ /^#/) limit[$1] = $2; next }
        !($1 in limit) { print $1 ": has no limit"; bad = 1; next }
        {
            above = 100 * ($2 / limit[$1] - 1)
            printf "%-14s %7d instructions per message, limit %7d, %+.1f %%\n", $1, $2, limit[$1], above
            if (above > tolerance) { print "  above the limit"; bad = 1 }
            if (above < -tolerance) lower = 1
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
            echo "# Instructions per message of statusbus. Written by tests/bench/instructions.sh --limits;"
            echo "# --check allows $tolerance % more."
            echo "# with $(toolchain)"
            cat "$scratch/ours"
        } >limits
        ;;
    "")
        measure_all "$messages" . >"$scratch/results"
        mkdir -p results
        mv "$scratch/results" results/instructions.csv
        "$target/release/report" results
        ;;
    *)
        measure_all "$messages" "$1" >"$scratch/results.csv"
        "$target/release/report" --print "$scratch"
        ;;
esac
