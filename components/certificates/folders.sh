# Makes folders on the server that a container writes to. Called as: create|delete owner=UID:GID folders=PATH[:PATH]

create() {
	umask 022
	mkdir -p "${1%/*}"
	umask 077
	mkdir -p "$1"
	if [ "$(id -u)" -eq 0 ]; then chown "$owner" "$1"; fi
}

# Takes away the folders above that are empty now, up to the stack's own.
delete() {
	rm -rf "$1"
	rmdir "${1%/*}" 2> /dev/null || return 0
	above=${1%/*}
	rmdir "${above%/*}" 2> /dev/null || true
}

main() {
	verb=$1 owner='' folders=''
	shift
	read_words "$@"
	printf '%s\n' "$folders" | tr : '\n' | while read -r folder; do "$verb" "$folder"; done
}

set -eu
main "$@"
