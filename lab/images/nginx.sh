#!/bin/sh
# Writes the root file system of an nginx image to standard output: of a Debian whose nginx is of the official line. It is
# not released yet, so nobody renews the list of its security updates in time.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
exec mmdebstrap --verbose --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
	--include=nginx-light,libnginx-mod-http-js,curl,ca-certificates,busybox \
	--customize-hook='ln -s busybox "$1/bin/wget"' \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	forky -
