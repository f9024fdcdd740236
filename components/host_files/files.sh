# Places files in a folder that others use too, and an entry in the hosts file.
#
# Called as: create|update|delete key=value...; `payload NAME` prints the content of a file.
#   directory=PATH          where the files go
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   entry=ADDRESS/NAME      the hosts entry, if any
#   marker=TEXT             ends our lines in the hosts file
#   hosts=PATH              the hosts file

fail() {
	printf '%s: %s\n' "$(uname -n)" "$*" >&2
	exit 1
}

say() {
	printf '%s\n' "$*"
}

parse() {
	verb=$1 directory='' files='' entry='' marker='' hosts=/etc/hosts
	shift
	for argument; do
		value=${argument#*=}
		case $argument in
		directory=*) directory=$value ;;
		file=*) files="$files ${value%:*}" ;;
		entry=*) entry=$value ;;
		marker=*) marker=$value ;;
		hosts=*) hosts=$value ;;
		*) fail "unknown argument $argument" ;;
		esac
	done
}

same() {
	payload "$1" | cmp -s - "$directory/$1"
}

clean_up() {
	status=$?
	trap - EXIT
	rm -f "$directory"/.*.new "$hosts.new" 2> /dev/null || true
	if [ "$status" -ne 0 ] && [ "$verb" = create ]; then
		for name in $placed; do rm -f "$directory/$name"; done
		leave_directory
	fi
	exit "$status"
}

refuse_strangers() {
	for file in $files; do
		name=${file%:*}
		[ -e "$directory/$name" ] || continue
		same "$name" || fail "$directory/$name exists with other content and was not written by this stack;" \
			"it was left as it is"
		say "$directory/$name was there with this content and is taken over"
	done
}

# A folder made here is marked, so that only such a folder is taken away again.
make_directory() {
	for folder in "${directory%/*}" "$directory"; do
		[ -d "$folder" ] || (umask 022 && mkdir -p "$folder" && : > "$folder/$mark")
	done
}

place_files() {
	[ -z "$files" ] || make_directory
	for file in $files; do
		name=${file%:*}
		same "$name" && continue
		payload "$name" > "$directory/.$name.new"
		chmod "${file#*:}" "$directory/.$name.new"
		placed="$placed $name"
		mv -f "$directory/.$name.new" "$directory/$name"
	done
}

# Our line goes first: it wins over later ones, and the rest stays as it is to the last byte.
write_hosts() {
	[ -n "$marker" ] && [ -e "$hosts" ] || return 0
	cp -p "$hosts" "$hosts.new"
	{
		[ -z "$1" ] || printf '%s\t%s\t# %s\n' "${1%%/*}" "${1#*/}" "$marker"
		sed "\|# $marker\$|d" "$hosts"
	} > "$hosts.new"
	if cmp -s "$hosts" "$hosts.new"; then rm -f "$hosts.new"; else mv -f "$hosts.new" "$hosts"; fi
}

remove_files() {
	for file in $files; do
		name=${file%:*}
		[ -e "$directory/$name" ] || continue
		if same "$name"; then
			rm -f "$directory/$name"
		else
			say "$directory/$name has other content than this stack wrote and was left"
		fi
	done
}

leave_directory() {
	for folder in "$directory" "${directory%/*}"; do
		[ "$(ls -A "$folder" 2> /dev/null)" = "$mark" ] || return 0
		rm -f "$folder/$mark"
		rmdir "$folder"
	done
}

main() {
	umask 077
	placed='' mark=.private-registry
	parse "$@"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		[ "$verb" = update ] || refuse_strangers
		place_files
		write_hosts "$entry"
		;;
	delete)
		write_hosts ''
		remove_files
		leave_directory
		;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
