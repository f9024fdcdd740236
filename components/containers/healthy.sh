# Waits until a container is healthy, or says why it is not.
# Called as: container=NAME id=ID seconds=NUMBER probe='WORD...', the command that asks in it; Docker asks only each 5 s.

main() {
	# The id only makes the command another one when the container is another one.
	# shellcheck disable=SC2034
	container='' id='' seconds='' probe=''
	read_words "$@"
	while [ "$seconds" -gt 0 ]; do
		# shellcheck disable=SC2086 # its words
		! timeout 5 docker container exec "$container" $probe >/dev/null 2>&1 || return 0
		seconds=$((seconds - 1))
		sleep 1
	done
	state=$(docker container inspect --format '{{.State.Status}}, {{.State.Health.Status}}' "$container")
	printf '%s: container %s did not become healthy (%s). Last lines of its log:\n' "$(uname -n)" "$container" "$state" >&2
	docker container logs --tail 5 "$container" >&2
	return 1
}

set -eu
main "$@"
