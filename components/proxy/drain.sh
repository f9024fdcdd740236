# Lets load balancers send nobody new to nginx, before it is replaced. Called as:
# container=NAME seconds=NUMBER mark=FILE for=TEXT; the last one says what it is replaced for.

# It ends by itself, for an update that is killed in between: then nginx stays as it is.
forgotten_seconds=120

main() {
	container='' seconds='' mark='' for=''
	read_words "$@"
	: "$for"
	docker container exec --detach "$container" sh -c \
		'touch "$0" && sleep "$1" && rm -f "$0"' "$mark" "$((seconds + forgotten_seconds))" 2> /dev/null ||
		return 0
	sleep "$seconds"
}

set -eu
main "$@"
