# Refuses to drop an authority by which the registry is known. A part of scripts that have the words `registry` and
# `payload ca.crt`, and that take away the folder `scratch` in the end, if there is one.
# shellcheck shell=sh disable=SC2154

# One line for each certificate of a text.
certificates() {
	awk '/^-----BEGIN/ { line = ""; next } /^-----END/ { print line; next } { sub(/\r$/, ""); line = line $0 }'
}

drops_an_authority() {
	new=$(payload ca.crt | certificates)
	for old in $(certificates < "$1"); do
		case $new in *"$old"*) ;; *) return 0 ;; esac
	done
	return 1
}

# Tries to reach the registry by the authorities of a file, and by nothing else: with an authority that is given, Debian's
# curl still trusts those in /etc/ssl/certs (https://curl.se/docs/manpage.html#--capath).
knows() {
	status=0
	said=$(curl -q --noproxy '*' --silent --show-error --max-time 20 --output /dev/null --cacert "$1" \
		--capath "$scratch/none" "https://$registry/v2/" 2>&1) || status=$?
	[ "$status" -eq 0 ]
}

# An authority of a file may go only when what is served now is known by one of those that stay, or by none that is there
# either: then nothing can be lost, and the way back from what does not work is open.
keep_trust() {
	[ -n "$registry" ] && [ -e "$1" ] && drops_an_authority "$1" || return 0
	command -v curl > /dev/null ||
		fail "CA not removed: curl is not installed on this client, so it can't check the certificate of $registry"
	[ -n "$scratch" ] || scratch=$(mktemp -d)
	mkdir "$scratch/none"
	payload ca.crt > "$scratch/ca.crt"
	knows "$scratch/ca.crt" && return 0
	refused=$said
	knows "$1" &&
		fail "CA not removed: the certificate of $registry is not signed by any of the remaining CAs ($refused)"
	case $status in
	# Nothing listens, no handshake, not trusted.
	7 | 35 | 60) say "this client did not trust $registry before this update either ($said)" ;;
	*) fail "CA not removed: this client can't read the certificate of $registry ($said)" ;;
	esac
}
