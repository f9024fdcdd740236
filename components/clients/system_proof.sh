# Proves on a client that it trusts the registry by the store of the system, with nothing but its own curl.
#
# Called as: registry=HOST[:PORT] [aliases=HOST[:PORT],...]

trusting() {
	status_of "$1"
}

check_name() {
	step="TLS with the system's trust store"
	check_trust
	check_refusal
}

main() {
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' aliases='' step=''
	read_words "$@"
	check_curl
	check_name
	for_each_alias check_name
	printf '%s\n' "trusted by the system, 401 without a login${aliases:+, also as $aliases}"
}

set -eu
main "$@"
