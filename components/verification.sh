# Proves on a client that it gets what the stack promises, with nothing but the client's own Docker and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE] generation=TEXT
# `payload password` prints the user's password, `payload image` an archive for `docker load` in base64.

# curl's exit status for a certificate that no known authority signed.
untrusted=60

fail() {
	printf '%s: verification failed at "%s": %s\n' "$(uname -n)" "$step" "$*" >&2
	exit 1
}

parse() {
	registry='' repository='' user='' authority=''
	for argument; do
		value=${argument#*=}
		case $argument in
		registry=*) registry=$value ;;
		repository=*) repository=$value ;;
		user=*) user=$value ;;
		authority=*) authority=$value ;;
		# Only there to make the command another one when there is something new to verify.
		generation=*) ;;
		*) step=arguments && fail "unknown argument $argument" ;;
		esac
	done
	image=$registry/$repository:probe
}

clean_up() {
	status=$?
	trap - EXIT
	docker image rm --force "$image" "$local_image" > /dev/null 2>&1 || true
	rm -rf "$config"
	exit "$status"
}

run() {
	output=$("$@" 2>&1) || fail "$(printf '%s\n' "$output" | grep -v -e Retrying -e Preparing -e Waiting | tail -n 5)"
}

status_of() {
	curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' "$@" 2>&1
}

check_tools() {
	step='docker and curl are there'
	command -v curl > /dev/null || fail "curl is not installed on this client"
	command -v docker > /dev/null || fail "docker is not installed on this client"
	run docker version --format '{{.Server.Version}}'
}

check_trust() {
	step='TLS with the distributed authority'
	[ -n "$authority" ] || step='TLS with the authorities of the system'
	# nginx may be a moment behind the reload or the start that came just before.
	attempt=1
	until output=$(trusting "https://$registry/v2/") || [ "$attempt" -eq 10 ]; do
		attempt=$((attempt + 1))
		sleep 1
	done
	case $output in
	200 | 401) ;;
	*) fail "$output" ;;
	esac
	[ -z "$authority" ] || check_distrust
	step='401 without a login'
	output=$(trusting "https://$registry/v2/")
	[ "$output" = 401 ] || fail "status $output instead of 401"
}

check_distrust() {
	step='no TLS without the distributed authority'
	status=0
	output=$(status_of "https://$registry/v2/") || status=$?
	[ "$status" -eq "$untrusted" ] || fail "curl ended with $status instead of $untrusted, status $output;" \
		"is the authority in the system's store too?"
}

trusting() {
	if [ -n "$authority" ]; then status_of --cacert "$authority" "$@"; else status_of "$@"; fi
}

docker_as_user() {
	docker --config "$config" "$@"
}

check_login() {
	step='docker login'
	output=$(payload password | docker_as_user login --username "$user" --password-stdin "$registry" 2>&1) ||
		fail "$output"
}

digest_of() {
	docker image inspect --format '{{index .RepoDigests 0}}' "$image" 2>&1
}

check_round_trip() {
	step='docker load'
	output=$(payload image | base64 -d | docker load 2>&1) || fail "$output"
	step='docker push'
	run docker image tag "$local_image" "$image"
	run docker_as_user image push "$image"
	pushed=$(digest_of)
	step='docker rmi'
	run docker image rm "$image" "$local_image"
	step='docker pull'
	run docker_as_user image pull "$image"
	step='the digest pulled is the digest pushed'
	pulled=$(digest_of)
	[ "$pushed" = "$pulled" ] || fail "pushed $pushed, pulled $pulled"
}

main() {
	umask 077
	config=$(mktemp -d)
	local_image=private-registry-verification:probe
	parse "$@"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	check_tools
	check_trust
	check_login
	check_round_trip
	printf 'trusted, 401 without a login, logged in, pushed, removed, pulled %s\n' "${pulled#*@}"
}

set -eu
main "$@"
