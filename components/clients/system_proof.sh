# Proves on a client that it trusts the registry by the store of the system, with nothing but its own curl.
#
# Called as: registry=HOST[:PORT] [aliases=HOST[:PORT],...]

check_tls() {
	step="TLS with the system's trust store"
	check_trust
	check_refusal
}

main() {
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' aliases='' authority='' step=''
	read_words "$@"
	check_curl
	check_tls
	conclude 'trusted by the system, 401 without a login' check_tls
}

set -eu
main "$@"
