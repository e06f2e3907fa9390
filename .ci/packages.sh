#!/bin/bash
# Programs of Debian's packages that the integration tests call, installed where they are missing: on a machine of one's own,
# as CI has it. Elsewhere (not root, no apt) it only says what is missing.
set -euo pipefail

# Program and package.
wanted=(
  kcat:kcat
  kubectl:kubernetes-client
  java:openjdk-17-jdk-headless
  mvn:maven
  dockerd:docker.io
)

missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
# The plugin of a newer Docker does as well.
docker compose version > /dev/null 2>&1 || command -v docker-compose > /dev/null || missing+=(docker-compose)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "missing for the integration tests: ${missing[*]}" >&2
  exit 0
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends "${missing[@]}"
