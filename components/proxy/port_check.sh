# Tries to listen where nginx is to listen, before nginx leaves the place where it does. Called as:
# address=ADDRESS[,ADDRESS] port=PORT image=ID container=NAME

family() {
	case $1 in *:*) printf '6\n' ;; *) printf '4\n' ;; esac
}

# Whether our own nginx is in the way: it makes room when it is replaced.
is_ours() {
	for held in $held_by_us; do
		[ "${held##*:}" = "$port" ] || continue
		there=$(printf '%s' "${held%:*}" | tr -d '[]')
		[ "$(family "$there")" = "$(family "$1")" ] || continue
		case $1 in 0.0.0.0 | ::) return 0 ;; esac
		case $there in 0.0.0.0 | :: | "$1") return 0 ;; esac
	done
	return 1
}

# Where this project lets programs listen on what the server does not have, Docker does not notice a mistake.
is_unknown() {
	case $1 in
	0.0.0.0 | :: | ::1 | 127.*) return 1 ;;
	*:*) is_allowed ipv6 && command -v ip > /dev/null && ! ip -6 -o address show to "$1" | grep -q . ;;
	*) is_allowed ipv4 && ! has_address "$1" ;;
	esac
}

is_allowed() {
	grep -qs "^net\.$1\.ip_nonlocal_bind = 1$" /etc/sysctl.d/60-private-registry-*.conf
}

has_address() {
	awk -v address="$1" '$1 == "|--" { here = $2 == address } here && /host LOCAL/ { found = 1 } END { exit !found }' \
		/proc/net/fib_trie
}

listen() {
	set --
	for one in $(printf '%s' "$address" | tr , ' '); do
		number=$port
		if is_ours "$one"; then
			number=
		elif is_unknown "$one"; then
			printf 'cannot assign requested address: the server has no %s\n' "$one"
			return 1
		fi
		[ "$(family "$one")" = 4 ] || one="[$one]"
		set -- "$@" --publish "$one:$number:1"
	done
	docker container run --rm "$@" --entrypoint true "$image" 2>&1
}

main() {
	address='' port='' image='' container=''
	read_words "$@"
	held_by_us=$(docker container port "$container" 2> /dev/null | sed 's/.* -> //')
	output=$(listen) && return 0
	fail "nginx could not listen on $address, port $port: $output"
}

set -eu
main "$@"
