#!/bin/sh
# Writes the root file system of an image of keepalived to standard output. curl asks nginx of the server.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
exec mmdebstrap --verbose --variant=minbase --include=keepalived,curl,ca-certificates \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*' \
	trixie -
