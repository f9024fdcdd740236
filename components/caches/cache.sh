# Runs a cache in its container. Called as: cache.sh KIB [SECONDS], how much it may hold and how often that is measured.
#
# Beside it: config.yml, of the registry that asks the upstream; get and login.json, by which it logs in there.

data=/var/lib/registry

# A second registry has what is cached and no upstream: nginx asks it while the upstream keeps the first one waiting.
serve() {
	registry serve config.yml &
	asking=$!
	REGISTRY_HTTP_ADDR=:5001 REGISTRY_PROXY_REMOTEURL='' registry serve config.yml &
	local=$!
}

are_there() {
	kill -0 "$asking" 2> /dev/null && kill -0 "$local" 2> /dev/null
}

# Prints the KiB that are in use; files come and go meanwhile.
used() {
	du -sk "$data" 2> /dev/null | {
		read -r kib _ || true
		printf '%s\n' "${kib:-0}"
	}
}

# By a rename, so that nothing has to stop: what is read from there is open, and is read to its end. What is on its way into
# the cache gets to its client, and is fetched again for the next one.
make_empty() {
	printf 'the cache holds %s KiB, more than the %s of maximumSize: it is emptied\n' "$1" "$most"
	mv "$data/docker" "$data/emptied"
	# A registry may have made it by then.
	mkdir -p "$data/docker"
	rm -rf "$data/emptied" || true
}

main() {
	most=$1 seconds=${2:-60}
	cd "${0%/*}"
	# It was stopped while it emptied the cache.
	rm -rf "$data/emptied"
	trap 'kill "$asking" "$local" 2> /dev/null || true; wait; exit 0' HUP INT TERM
	serve
	elapsed=0
	while are_there; do
		sleep 1 &
		wait $!
		elapsed=$((elapsed + 1))
		[ "$elapsed" -ge "$seconds" ] || continue
		elapsed=0 kib=$(used)
		[ "$kib" -le "$most" ] || make_empty "$kib"
	done
	# Docker starts the container again.
	kill "$asking" "$local" 2> /dev/null || true
	exit 1
}

set -eu
main "$@"
