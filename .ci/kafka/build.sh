#!/bin/bash
# Fetches the jars of pom.xml, a Kafka broker, and prints their directory; prints it at once when they are there already.
# `--where` only prints the path. From nothing: a few seconds, 43 MB; needs Maven and Java 17 or newer.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cache.sh"
jars=$(binary_of kafka "$here/pom.xml" "$here/build.sh")

if [ "${1:-}" != --where ] && [ ! -d "$jars" ]; then
  command -v mvn > /dev/null || fail "mvn was not found: fetching Kafka needs Maven and Java 17 or newer in PATH"
  hold_lock kafka
fi
if [ "${1:-}" != --where ] && [ ! -d "$jars" ]; then
  work=$(mktemp -d "$CACHE/kafka.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "fetching the jars of Kafka" >&2
  mvn -q -B -ntp -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/jars" >&2
  mv -T "$work/jars" "$jars"
fi
echo "$jars"
