# For bash scripts: `. scripts/need.sh`, then
#
#   need PROGRAM PACKAGE...   installs Debian's packages if the program is missing, where it may: as
#                             root, with apt; else says what to do, and ends the script
need() {
  local program=$1
  shift
  command -v "$program" >/dev/null && return
  if [[ $(id -u) = 0 ]] && command -v apt-get >/dev/null; then
    echo "installing $*"
    timeout 120 apt-get update -q </dev/null
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get install -yq --no-install-recommends "$@" </dev/null
  fi
  command -v "$program" >/dev/null || {
    echo "$program is missing: install it (on Debian: apt install $*)" >&2
    exit 1
  }
}
