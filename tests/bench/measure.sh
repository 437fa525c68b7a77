# For the scripts beside it: `. ./measure.sh`. Builds binaries and counts instructions under callgrind. RESULTS names
# another folder than `results`.

. ../../scripts/need.sh

results=${RESULTS:-results}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# build BINARY...: sets `built` to the folder of the binaries
build() {
    local bins=()
    for name in "$@"; do bins+=(--bin "$name"); done
    cargo build --quiet --locked --profile bench -p statusbus-bench "${bins[@]}"
    built=$(cargo metadata --quiet --locked --format-version 1 --no-deps |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release
}

need_callgrind() { (need callgrind_annotate valgrind libc6-dbg) >&2; }

need_listings() { (need objdump binutils && need python3 python3) >&2; }

# callgrind OUTPUT [OPTION...] -- ARGUMENTS... runs the binary `instructions`
callgrind() {
    local out=$1 options=()
    shift
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    shift
    valgrind --tool=callgrind --callgrind-out-file="$out" ${options[@]+"${options[@]}"} \
        "$built/instructions" "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
}

# count ARGUMENTS... -> instructions of the whole run, and of the probes in it
count() {
    callgrind "$scratch/out" -- "$@"
    callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$scratch/out" >"$scratch/costs"
    # A function is listed once per source file inlined into it; the largest is the whole.
    awk '/PROGRAM TOTALS/ { gsub(",", "", $1); all = $1 + 0 }
         match($0, /(send|send_with|send_named|push)_probe/) {
             name = substr($0, RSTART, RLENGTH); gsub(",", "", $1)
             if ($1 + 0 > probe[name]) probe[name] = $1 + 0
         }
         END { for (name in probe) probes += probe[name]; print all, probes + 0 }' "$scratch/costs"
}

# per_message N ARGUMENTS... -> instructions per message, all and of the probes: the difference between runs of 2 N
# and N messages, so start-up is out
per_message() {
    local n=$1 one two
    shift
    one=$(count "$@" "$n")
    two=$(count "$@" "$((2 * n))")
    awk -v n="$n" '
        NR == 1 { all = $1; probes = $2 }
        NR == 2 { printf "%.0f %.0f\n", ($1 - all) / n, ($2 - probes) / n }' <<<"$one"$'\n'"$two"
}

# A cell with 1000 subscribers takes a tenth of the messages.
# messages_of CELL N
messages_of() {
    if [[ $1 = 1000x* ]]; then echo $(($2 / 10)); else echo "$2"; fi
}

# publish NAME: copies what was measured into the folder of the results. It is measured into "$scratch/results" first,
# so that a failure leaves the last results.
publish() {
    mkdir -p "$results"
    cp "$scratch/results" "$results/$1.csv"
}

report() { "$built/report" "$results"; }

# progress TEXT...: shown on a terminal
progress() { [[ ! -t 2 ]] || echo "$*" >&2; }
