# Lets programs listen on an address that the server does not have yet: Docker tries once, when it starts, and a VPN or
# keepalived may bring the address later. Called as: allow|forbid path=PATH [address=ADDRESS,...]

# Kernel and sysctl have it for each family of its own.
families() {
	for one in $(printf '%s' "$address" | tr , ' '); do
		# Docker's own bridges are there before the containers.
		! printf '%s\n' "$gateways" | grep -qxF "$one" || continue
		case $one in *:*) printf 'ipv6\n' ;; *) printf 'ipv4\n' ;; esac
	done | sort -u
}

# A network that somebody else removes meanwhile is no failure.
docker_gateways() {
	# shellcheck disable=SC2046 # one word each
	docker network inspect --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' $(docker network ls --quiet) ||
		true
}

live() {
	printf '/proc/sys/net/%s/ip_nonlocal_bind\n' "$1"
}

# Whether a file but this one says what the value is to be.
is_set_elsewhere() {
	for other in /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf \
		/usr/lib/sysctl.d/*.conf /lib/sysctl.d/*.conf; do
		[ "$other" != "$path" ] && grep -qsE "^ *-?net[./]$1[./]ip_nonlocal_bind" "$other" && return 0
	done
	return 1
}

forbid() {
	[ -f "$path" ] || return 0
	sed -n 's/^net\.\(ipv[46]\)\.ip_nonlocal_bind = 1$/\1/p' "$path" | while read -r family; do
		is_set_elsewhere "$family" || printf '0\n' > "$(live "$family")"
	done
	rm -f "$path"
}

allow() {
	forbid
	gateways=$(docker_gateways)
	lines=''
	for family in $(families); do
		# The admin's own is left as it is, also in the end.
		[ "$(cat "$(live "$family")")" = 0 ] || is_ours_elsewhere "$family" || continue
		printf '1\n' > "$(live "$family")"
		lines="${lines}net.$family.ip_nonlocal_bind = 1
"
	done
	[ -n "$lines" ] || return 0
	(
		umask 022
		mkdir -p "${path%/*}"
		printf '# Written by private-registry: nginx listens on an address that may come later.\n%s' "$lines" > "$path.new"
	)
	mv -f "$path.new" "$path"
}

is_ours_elsewhere() {
	grep -qs "^net\.$1\.ip_nonlocal_bind = 1$" "${path%/*}"/60-private-registry-*.conf
}

main() {
	verb=$1 path='' address=''
	shift
	read_words "$@"
	"$verb"
}

set -eu
main "$@"
