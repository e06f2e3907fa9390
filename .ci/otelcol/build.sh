#!/bin/bash
# Builds the OpenTelemetry Collector of manifest.yaml and prints the binary's path; prints it at once when it is
# there already. `--where` only prints the path. From nothing: about 2.5 minutes on 2 cores, needs Go and network.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cache.sh"
release=v0.155.0
binary=$(binary_of otelcol "$here/manifest.yaml" "$here/build.sh")

if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  need_go "the OpenTelemetry Collector"
  hold_lock otelcol
fi
if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  work=$(mktemp -d "$CACHE/otelcol.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  builder=$CACHE/bin/ocb-$release
  export CGO_ENABLED=0
  if [ ! -x "$builder" ]; then
    echo "building the Collector's builder $release" >&2
    GOBIN=$work go install "go.opentelemetry.io/collector/cmd/builder@$release" >&2
    mv "$work/builder" "$builder"
  fi
  echo "building the OpenTelemetry Collector $release" >&2
  cd "$work"
  # Sources only. The builder would go on with `go mod tidy`, which also asks for the modules that the components'
  # own tests use, and some of those are not to be had; a plain build with -mod=mod asks only for what it links.
  "$builder" --config "$here/manifest.yaml" --skip-get-modules --skip-compilation >&2
  cd dist
  {
    printf 'module slogate.test/otelcol\n\ngo 1.25.0\n\nrequire go.opentelemetry.io/collector/otelcol %s\n' "$release"
    sed -n 's/^ *- gomod: /require /p' "$here/manifest.yaml"
  } > go.mod
  go build -mod=mod -trimpath -ldflags '-s -w' -o "$work/otelcol" . >&2
  mv "$work/otelcol" "$binary"
fi
echo "$binary"
