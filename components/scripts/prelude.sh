# What every script starts with: how it fails, what it says, and how it reads its words.
# shellcheck disable=SC2329 # the scripts call them

fail() {
	printf '%s: %s\n' "$(uname -n)" "$*" >&2
	exit 1
}

say() {
	printf '%s\n' "$*"
}

# Reads `key=value` words into variables of these names; a script knows those that it has set before. `file` may come more
# than once: `files` has them all.
read_words() {
	for word; do
		key=${word%%=*}
		case $key in
		file) files="$files ${word#*=}" ;;
		'' | *[!a-z]*) fail "unknown argument $word" ;;
		*)
			eval "[ -n \"\${$key+set}\" ]" || fail "unknown argument $word"
			eval "$key=\${word#*=}"
			;;
		esac
	done
}

# Lets one script at a time work on a folder, which it makes where there is none: several registries may be at work, and
# what a killed update started, which must not have the last word. The lock is there as long as one of its processes, or
# until `exec 9<&-`.
take_turn() {
	command -v flock > /dev/null || fail "flock is missing: install util-linux"
	waited=0
	until has_turn "$1"; do
		waited=$((waited + 1))
		[ "$waited" -lt 120 ] ||
			fail "another update still works on $1: wait for it, or end it ('fuser $1' names its processes)"
		sleep 1
	done
}

# The lock is on the folder itself, which whoever had it before may have taken away.
has_turn() {
	(umask 022 && mkdir -p "$1") || exit 1
	command exec 9< "$1" && flock -n 9 && [ "$(inode "$1")" = "$(inode "/proc/$$/fd/9")" ]
}

inode() {
	stat -L -c %i "$1" 2> /dev/null
}
