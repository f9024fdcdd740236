# Fails where a file of authorities is to become another one, by which the host would not know the registry any more.
#
# Called as: registry=HOST[:PORT] file=PATH; `payload ca.crt` prints the new authorities.

main() {
	umask 077
	# shellcheck disable=SC2034 # keep_trust asks it
	files='' registry='' scratch=''
	read_words "$@"
	trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT
	trap 'exit 1' HUP INT TERM
	keep_trust "${files# }"
}

set -eu
main "$@"
