# Places a bundle of files that change together: a release beside the old one, made live by one rename.
#
# Called as: create|update|delete|check key=value...; `payload NAME` prints the content of a file. `check` changes nothing
# and prints a line for all that is not as it was left.
#   directory=PATH          the bundle's folder: releases/<release>, and the link `current` to one of them
#   release=NAME            names the content
#   owner=UID:GID           who may read the files, and as whom the program is tried
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   program=NAME            who reads the bundle, if it has to be told: nginx.sh or registry.sh stands before this, with
#                           the words and functions of it: try_staged, put_to_use, take_back, last_words, look_at_program

clean_up() {
	status=$?
	trap - EXIT
	[ "$verb" != check ] || exit "$status"
	rm -rf "$new" "$directory/.current.$$"
	if [ "$status" -ne 0 ] && [ "$verb" != delete ] && [ "$(live)" != "$release" ]; then
		is_used "$release" || rm -rf "${directory:?}/releases/$release"
		[ -n "$(live)" ] || leave_directory
	fi
	exit "$status"
}

# What a killed update started may still be at work, and must not have the last word: it holds the lock as long as one
# of its processes is there, and no longer.
take_turn() {
	command -v flock > /dev/null || fail "flock is not installed: install the package util-linux"
	waited=0
	until has_turn; do
		waited=$((waited + 1))
		[ "$waited" -lt 120 ] ||
			fail "another update is still changing $directory: wait until it ends, or stop it ('fuser $directory' shows its processes)"
		sleep 1
	done
}

# The lock is on the folder itself, which whoever had it before may have taken away.
has_turn() {
	(umask 022 && mkdir -p "$directory") || exit 1
	command exec 9< "$directory" && flock -n 9 && [ "$(inode "$directory")" = "$(inode "/proc/$$/fd/9")" ]
}

inode() {
	stat -L -c %i "$1" 2> /dev/null
}

# Takes away the folders that are empty now, up to the stack's own; the one above it may be anybody's.
leave_directory() {
	folder=$directory
	rmdir "$folder/releases" 2> /dev/null || true
	for _ in bundle part stack; do
		rmdir "$folder" 2> /dev/null || return 0
		folder=${folder%/*}
	done
}

live() {
	link=$(readlink "$directory/current" 2> /dev/null) || return 0
	printf '%s\n' "${link#releases/}"
}

stage() {
	# What is live has this very content; anything else of this name is the rest of an update that was killed.
	[ "$(live)" != "$release" ] || return 0
	(umask 022 && mkdir -p "$directory/releases")
	mkdir "$new"
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		payload "$name" > "$new/$name"
		chmod "${mode%:*}" "$new/$name"
	done
	if [ "$(id -u)" -eq 0 ]; then chown -R "$owner" "$new"; fi
	rm -rf "${directory:?}/releases/$release"
	mv "$new" "$directory/releases/$release"
}

# Changes what is live: keeps the old, puts the new to use, and restores the old where that does not work.
change_live() {
	previous=$(live)
	set_live "$release"
	if [ -n "$program" ] && ! put_to_use; then
		why=$problem
		if [ "$previous" != "$release" ]; then
			set_live "$previous"
			take_back
		fi
		fail "rolled back: $program did not load the new files, and the previous version is active again: $why; $(last_words)"
	fi
	prune "$previous"
}

# Makes a release live, or none.
set_live() {
	[ "$(live)" != "$1" ] || return 0
	if [ -n "$1" ]; then
		ln -s "releases/$1" "$directory/.current.$$"
		mv -fT "$directory/.current.$$" "$directory/current"
	else
		rm -f "$directory/current"
	fi
}

prune() {
	for old in "$directory"/releases/* "$directory"/releases/.new.*; do
		case ${old##*/} in "$release" | "$1") ;; *) is_used "${old##*/}" || rm -rf "$old" ;; esac
	done
}

# What renews a certificate runs from an earlier release than the last two, if nginx has not taken another one since.
is_used() {
	[ -n "$program" ] && [ -n "$(docker container ls --all --quiet --filter "label=private-registry.config=$1" 2> /dev/null)" ]
}

look() {
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		path=$directory/current/$name
		if [ ! -e "$path" ]; then
			say "$path is missing"
		elif ! payload "$name" | cmp -s - "$path"; then
			say "$path has other content"
		elif [ "0$(stat -L -c %a "$path")" != "${mode%:*}" ]; then
			say "$path has mode $(stat -L -c %a "$path") instead of ${mode%:*}"
		fi
	done
	[ -z "$program" ] || look_at_program
}

main() {
	umask 077
	verb=$1 problem='' directory='' release='' owner='' files='' program=''
	shift
	read_words "$@"
	# Named by the process: that of a killed update may still be at work.
	new=$directory/releases/.new.$$
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		take_turn
		stage
		[ -z "$program" ] || try_staged
		change_live
		;;
	delete)
		take_turn
		rm -rf "${directory:?}/current" "${directory:?}/releases"
		leave_directory
		;;
	check) look ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
