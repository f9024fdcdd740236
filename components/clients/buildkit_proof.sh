# Proves on a client that BuildKit's own daemon gets what the stack promises, with buildctl and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE] [aliases=HOST[:PORT],...]
# `~` is the user's home. `payload password` prints the user's password.

clean_up() {
	status=$?
	trap - EXIT
	[ -z "$scratch" ] || rm -rf "$scratch"
	exit "$status"
}

check_tools() {
	step='buildctl and curl are installed, and buildkitd runs'
	check_curl
	command -v buildctl > /dev/null || fail "buildctl is not installed on this client"
	runtime=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
	[ "$(id -u)" -ne 0 ] || runtime=/run
	# The second one is of the unit for a user, in the examples of BuildKit.
	for socket in "$runtime/buildkit/rootless" "$runtime/buildkit/buildkitd.sock"; do
		if [ -S "$socket" ]; then export BUILDKIT_HOST="unix://$socket"; fi
	done
	output=$(buildctl debug workers 2>&1) || fail "$output"
}

# With an authority that is given, Debian's curl still trusts the folder of the system's store, unless it gets another one.
trusting() {
	[ -z "$authority" ] || set -- --cacert "$authority" --capath "$scratch" "$@"
	status_of "$@"
}

check_tls() {
	step='TLS with ca.crt'
	[ -n "$authority" ] || step='TLS with the CAs of the system'
	check_trust
	check_refusal
}

log_in() {
	auth=$(printf '%s:%s' "$user" "$(payload password)" | base64 | tr -d '\n')
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$registry" "$auth" > "$scratch/config.json"
	export DOCKER_CONFIG="$scratch"
}

# It has nothing to fetch but what it starts from; with tokens buildctl asks for them by itself, and has a trust of its own.
build() {
	set -- --frontend dockerfile.v0 --no-cache --local "context=$scratch/context" --local "dockerfile=$scratch/context" "$@"
	[ -z "$authority" ] || set -- "$@" --registry-auth-tlscontext "host=$registry,ca=$authority"
	output=$(buildctl build --progress plain "$@" 2>&1) || fail "$(printf '%s\n' "$output" | tail -n 5)"
}

# The same bytes each time, so that nothing grows in the registry.
push() {
	step='build and push'
	mkdir "$scratch/context"
	printf 'This image proves that BuildKit can push to and pull from %s.\n' "$registry" > "$scratch/context/verification"
	printf 'FROM scratch\nCOPY verification /\n' > "$scratch/context/Dockerfile"
	build --opt build-arg:SOURCE_DATE_EPOCH=0 --metadata-file "$scratch/metadata" \
		--output "type=image,name=$registry/$repository:probe-buildkit,push=true,rewrite-timestamp=true"
	pushed=$(sed -n 's/.*"containerimage.digest": *"\([^"]*\)".*/\1/p' "$scratch/metadata")
	[ -n "$pushed" ] || fail "buildctl shows no digest"
}

pull() {
	step='build from it'
	printf 'FROM %s\n' "$registry/$repository@$pushed" > "$scratch/context/Dockerfile"
	build --output "type=local,dest=$scratch/pulled"
	cmp -s "$scratch/context/verification" "$scratch/pulled/verification" || fail "the file in the image is another one"
}

check_alias() {
	check_tls
	log_in
	pull
}

main() {
	umask 077
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' repository='' user='' authority='' aliases='' step=arguments
	read_words "$@"
	case $authority in '~'/*) authority=$HOME${authority#'~'} ;; esac
	scratch=''
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	scratch=$(mktemp -d)
	check_tools
	check_tls
	log_in
	push
	pull
	said="trusted by BuildKit, 401 without a login, built and pushed, built from $pushed"
	for_each_alias check_alias
	printf '%s%s\n' "$said" "${aliases:+, also as $aliases}"
}

set -eu
main "$@"
