# Prints files of a host as they are, changing nothing.
#
# `payload paths` prints a path a line; with a `*` in it, all that match are meant. `payload question` prints a shell
# command whose output is wanted too. The answer has a line each, with tabs between, and texts in base64:
#   home PATH                                what the one who runs this is at home in
#   said TEXT                                what the command printed
#   file PATH MODE LINK w|r TEXT             LINK is where a symbolic link leads, or -; r is read-only

in_base64() {
	base64 | tr -d '\n'
}

# A read-only file system and an immutable file stop root too; its folder must be writable, as a new file takes its place.
is_writable() {
	target=$(readlink -f "$1")
	[ -w "$target" ] && [ -w "${target%/*}" ] || return 1
	! { command -v lsattr > /dev/null && lsattr -d "$target" 2> /dev/null | cut -d ' ' -f 1 | grep -q i; }
}

print_file() {
	[ -f "$1" ] || return 0
	link=$(readlink "$1" 2> /dev/null) || link=-
	access=r
	! is_writable "$1" || access=w
	printf 'file\t%s\t%s\t%s\t%s\t%s\n' "$1" "0$(stat -L -c %a "$1")" "$link" "$access" "$(in_base64 < "$1")"
}

main() {
	# What no package brings is there, and sudo may not look there.
	PATH=$PATH:/usr/local/sbin:/usr/local/bin
	printf 'home\t%s\n' "$HOME"
	printf 'said\t%s\n' "$(sh -c "$(payload question)" 2> /dev/null | in_base64)"
	IFS='
'
	# shellcheck disable=SC2046 # a path a line, and names with a star are patterns
	for path in $(payload paths); do print_file "$path"; done
}

set -eu
main
