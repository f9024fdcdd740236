# Sees to it that a name is free before Docker's engine is asked for it. Called as:
# kind=container|network|volume name=NAME [owner=TEXT] [stack=TEXT]
#
# What a killed update made bears the stack's own mark, and goes. What anybody else made stays, and is an error.

label() {
	case $kind in container) labels=.Config.Labels ;; *) labels=.Labels ;; esac
	docker "$kind" inspect --format "{{with $labels}}{{index . \"private-registry.$1\"}}{{end}}" "$name" 2> /dev/null
}

main() {
	kind='' name='' owner='' stack=''
	read_words "$@"
	# Docker that does not answer gives the same answer; who asks next says so.
	found=$(label owner) || return 0
	if [ -n "$owner" ] && [ "$found" = "$owner" ]; then
		if [ "$kind" = container ]; then docker container stop "$name" > /dev/null; fi
		docker "$kind" rm "$name" > /dev/null
	elif [ "$kind" = volume ] && [ -n "$stack" ] && [ "$(label stack)" = "$stack" ]; then
		return 0
	else
		fail "a $kind named $name already exists and was not created by this stack; it was not changed"
	fi
}

set -eu
main "$@"
