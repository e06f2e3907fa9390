#!/bin/bash
# Builds an image of the Collector that build.sh builds, and prints its name. As in the official image, the program is the entry
# point and its user may do nothing.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cache.sh"
binary=$(bash "$here/build.sh")
image=slogate-test/$(basename "$binary" | tr - :)

if ! docker image inspect "$image" > /dev/null 2>&1; then
  work=$(mktemp -d "$CACHE/otelcol-image.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp "$binary" "$work/otelcol"
  printf 'FROM scratch\nCOPY otelcol /otelcol\nUSER 10001:10001\nENTRYPOINT ["/otelcol"]\n' > "$work/Dockerfile"
  docker build -q -t "$image" "$work" >&2
fi
echo "$image"
