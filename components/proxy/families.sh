# Prints how the server can serve IPv6: `none`; `shared`, by Docker's own proxy, so that all of its clients seem to be one; or
# `own`, each under its address. A word after it tells why. Called as: wanted=TEXT, which only makes it ask again.

# Docker keeps the addresses of IPv6 clients from 27 on, where ip6tables are on by default.
docker_version() {
	docker version --format '{{.Server.Version}}'
}

# A network with IPv6 makes Docker forward, and a kernel that forwards takes no default route from a router any more.
loses_its_route() {
	[ "$(cat /proc/sys/net/ipv6/conf/all/forwarding)" = 0 ] || return 1
	while read -r target prefix _ _ _ _ _ _ flags interface; do
		[ "$target$prefix" = 0000000000000000000000000000000000 ] || continue
		# The kernel's own, of an advertisement (RTF_ADDRCONF).
		case $flags in ???[4-7c-f]????) ;; *) continue ;; esac
		[ "$(cat "/proc/sys/net/ipv6/conf/$interface/accept_ra")" != 1 ] || return 0
	done < /proc/net/ipv6_route
	return 1
}

main() {
	# Without IPv6 it is missing; where it was turned off it is empty.
	if ! grep -q . /proc/net/if_inet6 2> /dev/null; then
		printf 'none\n'
		return 0
	fi
	version=$(docker_version)
	if [ "${version%%.*}" -lt 27 ]; then
		printf 'shared docker\n'
	elif loses_its_route; then
		printf 'shared router\n'
	else
		printf 'own\n'
	fi
}

set -eu
main "$@"
