# Prints a line `ID NAME STATUS STATE` for each container with the owner's label or one of the names; the state is JSON.
#
# Called as: owner=TEXT seconds=NUMBER name=NAME...; one that is just starting has so many seconds to get healthy.

ids() {
	docker container ls --all --quiet --no-trunc --filter "label=private-registry.owner=$owner"
	for name in $names; do
		docker container ls --all --quiet --no-trunc --filter "name=^/$name\$"
	done
}

states() {
	ids=$(ids)
	for id in $ids; do
		docker container inspect --format '{{.Id}} {{.Name}} {{.State.Status}} {{json .State}}' "$id"
	done
}

starting() {
	printf '%s\n' "$found" | grep -q ' running .*"Status":"starting"'
}

main() {
	names=''
	for argument; do
		value=${argument#*=}
		case $argument in
		owner=*) owner=$value ;;
		seconds=*) seconds=$value ;;
		name=*) names="$names $value" ;;
		esac
	done
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
