#!/bin/bash
# Builds telemetrygen, the OpenTelemetry load generator, and prints the binary's path; prints it at once when it is
# there already. `--where` only prints the path. About 20 s after the Collector's build, which shares its modules.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
release=v0.155.0
binary=$(binary_of telemetrygen "$here/telemetrygen.sh")

if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  need_go telemetrygen
  hold_lock telemetrygen
fi
if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  work=$(mktemp -d "$CACHE/telemetrygen.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "building telemetrygen $release" >&2
  GOBIN=$work CGO_ENABLED=0 \
    go install "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@$release" >&2
  mv "$work/telemetrygen" "$binary"
fi
echo "$binary"
