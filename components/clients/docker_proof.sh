# Proves on a client that it gets what the stack promises, with nothing but the client's own Docker and curl.
#
# Called as: registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE] [aliases=HOST[:PORT],...]
# `payload password` prints the user's password, `payload image` an archive for `docker load` in base64.

clean_up() {
	status=$?
	trap - EXIT
	set -f
	# shellcheck disable=SC2086 # names of images
	docker image rm --force "$name:probe" "$pulled" "$local_image" $by_alias > /dev/null 2>&1 || true
	[ -z "$config" ] || rm -rf "$config"
	exit "$status"
}

run() {
	output=$("$@" 2>&1) || fail_at_docker
}

fail_at_docker() {
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

check_tls() {
	step='TLS with ca.crt'
	[ -n "$authority" ] || step='TLS with the CAs of the system'
	check_trust
	[ -z "$authority" ] || check_distrust
	check_refusal
}

check_distrust() {
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

# With an authority that is given, Debian's curl still trusts the folder of the system's store, unless it gets another one.
trusting() {
	[ -z "$authority" ] || set -- --cacert "$authority" --capath "$config" "$@"
	status_of "$@"
}

# Docker looks for a credential helper by itself where its configuration knows no login at all.
use_no_helper() {
	config=$(mktemp -d)
	printf '{"auths": {"%s": {}}}\n' "$registry" > "$config/config.json"
	export DOCKER_CONFIG="$config"
}

# A process in Go looks into the hosts file every five seconds at most, and Docker may have looked for another name just
# before the entry came: https://github.com/golang/go/blob/master/src/net/hosts.go (cacheMaxAge).
hosts_file_is_new() {
	[ $(($(date +%s) - $(stat -c %Y /etc/hosts))) -le 6 ]
}

check_login() {
	step='docker login'
	until output=$(payload password | docker login --username "$user" --password-stdin "$registry" 2>&1); do
		hosts_file_is_new || fail_at_docker
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
	umask 077
	unset DOCKER_AUTH_CONFIG
	# shellcheck disable=SC2034 # proof.sh says the step
	registry='' repository='' user='' authority='' aliases='' step=arguments
	read_words "$@"
	# What a user's own Docker reads is below the user's home, and it listens elsewhere.
	case $authority in '~'/*)
		authority=$HOME${authority#'~'}
		DOCKER_HOST=unix:///run/user/$(id -u)/docker.sock
		export DOCKER_HOST
		;;
	esac
	# Of each registry its own: two may be proven at the same time.
	local_image=private-registry-verification:$(printf '%s' "$registry" | sha256sum | cut -c 1-12)
	name=$registry/$repository
	pulled=$name:probe
	config='' by_alias='' # until there is a folder, and an image
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	use_no_helper
	check_tools
	check_tls
	check_login
	check_round_trip
	said="trusted, 401 without a login, logged in, pushed, removed, pulled $digest"
	for_each_alias check_alias
	printf '%s%s\n' "$said" "${aliases:+, also as $aliases}"
}

set -eu
main "$@"
