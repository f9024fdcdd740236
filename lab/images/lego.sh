#!/bin/sh
# Writes the root file system of an image of lego to standard output: of a Debian whose lego is of the official line. The
# official image has the program in the root folder, and its shell and tools are BusyBox'.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
here=$(dirname "$0")
exec mmdebstrap --verbose --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
	--include=lego,ca-certificates,busybox \
	--customize-hook='ln -s usr/bin/lego "$1/lego"' \
	--customize-hook="copy-in $here/flock /usr/local/bin" \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	forky -
