#!/usr/bin/env bash
# Instructions per message of every peer in every cell, and per bare push, as Markdown.
#
#   tests/bench/instructions.sh [REGEX]
#
# REGEX chooses among the lines of `instructions list`, e.g. 'hand-v2|statusbus' or '10x100$'.
# Each line runs twice under callgrind, with N and 2 N messages: the difference leaves start-up
# out. In brackets, the part of it inside `send` itself (callgrind's inclusive cost of the probe).
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

command -v callgrind_annotate >/dev/null || { echo "needs valgrind (apt install valgrind)" >&2; exit 1; }
cargo build --quiet --profile bench --bin instructions
target=$(cargo metadata --quiet --format-version 1 --no-deps |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
binary=$target/release/instructions
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count ARGUMENTS… -> "all probe", instructions of the whole run and of the probe in it
count() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$binary" "$@" \
        >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
    callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$scratch/out" >"$scratch/costs"
    # A function is listed once per source file inlined into it; the largest is the whole.
    awk '/PROGRAM TOTALS|(send|push)_probe/ { gsub(",", "", $1); cost = $1 + 0 }
         /PROGRAM TOTALS/ { all = cost }
         /(send|push)_probe/ && cost > probe { probe = cost }
         END { print all, probe }' "$scratch/costs"
}

# measure KIND… -> "all probe" per message
measure() {
    local n=${MESSAGES:-20000} one two
    case "$*" in *' 1000x'*) n=2000 ;; esac
    one=$(count "$@" "$n")
    two=$(count "$@" "$((2 * n))")
    awk -v n="$n" '{ if (NR == 1) { a = $1; p = $2 } else printf "%.0f %.0f\n", ($1 - a) / n, ($2 - p) / n }' \
        <<<"$one"$'\n'"$two"
}

"$binary" list | grep -E -- "${1:-.}" | while read -r kind name cell; do
    result=$(measure "$kind" "$name" ${cell:+"$cell"})
    echo "$kind $name ${cell:--} $result"
    echo "$kind $name $cell" >&2
done >"$scratch/results"

awk '
    $1 == "bus" {
        if (!($3 in rows)) { rows[$3]; row[++height] = $3 }
        if (!($2 in columns)) { columns[$2]; column[++width] = $2 }
        cell[$3, $2] = $4 " (" $5 ")"
    }
    $1 == "push" { pushed[++queues] = "| " $2 " | " $5 " |" }
    END {
        if (height) {
            print "\nInstructions per message, send to delivery (of which send)\n"
            head = "| subscribers x topics |"; line = "|---|"
            for (c = 1; c <= width; c++) { head = head " " column[c] " |"; line = line "---|" }
            print head "\n" line
            for (r = 1; r <= height; r++) {
                text = "| " row[r] " |"
                for (c = 1; c <= width; c++) text = text " " cell[row[r], column[c]] " |"
                print text
            }
        }
        if (queues) {
            print "\nInstructions per bare 64-byte push\n\n| queue | push |\n|---|---|"
            for (q = 1; q <= queues; q++) print pushed[q]
        }
    }' "$scratch/results"
