# Proves that a client trusts the registry, and that this asks for a login. A part of scripts that have the words
# `registry`, `aliases` and `step`, and a function `trusting URL`: `status_of` with what they trust by.
# shellcheck shell=sh disable=SC2154

called=''
# What no package brings is there, and sudo may not look there.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/snap/bin

fail() {
	printf '%s: verification failed at "%s": %s%s\n' "$(uname -n)" "$step" "$*" "$called" >&2
	exit 1
}

# Past the proxies of the environment, and without the options of somebody's .curlrc.
status_of() {
	curl -q --noproxy '*' --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' "$@" 2>&1
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
