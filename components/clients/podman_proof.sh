# Proves on a client that Podman, Skopeo or Buildah gets what the stack promises, with those that are there and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [folders=PATH:... crt=NAME] [aliases=HOST[:PORT],...]
# The folders have one for each registry, in the order of who wins; `~` is the user's home.
# `payload password` prints the user's password, `payload image` an archive for `docker load` in base64.
# shellcheck disable=SC2154 # proof.sh sets the rest

remove_images() {
	# shellcheck disable=SC2086 # names of images
	[ -z "$images" ] || "$tool" rmi --force $images
}

# All three have one library, and the same trust.
check_tools() {
	step='podman, skopeo or buildah and curl are installed'
	check_curl
	tool=''
	for program in buildah skopeo podman; do
		if command -v "$program" > /dev/null; then tool=$program; fi
	done
	[ -n "$tool" ] || fail "neither podman, skopeo nor buildah is installed on this client"
}

# The first folder that has the registry wins, whatever is in it.
find_authority() {
	[ -n "$folders" ] || return 0
	step="the folder that wins has $crt"
	rest=$folders: found=''
	while [ -n "$rest" ] && [ -z "$found" ]; do
		folder=$(at_home "${rest%%:*}/$registry") rest=${rest#*:}
		[ ! -d "$folder" ] || found=$folder
	done
	[ -n "$found" ] || fail "no folder has $registry"
	[ -e "$found/$crt" ] || fail "$found wins, and has no $crt"
	authority=$found/$crt
}

# Unless the system trusts it too, the program itself must refuse: else its configuration has turned off the check.
check_distrust() {
	step="TLS is refused without $crt"
	[ -n "$authority" ] && ! status_of "https://$registry/v2/" > /dev/null || return 0
	! log_in --cert-dir "$scratch/none" > /dev/null 2>&1 ||
		fail "$tool does not check the certificate: is there insecure = true in registries.conf?"
}

log_in() {
	payload password | "$tool" login --authfile "$scratch/auth.json" --username "$user" --password-stdin "$@" "$registry"
}

check_login() {
	step="$tool login"
	run log_in
}

push() {
	step="$tool push"
	payload image | base64 -d > "$scratch/image.tar"
	set -- --authfile "$scratch/auth.json" --digestfile "$scratch/digest"
	if [ "$tool" = skopeo ]; then
		run skopeo copy "$@" "docker-archive:$scratch/image.tar" "docker://$name:probe"
	else
		run "$tool" pull --quiet "docker-archive:$scratch/image.tar"
		image=$(printf '%s\n' "$output" | tail -n 1)
		images=$image
		run "$tool" push "$@" "$image" "docker://$name:probe"
		step="$tool rmi"
		run "$tool" rmi --force "$image"
	fi
	pushed=$(cat "$scratch/digest")
}

# By the digest, which the program checks itself: another client may have pushed in between.
pull() {
	step="$tool pull"
	if [ "$tool" = skopeo ]; then
		run skopeo copy --authfile "$scratch/auth.json" "docker://$1@$pushed" "dir:$scratch/pulled"
	else
		images="$images $1@$pushed"
		run "$tool" pull --authfile "$scratch/auth.json" "$1@$pushed"
	fi
}

check_alias() {
	check_tls
	check_login
	pull "$registry/$repository"
}

main() {
	unset REGISTRY_AUTH_FILE
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' repository='' user='' folders='' crt='' aliases='' step=arguments
	read_words "$@"
	name=$registry/$repository authority='' images=''
	leave_nothing
	check_tools
	check_tls
	check_login
	push
	pull "$name"
	conclude "trusted by $tool, 401 without a login, logged in, pushed, removed, pulled $pushed" check_alias
}

set -eu
main "$@"
