# Proves on a client that it gets what the stack promises, with nothing but the client's own Docker and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE] [aliases=HOST[:PORT],...]
# `payload password` prints the user's password, `payload image` an archive for `docker load` in base64.
# shellcheck disable=SC2154 # proof.sh sets the rest

remove_images() {
	set -f
	# shellcheck disable=SC2086 # names of images
	docker image rm --force "$name:probe" "$pulled" "$local_image" $by_alias
}

explain() {
	said=$(printf '%s\n' "$output" | grep -v -e Retrying -e Preparing -e Waiting | tail -n 5)
	without=$(docker info --format '{{.NoProxy}}' 2> /dev/null) || true
	if is_proxied; then said="$said; Docker on this client uses a proxy for $host (its No Proxy: ${without:-none})"; fi
	fail "$said"
}

# Whether Docker itself has a proxy, and does not know the registry's name as an exception.
is_proxied() {
	host=${registry%:*}
	case $registry in *]) host=$registry ;; esac
	[ -n "$(docker info --format '{{.HTTPSProxy}}' 2> /dev/null)" ] || return 1
	set -f
	for domain in $(printf %s "$without" | tr ',' ' '); do
		domain=${domain#\*}
		[ -n "$domain" ] || return 1
		case .$host in *".${domain#.}") return 1 ;; esac
	done
}

check_tools() {
	step='docker and curl are installed'
	check_curl
	command -v docker > /dev/null || fail "docker is not installed on this client"
	run docker version --format '{{.Server.Version}}'
}

check_distrust() {
	[ -n "$authority" ] || return 0
	step='TLS is refused without ca.crt'
	status=0
	output=$(status_of "https://$registry/v2/") || status=$?
	# 60 is for a certificate that no known authority signed.
	[ "$status" = 60 ] || is_in_the_store ||
		fail "curl ended with status $status instead of 60 (HTTP status $output); is the CA in the system's trust store too?"
}

# A registry of ours may have put it there, this one or another.
is_in_the_store() {
	grep -qsF "$(sed '/^[#-]/d; q' "$authority")" /usr/local/share/ca-certificates/private-registry_* \
		/etc/*/*/anchors/private-registry_* /etc/pki/*/*/anchors/private-registry_*
}

# Docker looks for a credential helper by itself where its configuration knows no login at all.
use_no_helper() {
	printf '{"auths": {"%s": {}}}\n' "$registry" > "$scratch/config.json"
	export DOCKER_CONFIG="$scratch"
}

# A process in Go looks into the hosts file every five seconds at most, and Docker may have looked for another name just
# before the entry came: https://github.com/golang/go/blob/master/src/net/hosts.go (cacheMaxAge).
hosts_file_is_new() {
	[ $(($(date +%s) - $(stat -c %Y /etc/hosts))) -le 6 ]
}

check_login() {
	step='docker login'
	until output=$(payload password | docker login --username "$user" --password-stdin "$registry" 2>&1); do
		hosts_file_is_new || explain
		sleep 1
	done
}

# An image has a digest for each of its names: the registry's counts.
digest_of() {
	for known in $(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" 2>&1); do
		case $known in "$name@"*) printf '%s\n' "${known#*@}" ;; esac
	done
}

check_round_trip() {
	step='docker load'
	output=$(payload image | base64 -d | docker load 2>&1) || fail "$output"
	step='docker push'
	run docker image tag "$local_image" "$name:probe"
	run docker image push "$name:probe"
	pushed=$(digest_of "$name:probe")
	step='docker rmi'
	run docker image rm "$name:probe" "$local_image"
	step='docker pull'
	# Not by the tag: another client may have pushed in between, in the other form that Docker knows.
	pulled=$name@$pushed
	run docker image pull "$pulled"
	step='the pulled digest is the pushed digest'
	digest=$(digest_of "$pulled")
	[ "$pushed" = "$digest" ] || fail "pushed $pushed, pulled $digest"
}

# The login is one of its own, to Docker: what was pushed by one name comes by another.
check_alias() {
	check_tls
	check_login
	step='docker pull'
	by_alias="$by_alias $registry/$repository@$pushed"
	run docker image pull "$registry/$repository@$pushed"
}

main() {
	unset DOCKER_AUTH_CONFIG
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' repository='' user='' authority='' aliases='' step=arguments
	read_words "$@"
	# What a user's own Docker reads is below the user's home, and it listens elsewhere.
	case $authority in '~'/*)
		authority=$(at_home "$authority")
		DOCKER_HOST=unix:///run/user/$(id -u)/docker.sock
		export DOCKER_HOST
		;;
	esac
	# Of each registry its own: two may be proven at the same time.
	local_image=private-registry-verification:$(printf '%s' "$registry" | sha256sum | cut -c 1-12)
	name=$registry/$repository
	pulled=$name:probe
	by_alias='' # until there is an image
	leave_nothing
	use_no_helper
	check_tools
	check_tls
	check_login
	check_round_trip
	conclude "trusted, 401 without a login, logged in, pushed, removed, pulled $digest" check_alias
}

set -eu
main "$@"
