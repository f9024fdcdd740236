# Tries to listen where nginx is to listen, before nginx leaves the place where it does. Called as:
# address=ADDRESS port=PORT image=ID container=NAME

listen() {
	case $address in *:*) at="[$address]" ;; *) at=$address ;; esac
	docker container run --rm --publish "$at:$1:1" --entrypoint true "$image" 2>&1
}

# Whether our own nginx is in the way: it makes room when it is replaced.
is_ours() {
	for held in $(docker container port "$container" 2> /dev/null | sed 's/.* -> //'); do
		[ "${held##*:}" = "$port" ] || continue
		case $address in 0.0.0.0 | ::) return 0 ;; esac
		case ${held%:*} in 0.0.0.0 | :: | "[::]" | "$address" | "[$address]") return 0 ;; esac
	done
	return 1
}

main() {
	for argument; do
		value=${argument#*=}
		case $argument in
		address=*) address=$value ;;
		port=*) port=$value ;;
		image=*) image=$value ;;
		container=*) container=$value ;;
		esac
	done
	if is_ours; then number=; else number=$port; fi
	output=$(listen "$number") && return 0
	printf '%s: nginx could not listen on %s, port %s: %s\n' "$(uname -n)" "$address" "$port" "$output" >&2
	return 1
}

set -eu
main "$@"
