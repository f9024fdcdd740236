# Starts the stack's containers that do not run, or waits until each of them answers. Called as:
# start owner=TEXT
# await owner=TEXT seconds=NUMBER; `payload containers` prints a line `NAME WORD...` for each, with the command that asks in it.

state() {
	docker container inspect --format '{{.State.Status}}' "$1" 2> /dev/null
}

# Starts a container unless it runs.
wake() {
	case $(state "$1") in
	running | removing | '') ;;
	paused) docker container unpause "$1" ;;
	# Docker waits longer each time, up to a minute.
	restarting) docker container restart --time 1 "$1" ;;
	*) docker container start "$1" ;;
	esac
}

ours() {
	docker container ls --all --filter "label=private-registry.$1=$owner" --format '{{.Names}}'
}

# nginx does not start before the name of its upstream is known.
start() {
	for name in $(ours registry) $(ours owner | sort); do
		wake "$name" > /dev/null 2>&1 || true
	done
}

answers() {
	# shellcheck disable=SC2086 # its words
	timeout 5 docker container exec "$name" $probe > /dev/null 2>&1
}

# Prints each container that does not answer, with the reason why it could not be started.
silent() {
	payload containers | while read -r name probe; do
		failure=$(wake "$name" 2>&1) && failure='' || true
		answers || printf '%s %s\n' "$name" "$(printf '%s' "$failure" | tr '\n' ' ')"
	done
}

# Whether there is one that only a hand, or another update, can make run.
is_hopeless() {
	printf '%s\n' "$found" | while read -r name _; do
		case $(state "$name") in running | restarting) ;; *) printf '%s\n' "$name" ;; esac
	done | grep -q .
}

describe() {
	printf '%s\n' "$found" | while read -r name failure; do
		state=$(state "$name") || state=gone
		case $state in
		gone) what='is gone' ;;
		running) what="runs and does not answer: $(last_words "$name")" ;;
		*) what="does not run ($state): ${failure:-$(last_words "$name")}" ;;
		esac
		printf '%s: container %s %s\n' "$(uname -n)" "$name" "$what"
	done
}

last_words() {
	docker container logs --tail 3 "$1" 2>&1
}

await() {
	# Docker that does not answer says so itself; to ask it of a container would look as if that were gone.
	docker container ls --quiet > /dev/null
	end=$(($(date +%s) + seconds))
	until found=$(silent) && [ -z "$found" ]; do
		if [ "$(date +%s)" -ge "$end" ] || is_hopeless; then
			describe >&2
			return 1
		fi
		sleep 1
	done
}

main() {
	verb=$1 owner='' seconds=0
	shift
	read_words "$@"
	"$verb"
}

set -eu
main "$@"
