# Proves that a client trusts the registry, and that this asks for a login. A part of scripts that have the words
# `registry`, `aliases`, `step` and `authority`: the file by which their program trusts, or nothing for the CAs of the
# system. What differs from program to program are the functions below that do nothing: a script has its own instead.
# shellcheck shell=sh disable=SC2154,SC2329

called='' scratch=''
# What no package brings is there, and sudo may not look there.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/snap/bin

fail() {
	printf '%s: verification failed at "%s": %s%s\n' "$(uname -n)" "$step" "$*" "$called" >&2
	exit 1
}

# Sets `authority` where only the client knows it.
find_authority() {
	:
}

# Proves that the program refuses the registry without the authority.
check_distrust() {
	:
}

# Whatever it says is not shown.
remove_images() {
	:
}

# What is left goes with the script: `$scratch`, with an empty folder `none`, and images.
leave_nothing() {
	umask 077
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	scratch=$(mktemp -d)
	mkdir "$scratch/none"
}

clean_up() {
	status=$?
	trap - EXIT
	remove_images > /dev/null 2>&1 || true
	[ -z "$scratch" ] || rm -rf "$scratch"
	exit "$status"
}

run() {
	output=$("$@" 2>&1) || explain
}

explain() {
	fail "$(printf '%s\n' "$output" | tail -n 5)"
}

# Prints a path with the user's home in the place of `~`.
at_home() {
	case $1 in '~'/*) set -- "$HOME${1#'~'}" ;; esac
	printf '%s\n' "$1"
}

# Prints the login as the header of HTTP has it.
basic() {
	printf '%s:%s' "$user" "$(payload password)" | base64 | tr -d '\n'
}

# Past the proxies of the environment, and without the options of somebody's .curlrc.
status_of() {
	curl -q --noproxy '*' --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' "$@" 2>&1
}

# With an authority that is given, Debian's curl still trusts the folder of the system's store, unless it gets another one.
trusting() {
	[ -z "$authority" ] || set -- --cacert "$authority" --capath "$scratch/none" "$@"
	status_of "$@"
}

# Says what was proven, once it is proven by a function for each other name too.
conclude() {
	proven=$1
	for_each_alias "$2"
	printf '%s%s\n' "$proven" "${aliases:+, also as $aliases}"
}

# Calls a function for each other name of the registry; a failure says which.
for_each_alias() {
	others=$aliases
	while [ -n "$others" ]; do
		registry=${others%%,*} called=" (as ${others%%,*})"
		case $others in *,*) others=${others#*,} ;; *) others='' ;; esac
		"$1"
	done
}

check_curl() {
	# They stand in the environment of whoever runs this, and are not what the client has for all.
	unset CURL_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE
	command -v curl > /dev/null || fail "curl is not installed on this client"
}

check_tls() {
	find_authority
	step="TLS with ${authority##*/}"
	[ -n "$authority" ] || step='TLS with the CAs of the system'
	check_trust
	check_distrust
	check_refusal
}

check_trust() {
	# nginx may be a moment behind the reload or the start that came just before.
	attempt=1
	until output=$(trusting "https://$registry/v2/") || [ "$attempt" -eq 10 ]; do
		attempt=$((attempt + 1))
		sleep 1
	done
	case $output in
	200 | 401) ;;
	*) fail "$output" ;;
	esac
}

check_refusal() {
	step='401 without a login'
	output=$(trusting "https://$registry/v2/")
	[ "$output" = 401 ] || fail "HTTP status $output instead of 401"
}
