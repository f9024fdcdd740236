# Prints a line `ID NAME STATUS STATE` for each container with the owner's label or one of the names; the state is JSON.
#
# Called as: owner=TEXT seconds=NUMBER names=NAME,... [awaited=STATUS]; waits so many seconds while the health of one that
# runs is `starting`, or matches what is given.

ids() {
	docker container ls --all --quiet --no-trunc --filter "label=private-registry.owner=$owner" || return
	# Not by a filter, which takes a name for a regular expression.
	for name in $(printf '%s' "$names" | tr , ' '); do
		docker container inspect --format '{{.Id}}' "$name" 2> /dev/null || true
	done
}

states() {
	ids=$(ids)
	for id in $ids; do
		docker container inspect --format '{{.Id}} {{.Name}} {{.State.Status}} {{json .State}}' "$id"
	done
}

starting() {
	printf '%s\n' "$found" | grep -Eq " running .*\"Status\":\"($awaited)\""
}

main() {
	owner='' seconds=0 names='' awaited=starting
	read_words "$@"
	found=$(states)
	while [ "$seconds" -gt 0 ] && starting; do
		seconds=$((seconds - 1))
		sleep 1
		found=$(states)
	done
	printf '%s\n' "$found"
}

set -eu
main "$@"
