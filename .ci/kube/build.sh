#!/bin/bash
# Builds main.go, a Kubernetes API server for tests, and prints the binary's path; prints it at once when it is there
# already. `--where` only prints the path. From nothing: about 4 minutes on 2 cores, 0.5 GB of modules, needs Go.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cache.sh"
release=1.34.4
binary=$(binary_of kube "$here/main.go" "$here/go.mod" "$here/go.sum" "$here/build.sh")

if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  need_go "the Kubernetes API server"
  hold_lock kube
fi
if [ "${1:-}" != --where ] && [ ! -x "$binary" ]; then
  echo "building kube-apiserver $release with etcd and the controllers" >&2
  version=k8s.io/component-base/version
  cd "$here"
  # Without the -X flags /version answers a placeholder, and clients that compare versions stumble.
  CGO_ENABLED=0 go build -trimpath -o "$binary.$$" -ldflags "-s -w -X $version.gitVersion=v$release \
    -X $version.gitMajor=${release%%.*} -X $version.gitMinor=$(cut -d. -f2 <<< "$release")" . >&2
  mv "$binary.$$" "$binary"
fi
echo "$binary"
