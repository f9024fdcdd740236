#!/bin/sh
# Writes the root file system of a lab host to standard output: sshd, Docker with buildx, an operator with sudo, and
# faketime, by which a test sets a program's clock. All its guests come from one address, so sshd bears no grudge.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
here=$(dirname "$0")
exec mmdebstrap --verbose --variant=minbase \
	--include=openssh-server,docker.io,docker-cli,docker-buildx,iptables,sudo,curl,ca-certificates,iproute2,procps,faketime,skopeo \
	--customize-hook='chroot "$1" useradd --create-home --shell /bin/sh --password "*" ops' \
	--customize-hook='echo "ops ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/ops"' \
	--customize-hook='echo "PerSourcePenalties no" > "$1/etc/ssh/sshd_config.d/lab.conf"' \
	--customize-hook='rm -f "$1"/etc/ssh/ssh_host_* && mkdir -p "$1/run/sshd"' \
	--customize-hook="copy-in $here/start-host /usr/local/sbin" \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	trixie -
