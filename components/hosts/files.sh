# Places files in a folder that others use too, and an entry in the hosts file, on top of hosts_file.sh.
#
# Called as: create|update|delete|check key=value...; `payload NAME` prints the content of a file. `check` changes nothing
# and prints a line for all that is not as it was left.
#   directory=PATH          where the files go
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   link=PATH               another name of the folder, beside it
#   entry=ADDRESS/NAME      the hosts entry, if any
#   marker=TEXT             ends our lines in the hosts file
#   hosts=PATH              the hosts file
#   registry=HOST[:PORT]    whom this host knows by ca.crt; `keep_trust FILE` fails where it would not any more

same() {
	payload "$1" | cmp -s - "$directory/$1"
}

clean_up() {
	status=$?
	trap - EXIT
	[ "$verb" != check ] || exit "$status"
	rm -f "$directory"/.*.new "$hosts_new" 2> /dev/null || true
	[ -z "$scratch" ] || rm -rf "$scratch"
	if [ "$status" -ne 0 ] && [ "$verb" = create ]; then
		for name in $placed; do rm -f "$directory/$name"; done
		[ -z "$linked" ] || rm -f "$link"
		leave_directory
	fi
	exit "$status"
}

refuse_strangers() {
	for file in $files; do
		name=${file%%:*}
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
		name=${file%%:*} mode=${file#*:}
		same "$name" && continue
		payload "$name" > "$directory/.$name.$$.new"
		chmod "${mode%:*}" "$directory/.$name.$$.new"
		placed="$placed $name"
		mv -f "$directory/.$name.$$.new" "$directory/$name"
	done
}

is_linked() {
	[ "$(readlink "$link" 2> /dev/null)" = "${directory##*/}" ]
}

# What somebody else has there stays, whatever it is.
place_link() {
	[ -n "$link" ] && [ -n "$files" ] && ! is_linked || return 0
	if [ -e "$link" ] || [ -L "$link" ]; then
		say "$link was there and was left: images named so are trusted by what it holds"
	else
		ln -s "${directory##*/}" "$link"
		linked=yes
	fi
}

remove_link() {
	[ -z "$link" ] || ! is_linked || rm -f "$link"
}

remove_files() {
	for file in $files; do
		name=${file%%:*}
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

look() {
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		path=$directory/$name
		if [ ! -e "$path" ]; then
			say "$path is missing"
		elif ! same "$name"; then
			say "$path has other content"
		elif [ "0$(stat -c %a "$path")" != "${mode%:*}" ]; then
			say "$path has mode $(stat -c %a "$path") instead of ${mode%:*}"
		fi
	done
	[ -z "$link" ] || [ -z "$files" ] || [ -e "$link" ] || say "$link is missing"
	look_at_hosts
}

main() {
	umask 077
	# shellcheck disable=SC2034 # the parts ask them
	registry='' marker='' hosts=/etc/hosts
	placed='' linked='' hosts_new='' scratch='' mark=.private-registry
	verb=$1 directory='' files='' link='' entry=''
	shift
	read_words "$@"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		if [ "$verb" = update ]; then keep_trust "$directory/ca.crt"; else refuse_strangers; fi
		place_files
		place_link
		write_hosts "$entry"
		;;
	delete)
		write_hosts ''
		remove_files
		remove_link
		leave_directory
		;;
	check) look ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
