# Places files in a folder that others use too.
#
# Called as: create|update|delete|check key=value...; `payload NAME` prints the content of a file. `check` changes nothing
# and prints a line for all that is not as it was left.
#   directory=PATH          where the files go
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   link=PATH               another name of the folder, beside it
#   aliases=NAME,...        folders with the same beside it, each with a link of its own if the first one has one
#   marker=TEXT             whose they are
#   registry=HOST[:PORT]    whom this host knows by ca.crt; `keep_trust FILE` fails where it would not any more

same() {
	payload "$1" | cmp -s - "$directory/$1"
}

# As versions before 0.3 placed it, without a line that says whose it is.
is_the_same_bare() {
	payload "$1" | sed '/^#/d' | cmp -s - "$directory/$1"
}

clean_up() {
	status=$?
	trap - EXIT
	[ "$verb" != check ] || exit "$status"
	rm -f "$directory"/.*.new 2> /dev/null || true
	[ -z "$scratch" ] || rm -rf "$scratch"
	if [ "$status" -ne 0 ] && [ "$verb" = create ]; then
		set -f
		IFS=$line_break
		# shellcheck disable=SC2086 # one path a line
		rm -f $placed
		for_each_name leave_directory
	fi
	exit "$status"
}

# Calls a function for the folder of each name.
for_each_name() {
	others=$aliases is_first=yes
	at "$first"
	"$1"
	is_first=''
	while [ -n "$others" ]; do
		at "${first%/*}/${others%%,*}"
		case $others in *,*) others=${others#*,} ;; *) others='' ;; esac
		"$1"
	done
	at "$first"
}

# Calls a function for each folder that an alias had which is none any more.
for_each_former() {
	for found in "${first%/*}"/*/"$claim"; do
		at "${found%/*}"
		if [ -L "$directory" ] || ! is_claimed; then continue; fi
		case ,${first##*/},$aliases, in *",${directory##*/},"*) ;; *) "$1" ;; esac
	done
	at "$first"
}

at() {
	directory=$1 link=''
	[ -z "$first_link" ] || link=$directory${first_link#"$first"}
}

# Each folder says by whom it was placed, and what: so an update knows one that is to go, and a removal one that another
# placement has taken over.
write_claim() {
	if ! is_claimed || [ "$(claimed 2)" != "$(payload ca.crt | digest)" ]; then
		(umask 022 && printf '%s\n' "$id" "$(payload ca.crt | digest)" > "$directory/.$claim.$$.new")
		[ -e "$directory/$claim" ] || placed=$placed$line_break$directory/$claim
		mv -f "$directory/.$claim.$$.new" "$directory/$claim"
	fi
}

claimed() {
	sed -n "$1p" "$directory/$claim" 2> /dev/null || true
}

is_claimed() {
	[ "$(claimed 1)" = "$id" ]
}

digest() {
	sha256sum | cut -c 1-64
}

is_taken_over() {
	if [ -e "$directory/$claim" ]; then [ "$(claimed 1)" != "$id" ]; else [ -z "$is_first" ]; fi
}

refuse_strangers() {
	for file in $files; do
		name=${file%%:*}
		[ -e "$directory/$name" ] || [ -L "$directory/$name" ] || continue
		same "$name" && continue
		is_the_same_bare "$name" || fail "$directory/$name exists with other content and was not written by this stack;" \
			"it was not changed"
		say "$directory/$name existed with this content; the stack manages it from now on"
	done
}

# A folder made here is marked, so that only such a folder is taken away again.
make_directory() {
	for folder in "${directory%/*}" "$directory"; do
		[ -d "$folder" ] || (umask 022 && mkdir -p "$folder" && : > "$folder/$mark")
	done
}

place_files() {
	make_directory
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		same "$name" && continue
		payload "$name" > "$directory/.$name.$$.new"
		chmod "${mode%:*}" "$directory/.$name.$$.new"
		# What was there before is in use, also where it is taken over.
		[ -e "$directory/$name" ] || placed=$placed$line_break$directory/$name
		mv -f "$directory/.$name.$$.new" "$directory/$name"
	done
}

# Versions before 0.3 made it without a dot, and take away what has none.
is_linked() {
	[ "$(readlink "$link" 2> /dev/null)" = "./${directory##*/}" ]
}

# What somebody else has there stays, whatever it is.
place_link() {
	[ -n "$link" ] && ! is_linked || return 0
	if [ "$(readlink "$link" 2> /dev/null)" = "${directory##*/}" ]; then
		ln -sfn "./${directory##*/}" "$link"
	elif [ -e "$link" ] || [ -L "$link" ]; then
		say "$link existed and was not changed: Docker uses its CAs for images with this name"
	else
		ln -s "./${directory##*/}" "$link"
		placed=$placed$line_break$link
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
			say "$directory/$name has content that this stack did not write, and was not removed"
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

refuse_unclaimed_strangers() {
	is_claimed || refuse_strangers
}

refuse_new_strangers() {
	[ -n "$is_first" ] || is_claimed || refuse_strangers
}

place() {
	place_files
	place_link
}

take_away() {
	! is_taken_over || return 0
	remove_files
	rm -f "$directory/$claim"
	remove_link
	leave_directory
}

# By what was written there: it may be another authority now.
take_former_away() {
	if [ -e "$directory/ca.crt" ] && [ "$(digest < "$directory/ca.crt")" != "$(claimed 2)" ]; then
		say "$directory/ca.crt has content that this stack did not write, and was not removed"
	else
		rm -f "$directory/ca.crt"
	fi
	rm -f "$directory/$claim"
	remove_link
	leave_directory
}

look_at_folder() {
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
	[ -z "$link" ] || [ -e "$link" ] || say "$link is missing"
	is_claimed || say "$directory/$claim is missing"
}

look_at_former() {
	say "$directory still exists, and should have been removed"
}

look() {
	for_each_name look_at_folder
	for_each_former look_at_former
}

main() {
	umask 077
	# shellcheck disable=SC2034 # the parts ask them
	registry='' marker=''
	line_break='
' placed='' scratch='' mark=.private-registry
	verb=$1 directory='' files='' link='' aliases='' claim=.private-registry-names
	shift
	read_words "$@"
	first=$directory first_link=$link id="$marker as ${directory##*/}"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		if [ "$verb" = update ]; then
			keep_trust "$directory/ca.crt"
			for_each_name refuse_new_strangers
		else
			! is_claimed || keep_trust "$directory/ca.crt"
			for_each_name refuse_unclaimed_strangers
		fi
		for_each_name place
		for_each_name write_claim
		[ "$verb" = create ] || for_each_former take_former_away
		;;
	delete)
		for_each_name take_away
		;;
	check) look ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
