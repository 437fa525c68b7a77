#!/usr/bin/env bash
# Builds the firmware and runs it in QEMU. Installs missing tools where it may: compilation targets
# through targets.sh, QEMU from apt as root.
#
#   scripts/firmware.sh run [BOARD [OPTION...]]
#                                         the pump station, live: its frames in `watch device`,
#                                         then its log; the options are those of `watch device`
#   scripts/firmware.sh test [BOARD...]   the tests on the target; default: every board
#   scripts/firmware.sh sizes [BOARD...]  flash and memory, against their limits
#   scripts/firmware.sh cost              instructions, masked interrupts and stack, on the Cortex-M3
#                                         --write after either: the figures become the limits
#   scripts/firmware.sh boards            builds for real boards: examples/pico, examples/nrf52840
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
# The firmware's workspace sets the flags, not the environment. Its target folder is its own.
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

# Programs for this machine, built before any target is prepared: preparing may change the compiler.
build_watch() {
  echo "building watch"
  (CARGO_TARGET_DIR=$workspace_target && cargo build --quiet --locked --package watch)
  watch=$workspace_target/debug/watch
}

build_runner() {
  cargo build --quiet --locked --manifest-path "$firmware/Cargo.toml" --package runner
}

# on BOARD COMMAND...: in the firmware's folder, with its target prepared. In a subshell: the exports of
# one target must not affect the next. Not to be called in a condition, where `set -e` has no effect.
on() (
  set -e
  board=$1
  shift
  target=$(target_of "$board")
  prepare_target "$target"
  cd "$firmware"
  "$@"
)

# each COMMAND BOARD...: on each board, also after one has failed. Fails if one did.
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

# build PACKAGE [OPTION...]: for the board of `on`.
build() {
  local package=$1
  shift
  cargo build --quiet --locked --release --package "$package" --target "$target" "$@"
}

# emulate PROGRAM [OPTION...]: runs a built program in QEMU.
emulate() {
  local program=$1
  shift
  # Standard output belongs to the program.
  case $board in
    virt) need qemu-system-riscv32 qemu-system-misc >&2 ;;
    *) need qemu-system-arm qemu-system-arm >&2 ;;
  esac
  "$CARGO_TARGET_DIR/debug/runner" "$board" "$CARGO_TARGET_DIR/$target/release/$program" "$@"
}

# The output equals, byte for byte, that of the same traces on this machine.
conformance() {
  local output=$CARGO_TARGET_DIR/$target/conformance
  emulate conformance --icount 6 >"$output" 2>/dev/null || { grep FAILED "$output"; return 1; }
  sed '/^--- the adapter$/,$d' "$output" >"$output.core"
  cmp "$output.core" "$CARGO_TARGET_DIR/expected"
  echo "conformance: the core, $(tail -n1 "$output.core"), the bytes of the host"
  echo "conformance: the adapter, $(tail -n1 "$output")"
}

# Prints the sweep's output; its last line has the result.
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
  # The sweep counts with SysTick, which virt lacks.
  if [[ $board != virt ]]; then
    build checks --features ticks --bin sweep
    sweep
  fi
  station
}

# Two runs of the station on the same board write the same bytes. What the host reads from the line is what the
# station counts as delivered, and its gaps are what the station counts as lost.
station() {
  local output=$CARGO_TARGET_DIR/$target/station
  build pump
  emulate pump --icount 6 --serial "file:$output.frames" >"$output.log" 2>/dev/null || { cat "$output.log"; return 1; }
  if [[ $board = lm3s6965evb ]]; then
    emulate pump --icount 6 --serial "file:$output.again" >"$output.log.again" 2>/dev/null
    cmp "$output.frames" "$output.again"
    cmp "$output.log" "$output.log.again"
  fi
  "$watch" device --once --json --listen off "station=$output.frames" >"$output.json" 2>/dev/null
  python3 pump/compare.py "$output.log" "$output.json"
}

# Live: QEMU waits at a socket until `watch` reads it.
show() {
  build pump
  line=$(mktemp -d)
  # A process group of its own, so that all of it can be ended.
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

# In turn: a feature of one build must not reach the other.
sizes_of_board() {
  build sizes --bins
  build sizes --bin core_wire --bin adapter_wire --features wire
  python3 sizes/table.py "$target" "$CARGO_TARGET_DIR/$target/release" ${write:+"$write"}
  echo
}

# For a real board: linked, so that it fits its memory. Its own configuration has the target.
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
