# For bash scripts: `. scripts/need.sh`. Tools for tests in Node and in a browser, installed from apt as root
# where they are missing. NODE and STATUSBUS_BROWSER select other programs than the default ones.

# need PROGRAM PACKAGE...: installs the packages if the program is missing
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
    echo "$program is missing: install it (on Debian: apt install $*), or see the settings in scripts/need.sh" >&2
    exit 1
  }
}

browser() {
  local name
  for name in "${STATUSBUS_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [[ -n $name ]] && command -v "$name" >/dev/null && return
  done
  return 1
}

# need_node: sets `node`
need_node() {
  node=${NODE:-node}
  [[ $node != node ]] || need node nodejs
  [[ $("$node" -p 'process.versions.node.split(".")[0] >= 20') = true ]] || {
    echo "Node $("$node" --version) is too old: 20 or newer is needed (NODE names another one)" >&2
    exit 1
  }
  need npm npm
}

need_browser() { browser || need chromium chromium; }
