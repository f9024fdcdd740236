# Places files in a folder that others use too, and an entry in the hosts file.
#
# Called as: create|update|delete|check key=value...; `payload NAME` prints the content of a file. `check` changes nothing
# and prints a line for all that is not as it was left.
#   directory=PATH          where the files go
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   entry=ADDRESS/NAME      the hosts entry, if any
#   marker=TEXT             ends our lines in the hosts file
#   hosts=PATH              the hosts file
#   registry=HOST[:PORT]    whom this host knows by ca.crt

fail() {
	printf '%s: %s\n' "$(uname -n)" "$*" >&2
	exit 1
}

say() {
	printf '%s\n' "$*"
}

parse() {
	verb=$1 directory='' files='' entry='' marker='' hosts=/etc/hosts registry=''
	shift
	for argument; do
		value=${argument#*=}
		case $argument in
		directory=*) directory=$value ;;
		file=*) files="$files ${value%:*}" ;;
		entry=*) entry=$value ;;
		marker=*) marker=$value ;;
		hosts=*) hosts=$value ;;
		registry=*) registry=$value ;;
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
	[ "$verb" != check ] || exit "$status"
	rm -f "$directory"/.*.new "$hosts_new" 2> /dev/null || true
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

# One line for each certificate of a text.
certificates() {
	awk '/^-----BEGIN/ { line = ""; next } /^-----END/ { print line; next } { sub(/\r$/, ""); line = line $0 }'
}

drops_an_authority() {
	new=$(payload ca.crt | certificates)
	for old in $(certificates < "$directory/ca.crt"); do
		case $new in *"$old"*) ;; *) return 0 ;; esac
	done
	return 1
}

# An authority may go only when what is served now is known by one of those that stay.
keep_trust() {
	[ -n "$registry" ] && [ -e "$directory/ca.crt" ] && drops_an_authority || return 0
	command -v curl > /dev/null ||
		fail "an authority can't be dropped: without curl on this client nobody knows what $registry serves"
	payload ca.crt > "$directory/.ca.crt.$$.new"
	status=0
	said=$(curl --silent --show-error --max-time 20 --output /dev/null --cacert "$directory/.ca.crt.$$.new" \
		"https://$registry/v2/" 2>&1) || status=$?
	case $status in
	0) ;;
	60) fail "an authority can't be dropped: what $registry serves is not signed by any of those that stay ($said)" ;;
	*) fail "an authority can't be dropped: nobody knows what $registry serves ($said)" ;;
	esac
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
		payload "$name" > "$directory/.$name.$$.new"
		chmod "${file#*:}" "$directory/.$name.$$.new"
		placed="$placed $name"
		mv -f "$directory/.$name.$$.new" "$directory/$name"
	done
}

# Our line goes first: it wins over later ones, and the rest stays as it is to the last byte.
write_hosts() {
	[ -n "$marker" ] && [ -e "$hosts" ] || return 0
	cp -p "$hosts" "$hosts_new"
	{
		[ -z "$1" ] || printf '%s\t%s\t# %s\n' "${1%%/*}" "${1#*/}" "$marker"
		sed "\|# $marker\$|d" "$hosts"
	} > "$hosts_new"
	if cmp -s "$hosts" "$hosts_new"; then rm -f "$hosts_new"; else mv -f "$hosts_new" "$hosts"; fi
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

look() {
	for file in $files; do
		path=$directory/${file%:*}
		if [ ! -e "$path" ]; then
			say "$path is missing"
		elif ! same "${file%:*}"; then
			say "$path has other content"
		elif [ "0$(stat -c %a "$path")" != "${file#*:}" ]; then
			say "$path has mode $(stat -c %a "$path") instead of ${file#*:}"
		fi
	done
	[ -n "$marker" ] && [ -e "$hosts" ] || return 0
	found=$(sed -n "s|[[:space:]]*# $marker\$||p" "$hosts" | tr '\t' /)
	[ "$found" = "$entry" ] || say "$hosts has the entry '$found' instead of '$entry'"
}

main() {
	umask 077
	placed='' mark=.private-registry
	parse "$@"
	# Named by the process: that of a killed update may still be at work.
	hosts_new=$hosts.private-registry.$$
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		if [ "$verb" = update ]; then keep_trust; else refuse_strangers; fi
		place_files
		write_hosts "$entry"
		;;
	delete)
		write_hosts ''
		remove_files
		leave_directory
		;;
	check) look ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
