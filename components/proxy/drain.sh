# Takes nginx out of what load balancers choose from before it is replaced, and back in after. Called as:
# drain|ready container=NAME seconds=NUMBER mark=FILE for=TEXT; the last one says what it is replaced for.

drain() {
	docker container exec "$container" touch "$mark" 2> /dev/null || return 0
	# In the end it takes itself back in: the update may be killed before it does that.
	docker container exec --detach "$container" sh -c 'sleep "$0"; rm -f "$1"' "$((seconds + 120))" "$mark" || true
	sleep "$seconds"
}

# One that was replaced begins without the mark.
ready() {
	docker container exec "$container" rm -f "$mark"
}

main() {
	verb=$1 container='' seconds='' mark='' for=''
	shift
	read_words "$@"
	: "$for"
	"$verb"
}

set -eu
main "$@"
