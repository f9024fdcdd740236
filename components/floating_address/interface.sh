# Prints the interface of the server that has an address. Called as: address=ADDRESS

main() {
	address=''
	read_words "$@"
	command -v ip > /dev/null || fail "ip is not installed: install the package iproute2"
	line=$(ip -o address show to "$address")
	[ -n "$line" ] ||
		fail "no interface has the address $address: with floatingAddress, set address of this server to one that its interface has"
	# shellcheck disable=SC2086 # its words
	set -- $line
	printf '%s\n' "${2%%@*}"
}

set -eu
main "$@"
