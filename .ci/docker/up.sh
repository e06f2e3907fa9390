#!/bin/bash
# A Docker engine for the suites that use containers, on machines where no service manager starts one: dockerd by hand, as
# root. Prints its pid when it started one; an engine that answers already is used as it is, and nothing is printed.
set -euo pipefail
. "$(dirname "$0")/../cache.sh"
logs=${1:?usage: up.sh DIRECTORY_FOR_LOGS}

! docker version > /dev/null 2>&1 || exit 0
command -v dockerd > /dev/null || fail "dockerd was not found"
mkdir -p "$CACHE/docker"
nohup dockerd --data-root "$CACHE/docker" --pidfile "$logs/dockerd-own.pid" < /dev/null > "$logs/dockerd.log" 2>&1 &
pid=$!
for _ in $(seq 150); do
  if docker version > /dev/null 2>&1; then
    echo "$pid"
    exit 0
  fi
  kill -0 "$pid" 2> /dev/null || break
  sleep 0.2
done
tail -5 "$logs/dockerd.log" >&2
fail "dockerd did not start"
