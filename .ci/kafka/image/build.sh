#!/bin/bash
# Builds an image of the broker whose jars ../build.sh fetches, without a base image, so that no registry of images is needed:
# a Java runtime by jlink, bash, and the libraries both load, from this machine. Prints its name. Takes its settings from
# variables as the official image does: KAFKA_NODE_ID is node.id.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../cache.sh"
image=slogate-test/kafka:$(cat "$here"/* "$here/../pom.xml" | sha256sum | cut -c1-16)

if docker image inspect "$image" > /dev/null 2>&1; then
  echo "$image"
  exit 0
fi
command -v jlink > /dev/null || fail "jlink was not found: the image needs a JDK, version 17 or newer"
jars=$(bash "$here/../build.sh")
work=$(mktemp -d "$CACHE/kafka-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,etc,opt,tmp,usr/bin}
chmod 1777 "$root/tmp"

modules=java.base,java.compiler,java.desktop,java.logging,java.management,java.naming,java.rmi,java.scripting
modules+=,java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.unsupported,jdk.zipfs
jlink --add-modules "$modules" --strip-debug --no-header-files --no-man-pages --output "$root/opt/java"
# Debian keeps these behind links that lead out of the image.
home=$(dirname "$(dirname "$(readlink -f "$(command -v jlink)")")")
rm -rf "$root/opt/java/conf/security"
cp -rL "$home/conf/security" "$root/opt/java/conf/"

cp -r "$jars" "$root/opt/kafka"
install -m 755 "$here/start.sh" "$root/opt/start.sh"
for program in bash cat id; do cp -L "$(command -v "$program")" "$root/bin/"; done
ln -s bash "$root/bin/sh"
echo 'root:x:0:0:root:/:/bin/bash' > "$root/etc/passwd"

# Every library that any of it loads, but for the desktop's. ldd fails on what is no program, and there is some.
{ find "$root" -type f \( -name '*.so' -o -perm -u+x \) ! -name 'libawt*' ! -name 'libfont*' ! -name 'libjsound*' \
  ! -name 'libsplash*' -exec ldd {} + 2> /dev/null || true; } | grep -oE '/[^ :]+\.so[^ :]*' | grep -v "^$work" | sort -u |
  while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
# Looked up by name when the first host name is resolved.
for library in $(ldconfig -p | grep -E 'lib(nss_files|nss_dns|resolv)\.so\.2 .*x86-64' | sed 's/.*=> //'); do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

printf 'FROM scratch\nCOPY root /\nENV PATH=/bin:/opt/java/bin\nCMD ["/opt/start.sh"]\n' > "$work/Dockerfile"
docker build -q -t "$image" "$work" >&2
echo "$image"
