#!/bin/sh
# Writes the root file system of a host to standard output: sshd, curl, and Python, which Ansible needs there. All guests come
# from one address, so sshd bears no grudge.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
here=$(dirname "$0")
exec mmdebstrap --verbose --variant=minbase \
	--include=openssh-server,curl,ca-certificates,python3 \
	--customize-hook='echo "PerSourcePenalties no" > "$1/etc/ssh/sshd_config.d/bench.conf"' \
	--customize-hook='rm -f "$1"/etc/ssh/ssh_host_* && mkdir -p "$1/run/sshd"' \
	--customize-hook="copy-in $here/start-host /usr/local/sbin" \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	trixie -
