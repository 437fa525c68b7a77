#!/usr/bin/env bash
# Builds what runs on microcontrollers, and runs it in QEMU. Gets what the machine lacks, where it
# may: the compilation targets by targets.sh, QEMU from apt as root.
#
#   scripts/firmware.sh run [BOARD [OPTION...]]
#                                         the pump station, live: what `watch device` makes of its
#                                         frames, then its log; options are those of `watch device`
#   scripts/firmware.sh test [BOARD...]   the tests on the target; default: every board
#   scripts/firmware.sh sizes [BOARD...]  flash and memory, against what they may take
#   scripts/firmware.sh cost              instructions, masked interrupts and stack, on the Cortex-M3
#                                         --write behind either: what holds now becomes the limit
#   scripts/firmware.sh boards            builds what is for real boards: examples/pico, examples/nrf52840
#   scripts/firmware.sh lint              format, and clippy for every board
#
# Boards: lm3s6965evb (Cortex-M3), mps2-an386 (Cortex-M4F), microbit (Cortex-M0), virt (RISC-V 32).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
# shellcheck source=scripts/targets.sh
. scripts/targets.sh

firmware=$PWD/examples/firmware
boards=(lm3s6965evb mps2-an386 microbit virt)
# What is built is what the workspace of the firmware says, not what the environment says; and beside
# everything else that is built.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET
workspace_target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
CARGO_TARGET_DIR=$workspace_target/firmware
export CARGO_TARGET_DIR

target_of() {
  case $1 in
    lm3s6965evb) echo thumbv7m-none-eabi ;;
    mps2-an386) echo thumbv7em-none-eabihf ;;
    microbit) echo thumbv6m-none-eabi ;;
    virt) echo riscv32imac-unknown-none-elf ;;
    *) echo "no such board: $1; there are ${boards[*]}" >&2 && return 1 ;;
  esac
}

# The programs of this machine, with the compiler that is in use before any target is prepared.
build_watch() {
  echo "building watch"
  (CARGO_TARGET_DIR=$workspace_target && cargo build --quiet --locked --package watch)
  watch=$workspace_target/debug/watch
}

build_runner() {
  cargo build --quiet --locked --manifest-path "$firmware/Cargo.toml" --package runner
}

# on BOARD COMMAND...: in a subshell, in the firmware's folder, with all that its target needs; what
# one target needs exported must not decide for the next. Not in a condition: `set -e` has no effect
# there
on() (
  set -e
  board=$1
  shift
  target=$(target_of "$board")
  prepare_target "$target"
  cd "$firmware"
  "$@"
)

# each COMMAND BOARD...: on each board, also if one fails; fails then
each() {
  local command=$1 board failed=0
  shift
  for board; do
    set +e
    on "$board" "$command"
    [[ $? -eq 0 ]] || failed=1
    set -e
  done
  return $failed
}

# build PACKAGE [OPTION...]: for the board that `on` chose
build() {
  local package=$1
  shift
  cargo build --quiet --locked --release --package "$package" --target "$target" "$@"
}

# emulate PROGRAM [OPTION...]: one that was built, in QEMU
emulate() {
  local program=$1
  shift
  # its output is the program's
  case $board in
    virt) need qemu-system-riscv32 qemu-system-misc >&2 ;;
    *) need qemu-system-arm qemu-system-arm >&2 ;;
  esac
  "$CARGO_TARGET_DIR/debug/runner" "$board" "$CARGO_TARGET_DIR/$target/release/$program" "$@"
}

# Byte for byte what the same traces give on this machine.
conformance() {
  local told=$CARGO_TARGET_DIR/$target/conformance
  emulate conformance --icount 6 >"$told" 2>/dev/null || { grep FAILED "$told"; return 1; }
  sed '/^--- the adapter$/,$d' "$told" >"$told.core"
  cmp "$told.core" "$CARGO_TARGET_DIR/expected"
  echo "conformance: the core, $(tail -n1 "$told.core"), the bytes of the host"
  echo "conformance: the adapter, $(tail -n1 "$told")"
}

# What it says, of which the last line tells how it went.
sweep() {
  emulate sweep --icount 10 --limit 600 2>"$CARGO_TARGET_DIR/$target/sweep.err" || {
    cat "$CARGO_TARGET_DIR/$target/sweep.err"
    return 1
  }
}

