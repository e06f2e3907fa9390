# Sourced by the build scripts beside it. What they build is kept under $SLOGATE_CACHE, each binary named
# by the hash of the files that describe it: a changed recipe builds anew, an unchanged one is free.
set -euo pipefail
CACHE=${SLOGATE_CACHE:-$HOME/.cache/slogate}

fail() { echo "$*" >&2; exit 1; }

# binary_of NAME FILE...: where the binary described by these files is, or will be.
binary_of() { local name=$1; shift; echo "$CACHE/bin/$name-$(cat "$@" | sha256sum | cut -c1-16)"; }

need_go() {
  command -v go > /dev/null ||
    fail "go was not found: building $1 needs Go 1.25 or newer in PATH (https://go.dev/doc/install)"
}

# One build at a time of one name on this machine: two test runs must not build the same thing twice.
hold_lock() { mkdir -p "$CACHE/bin" && exec 9> "$CACHE/$1.lock" && flock 9; }
