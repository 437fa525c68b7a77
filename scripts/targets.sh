#!/usr/bin/env bash
# Prepares compilation targets without an operating system, and prints how.
#
#   scripts/targets.sh TARGET...            prepare; one line a target
#   scripts/with-target.sh TARGET COMMAND   prepare, then run COMMAND in the right environment
#   . scripts/targets.sh                    in a bash script: defines `prepare_target TARGET`,
#                                           which exports what a plain `cargo build` then needs
#
# Tried in this order:
#   1. installed  the compiler in use has the target already
#   2. rustup     `rustup target add`
#   3. debian     the distribution's compiler and its library source: the libraries are built
#                 once into a cached sysroot (no unstable flag is needed afterwards)
#
# Settings:
#   STATUSBUS_TARGETS  auto (default), or `rustup` (1 and 2) or `debian` (3) alone
#   XDG_CACHE_HOME     where the sysroot is kept; default ~/.cache

# The library crates in a built sysroot, by target.
sysroot_crates() {
  case $1 in
    *-none-*) echo core,alloc ;;
    # The tests of the hub need std and test; the npm package needs core and alloc.
    wasm32-unknown-unknown) echo std,panic_abort,test ;;
    *) return 1 ;;
  esac
}

debian_packages="rustc-web cargo-web rust-web-src lld-22"

has_target() {
  local lib
  lib=$("${RUSTC:-rustc}" --print target-libdir --target "$1" 2>/dev/null) || return 1
  compgen -G "$lib/libcore-*.rlib" >/dev/null
}

add_by_rustup() {
  command -v rustup >/dev/null && timeout 300 rustup target add "$1" >&2 && has_target "$1"
}

# Debian's compiler, its cargo, the library source, and a linker new enough for its objects.
find_debian() {
  deb_rustc=/usr/bin/rustc deb_cargo=/usr/bin/cargo
  [[ -x $deb_rustc && -x $deb_cargo ]] || return 1
  [[ -f $("$deb_rustc" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock ]] || return 1
  deb_lld=$(find /usr/bin -name 'lld-[0-9]*' 2>/dev/null | sort -t- -k2 -n | tail -n1)
  [[ -n $deb_lld && ${deb_lld##*-} -ge 18 ]]
}

install_debian() {
  [[ $(id -u) = 0 ]] && command -v apt-get >/dev/null || return 1
  echo "installing $debian_packages" >&2
  # shellcheck disable=SC2086  # a list of names
  { timeout 120 apt-get update -q && DEBIAN_FRONTEND=noninteractive timeout 600 \
    apt-get install -yq --no-install-recommends $debian_packages; } </dev/null >&2
}

# One sysroot per compiler version, with all its targets. Its `bin` has `rustc`, `cargo` and `rustdoc`
# by their plain names, so that callers change only PATH.
make_sysroot() {
  local sys=$1 host
  host=$("$deb_rustc" -vV | sed -n 's/^host: //p')
  mkdir -p "$sys/bin" "$sys/lib/rustlib/$host/bin"
  ln -sfn "$("$deb_rustc" --print sysroot)/lib/rustlib/$host/lib" "$sys/lib/rustlib/$host/lib"
  ln -sfn "$deb_lld" "$sys/lib/rustlib/$host/bin/rust-lld"
  ln -sfn "$deb_cargo" "$sys/bin/cargo"
  local tool
  for tool in rustc rustdoc; do
    printf '#!/bin/sh\nexec %q --sysroot %q "$@"\n' "${deb_rustc%/*}/$tool" "$sys" >"$sys/bin/$tool.$$"
    chmod +x "$sys/bin/$tool.$$"
    mv "$sys/bin/$tool.$$" "$sys/bin/$tool"
  done
}

# `-Cembed-bitcode` lets a release build with LTO use the result.
build_target_library() (
  set -e
  sys=$1 target=$2 crates=$3
  work=$(mktemp -d "$sys/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/src"
  echo '#![no_std]' >"$work/src/lib.rs"
  cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "sysroot-seed"
version = "0.0.0"
edition = "2021"
[profile.release]
panic = "abort"
debug = false
[workspace]
TOML
  cd "$work"
  env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WRAPPER -u RUSTUP_TOOLCHAIN \
    RUSTC="$deb_rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cembed-bitcode=yes" CARGO_TARGET_DIR="$work/out" \
    "$deb_cargo" build --quiet --release --target "$target" "-Zbuild-std=$crates" >&2
  mkdir "$work/lib"
  for rlib in "$work/out/$target/release/deps/"*.rlib; do
    case $rlib in *libsysroot_seed-*) ;; *) cp "$rlib" "$work/lib/" ;; esac
  done
  mkdir -p "$sys/lib/rustlib/$target"
  rm -rf "$sys/lib/rustlib/$target/lib"
  mv -T "$work/lib" "$sys/lib/rustlib/$target/lib"
)

use_debian() {
  local target=$1 sys stamp crates
  crates=$(sysroot_crates "$target") || {
    echo "$target: not a target this script can build a library for" >&2
    return 1
  }
  find_debian || { install_debian && find_debian; } || return 1
  sys=${XDG_CACHE_HOME:-$HOME/.cache}/statusbus/sysroot-$("$deb_rustc" -V | cut -d' ' -f2)
  stamp=$sys/lib/rustlib/$target/built-$crates
  make_sysroot "$sys" || return 1
  if [[ ! -e $stamp ]]; then
    echo "building $crates for $target once, into $sys" >&2
    build_target_library "$sys" "$target" "$crates" && touch "$stamp" || return 1
  fi
  unset RUSTUP_TOOLCHAIN
  export PATH=$sys/bin:$PATH RUSTC=$sys/bin/rustc RUSTDOC=$sys/bin/rustdoc CARGO=$sys/bin/cargo
}

# Makes TARGET usable from here on. Sets `target_way` to how: installed, rustup or debian.
prepare_target() {
  local target=${1:?prepare_target TARGET} ways=${STATUSBUS_TARGETS:-auto}
  target_way=
  case $ways in
    auto | rustup | debian) ;;
    *) echo "STATUSBUS_TARGETS is '$ways'; it is one of auto, rustup, debian" >&2 && return 2 ;;
  esac
  if [[ $ways != debian ]] && has_target "$target"; then
    target_way=installed
  elif [[ $ways != debian ]] && add_by_rustup "$target"; then
    target_way=rustup
  elif [[ $ways != rustup ]] && use_debian "$target"; then
    target_way=debian
  else
    cat >&2 <<ERR
$target: no way to compile for it. One of these helps:
  with rustup:           rustup target add $target
  on Debian, as root:    apt-get install $debian_packages
ERR
    return 1
  fi
}

if [[ ${BASH_SOURCE[0]} = "$0" ]]; then
  set -uo pipefail
  [[ $# -gt 0 ]] || { echo "usage: scripts/targets.sh TARGET..." >&2 && exit 2; }
  failed=0
  for target; do
    # In a subshell: the exports of one target must not affect the next.
    ( prepare_target "$target" && echo "$target: $target_way ($("${RUSTC:-rustc}" -V))" ) || failed=1
  done
  exit $failed
fi