test_board() {
  echo "--- $board: $target, $target_way ($("${RUSTC:-rustc}" -V))"
  build checks --bin conformance
  conformance
  # it counts with a timer that only these have
  if [[ $board != virt ]]; then
    build checks --features ticks --bin sweep
    sweep
  fi
  station
}

# The station twice on the same board says the same bytes; and what has come over its line is what it
# says it has delivered, with all that it says it has lost.
station() {
  local said=$CARGO_TARGET_DIR/$target/station
  build pump
  emulate pump --icount 6 --serial "file:$said.frames" >"$said.log" 2>/dev/null || { cat "$said.log"; return 1; }
  if [[ $board = lm3s6965evb ]]; then
    emulate pump --icount 6 --serial "file:$said.again" >"$said.log.again" 2>/dev/null
    cmp "$said.frames" "$said.again"
    cmp "$said.log" "$said.log.again"
  fi
  "$watch" device --once --json --listen off "station=$said.frames" >"$said.json" 2>/dev/null
  python3 pump/compare.py "$said.log" "$said.json"
}

# Live: QEMU waits at a socket until `watch` reads it.
show() {
  build pump
  line=$(mktemp -d)
  # a group of its own, so that all of it can be ended
  set -m
  emulate pump --serial "unix:$line/station,server=on,wait=on" >"$line/log" 2>/dev/null &
  running=$!
  set +m
  trap '[[ -z $running ]] || kill -- "-$running"; rm -rf "$line"' EXIT
  until [[ -S $line/station ]]; do
    kill -0 "$running" || { cat "$line/log"; return 1; }
    sleep 0.1
  done
  "$watch" device --once ${options[@]+"${options[@]}"} "station=$line/station"
  local status=0
  wait "$running" || status=$?
  running=
  echo
  echo "its log:"
  cat "$line/log"
  return $status
}

cost_of_board() {
  build checks --features ticks --bin cost
  emulate cost --icount 10 2>/dev/null >"$CARGO_TARGET_DIR/$target/cost"
  python3 checks/costs.py ${write:+"$write"} <"$CARGO_TARGET_DIR/$target/cost"
}

run_tests() {
  build_runner
  build_watch
  cargo run --quiet --locked --package statusbus-conformance --example play >"$CARGO_TARGET_DIR/expected"
  each test_board "${@:-"${boards[@]}"}"
}

# One after the other: a feature of one must not get into the other.
sizes_of_board() {
  build sizes --bins
  build sizes --bin core_wire --bin adapter_wire --features wire
  python3 sizes/table.py "$target" "$CARGO_TARGET_DIR/$target/release" ${write:+"$write"}
  echo
}

# For a real board: linked, so that all of it fits. Its own configuration has its target.
real_board() (
  set -e
  name=$1 target=$2
  prepare_target "$target"
  cd "examples/$name"
  cargo fmt --check
  cargo build --quiet --locked --release
  echo "$name: $target, $target_way: $CARGO_TARGET_DIR/$target/release/$name"
)

lint_board() {
  local ticks=()
  [[ $board = virt ]] || ticks=(--features ticks)
  cargo clippy --quiet --locked --release --package board --package checks --target "$target" \
    ${ticks[@]+"${ticks[@]}"} -- -D warnings
  cargo clippy --quiet --locked --release --package pump --target "$target" -- -D warnings
  cargo clippy --quiet --locked --release --package sizes --all-features --target "$target" -- -D warnings
}

lint() {
  cargo fmt --manifest-path "$firmware/Cargo.toml" --all --check
  cargo clippy --quiet --locked --manifest-path "$firmware/Cargo.toml" --package runner -- -D warnings
  each lint_board "${boards[@]}"
}

need python3 python3
command=${1:-}
[[ $# -eq 0 ]] || shift
case $command in
  run)
    board=${1:-lm3s6965evb}
    options=("${@:2}")
    build_runner
    build_watch
    on "$board" show
    ;;
  test) run_tests "$@" ;;
  sizes | cost)
    write=
    [[ ${1:-} != --write ]] || { write=$1; shift; }
    build_runner
    if [[ $command = cost ]]; then
      on lm3s6965evb cost_of_board
      exit
    fi
    each sizes_of_board "${@:-"${boards[@]}"}"
    ;;
  boards)
    real_board pico thumbv6m-none-eabi
    real_board nrf52840 thumbv7em-none-eabihf
    ;;
  lint) lint ;;
  *) sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
