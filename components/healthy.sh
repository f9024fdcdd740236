# Waits until a container is healthy, or says why it is not. Called as: container=NAME id=ID seconds=NUMBER

main() {
	for argument; do
		value=${argument#*=}
		case $argument in
		container=*) container=$value ;;
		# Only there to make the command another one when the container is another one.
		id=*) ;;
		seconds=*) seconds=$value ;;
		esac
	done
	while [ "$seconds" -gt 0 ]; do
		state=$(docker container inspect --format '{{.State.Status}}, {{.State.Health.Status}}' "$container")
		[ "$state" != 'running, healthy' ] || return 0
		seconds=$((seconds - 1))
		sleep 1
	done
	printf '%s: container %s did not get healthy (%s). Its last words:\n' "$(uname -n)" "$container" "$state" >&2
	docker container logs --tail 5 "$container" >&2
	return 1
}

set -eu
main "$@"
