# Runs keepalived in its container, and asks nginx of the server whether it is to get clients. Called as: keepalived.sh URL
# [WORD...], what curl asks, and how. Beside it: keepalived.conf, which reads the file that is written here.

out=/tmp/out

# Each file has to be named: the folder of those that are not is read-only, and then nothing starts.
start() {
	keepalived --dont-fork --log-console --vrrp --use-file "${0%/*}/keepalived.conf" --pid /tmp/keepalived.pid \
		--vrrp_pid /tmp/vrrp.pid --checkers_pid /tmp/checkers.pid --bfd_pid /tmp/bfd.pid &
	keepalived=$!
}

# The certificate is for clients to check: who asks here wants to know only whether nginx serves.
serves() {
	curl --silent --fail --insecure --noproxy '*' --output /dev/null --max-time 4 "$@"
}

# In place: keepalived watches this very file.
say_out() {
	[ "$said" = "$1" ] || printf '%s\n' "$1" > "$out"
	said=$1
}

# One answer alone changes nothing.
look() {
	now=1
	! serves "$@" || now=0
	[ "$now" != "$before" ] || say_out "$now"
	before=$now
}

main() {
	said='' before=''
	say_out 1
	start
	# keepalived removes the address and tells the others.
	trap 'kill "$keepalived" 2> /dev/null || true; wait "$keepalived"; exit 0' HUP INT TERM
	while kill -0 "$keepalived" 2> /dev/null; do
		look "$@"
		sleep 1 &
		wait $!
	done
	# Docker starts the container again.
	exit 1
}

set -eu
main "$@"
