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
