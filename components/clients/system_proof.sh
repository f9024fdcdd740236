# Proves on a client that it trusts the registry by the store of the system, with nothing but its own curl.
#
# Called as: registry=HOST[:PORT] generation=TEXT

trusting() {
	status_of "$1"
}

main() {
	# The generation only makes the command another one when there is something new to verify; proof.sh says the step.
	# shellcheck disable=SC2034
	registry='' generation='' step="TLS by the system's store"
	read_words "$@"
	check_curl
	check_trust
	check_refusal
	printf '%s\n' 'trusted by the system, 401 without a login'
}

set -eu
main "$@"
