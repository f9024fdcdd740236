#!/bin/sh
# Writes the root file system of a registry image to standard output: one static program, and BusyBox for its check.
# Argument: the registry program.
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/var/lib/registry"
install -m 755 "$1" "$root/bin/registry"
install -m 755 /bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/wget"
ln -s busybox "$root/bin/sh"
ln -s busybox "$root/bin/chown"
printf 'root:x:0:0:root:/:/bin/sh\n' > "$root/etc/passwd"
tar -C "$root" --numeric-owner -cf - .
