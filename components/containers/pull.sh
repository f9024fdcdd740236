# Gets an image before the engine does, which has no login at any registry: the user of the server's Docker may have one.
# Called as: image=NAME

main() {
	image=''
	read_words "$@"
	! docker image inspect "$image" > /dev/null 2>&1 || return 0
	output=$(docker image pull --quiet "$image" 2>&1) && return 0
	fail "unable to pull image $image: $output"
}

set -eu
main "$@"
