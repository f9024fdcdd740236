# Proves on a client that BuildKit's own daemon gets what the stack promises, with buildctl and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE] [aliases=HOST[:PORT],...]
# `~` is the user's home. `payload password` prints the user's password.
# shellcheck disable=SC2154 # proof.sh sets the rest

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
	run buildctl debug workers
}

log_in() {
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$registry" "$(basic)" > "$scratch/config.json"
	export DOCKER_CONFIG="$scratch"
}

# It has nothing to fetch but what it starts from; with tokens buildctl asks for them by itself, and has a trust of its own.
build() {
	set -- --frontend dockerfile.v0 --no-cache --local "context=$scratch/context" --local "dockerfile=$scratch/context" "$@"
	[ -z "$authority" ] || set -- "$@" --registry-auth-tlscontext "host=$registry,ca=$authority"
	run buildctl build --progress plain "$@"
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
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' repository='' user='' authority='' aliases='' step=arguments
	read_words "$@"
	authority=$(at_home "$authority")
	leave_nothing
	check_tools
	check_tls
	log_in
	push
	pull
	conclude "trusted by BuildKit, 401 without a login, built and pushed, built from $pushed" check_alias
}

set -eu
main "$@"
