# Ends the stack's registry containers but one. Called as: owner=TEXT [keep=NAME] [proxy=NAME] [seconds=NUMBER]
#
# The engine keeps the containers that it replaces: it would end them even if their successor failed, and it knows nothing
# of one that a killed update had just started.

# A worker of nginx that was told to end still has requests that it passes to the registry before this one.
await_old_workers() {
	waited=0
	while [ "$waited" -lt 300 ] && docker container top "$proxy" -o pid,args 2> /dev/null | grep -q 'shutting down'; do
		waited=$((waited + 1))
		sleep 1
	done
}

main() {
	owner='' keep='' proxy='' seconds=0
	read_words "$@"
	label=label=private-registry.registry=$owner
	for name in $(docker container ls --all --filter "$label" --format '{{.Names}}'); do
		[ "$name" != "$keep" ] || continue
		[ -z "$proxy" ] || await_old_workers
		# A server that goes down before it is removed would bring it back.
		docker container update --restart no "$name" > /dev/null || true
		docker container stop --time "$seconds" "$name" > /dev/null
		docker container rm --force "$name" > /dev/null
		say "$name ended"
	done
}

set -eu
main "$@"
