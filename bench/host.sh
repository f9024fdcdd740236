#!/bin/sh
# Writes the root file system of hosts to standard output: sshd, curl, and Python, which Ansible needs there.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
here=$(dirname "$0")
exec mmdebstrap --verbose --variant=minbase \
	--include=openssh-server,curl,ca-certificates,python3,iproute2,nftables \
	--customize-hook="copy-in $here/sshd.conf /etc/ssh/sshd_config.d" \
	--customize-hook='rm -f "$1"/etc/ssh/ssh_host_* && mkdir -p "$1/run/sshd"' \
	--customize-hook="copy-in $here/start-host $here/make-places $here/at-address /usr/local/sbin" \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	trixie -
