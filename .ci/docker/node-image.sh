#!/bin/bash
# Builds a stand-in for the official image of Node, without a base image: the Node that npm brought, this machine's npm, and the
# few programs that deploy/docker/Dockerfile calls. Prints its name. It asks the registry of packages that this machine asks.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cache.sh"
node=$(readlink -f "$here/../../node_modules/node/bin/node")
[ -x "$node" ] || fail "node_modules/node was not found: npm ci brings it"
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
registry=$(npm config get registry)
authorities=${NODE_EXTRA_CA_CERTS:-}
image=slogate-test/node:$({ cat "$0" "$npm/package.json"; "$node" --version; echo "$registry $authorities"; } | sha256sum | cut -c1-16)

if docker image inspect "$image" > /dev/null 2>&1; then
  echo "$image"
  exit 0
fi
work=$(mktemp -d "$CACHE/node-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,etc,tmp,home/node,usr/bin,usr/local/bin,usr/local/lib/node_modules,var/lib}
chmod 1777 "$root/tmp"
cp "$node" "$root/usr/local/bin/node"
cp -rL "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
for program in sh mkdir chown chmod; do cp -L "$(command -v $program)" "$root/bin/"; done
cp -L "$(command -v env)" "$root/usr/bin/"
printf 'root:x:0:0:root:/:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\n' > "$root/etc/passwd"
: > "$root/etc/authorities.pem"
[ ! -r "$authorities" ] || cp -L "$authorities" "$root/etc/authorities.pem"

# What they load, and what is looked up by name when the first host name is resolved.
{
  for program in "$root"/bin/* "$root/usr/bin/env" "$node"; do ldd "$program" | grep -oE '/[^ :]+\.so[^ :]*'; done
  ldconfig -p | grep -E 'lib(nss_files|nss_dns|resolv)\.so\.2 .*x86-64' | sed 's/.*=> //'
} | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

cat > "$work/Dockerfile" << DOCKERFILE
FROM scratch
COPY root /
ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/authorities.pem npm_config_registry=$registry
CMD ["node"]
DOCKERFILE
docker build -q -t "$image" "$work" >&2
echo "$image"
