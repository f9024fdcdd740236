# Places authorities in the trust store of the machine, one certificate a file, and takes them away again.
#
# Called as: create|update|delete|check key=value...; `payload ca.crt` prints the authorities. `check` changes nothing and
# prints a line for all that is not as it was left.
#   store=NAME                what the names of our files start with; their end is the fingerprint of what is in them
#   file=ca.crt:MODE:DIGEST   the mode of each; the digest is for the reader of a preview
#   registry=HOST[:PORT]      whom this host knows by them; `keep_trust FILE` fails where it would not any more
#   root=PATH                 where the machine's files are

# Where the distribution wants authorities, what it makes of them, and the program that does so.
find_store() {
	links=''
	if command -v update-ca-trust > /dev/null; then
		tool=update-ca-trust anchors=$root/etc/pki/ca-trust/source/anchors
		bundle=$root/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
		[ -d "$anchors" ] || arch_store
	elif command -v update-ca-certificates > /dev/null; then
		tool=update-ca-certificates anchors=$root/etc/pki/trust/anchors
		bundle=$root/var/lib/ca-certificates/ca-bundle.pem
		[ -d "$anchors" ] || debian_store
	else
		fail "this client has neither update-ca-certificates nor update-ca-trust, so its trust store is unknown"
	fi
}

arch_store() {
	anchors=$root/etc/ca-certificates/trust-source/anchors bundle=$root/etc/ca-certificates/extracted/tls-ca-bundle.pem
}

# Of Alpine too.
debian_store() {
	anchors=$root/usr/local/share/ca-certificates links=$root/etc/ssl/certs bundle=$root/etc/ssl/certs/ca-certificates.crt
}

# Two registries may be placed at once, and no such program minds another one. A killed update may still be at work: it
# holds the lock as long as one of its processes is there.
take_turn() {
	command -v flock > /dev/null || fail "flock is not installed: install the package util-linux"
	[ -d "$anchors" ] || (umask 022 && mkdir -p "$anchors")
	exec 9< "$anchors"
	waited=0
	until flock -n 9; do
		waited=$((waited + 1))
		[ "$waited" -lt 120 ] || fail "another update is still changing $anchors: wait until it ends, or stop it"
		sleep 1
	done
}

clean_up() {
	status=$?
	trap - EXIT
	[ "$status" -eq 0 ] || [ "$verb" = check ] || undo
	[ -z "$scratch" ] || rm -rf "$scratch"
	exit "$status"
}

# What was live before stays.
undo() {
	[ ! -e "$kept" ] || mv -f "$kept" "$bundle"
	for file in $placed; do take_away "$file"; done
	rm -f "$draft" "$kept.new"
}

# Of an update that was killed. Debian's program would add to what it had begun.
remove_leftovers() {
	rm -f "$anchors"/.private-registry_*.new "${bundle%/*}"/.private-registry.*
	[ -z "$links" ] || rm -f "$bundle.new"
}

# Prints a certificate from its one line.
pem() {
	printf '%s\n' '-----BEGIN CERTIFICATE-----'
	printf '%s\n' "$1" | fold -w 64
	printf '%s\n' '-----END CERTIFICATE-----'
}

file_of() {
	printf '%s\n' "$anchors/${store}_$(printf %s "$1" | base64 -d 2> /dev/null | sha256sum | cut -c 1-12).crt"
}

holds() {
	case $live in *"$1"*) return 0 ;; *) return 1 ;; esac
}

is_same() {
	pem "$1" | cmp -s - "$2"
}

is_ours() {
	[ "$(file_of "$(certificates < "$1")")" = "$1" ]
}

is_wanted() {
	for line in $authorities; do
		[ "$(file_of "$line")" != "$1" ] || return 0
	done
	return 1
}

# Files with our name; what is in them may be somebody else's.
named_ours() {
	for file in "$anchors/$store"_*.crt; do
		[ ! -e "$file" ] || printf '%s\n' "$file"
	done
}

refuse_strangers() {
	for line in $authorities; do
		file=$(file_of "$line")
		[ -e "$file" ] || continue
		is_same "$line" "$file" ||
			fail "$file exists with other content and was not written by this stack; it was not changed"
		say "$file existed with this content; the stack manages it from now on"
	done
}

place() {
	for line in $authorities; do
		file=$(file_of "$line")
		if ! is_same "$line" "$file"; then
			pem "$line" > "$draft"
			[ -e "$file" ] || placed="$placed $file"
			mv -f "$draft" "$file"
		fi
		chmod "$mode" "$file"
	done
}

# Makes the store anew, also where nothing changed: an update that was killed may not have come so far.
refresh() {
	if [ -e "$bundle" ]; then
		cp -a "$bundle" "$kept.new"
		mv -f "$kept.new" "$kept"
	fi
	said=$(umask 022 && "$tool" 2>&1) || fail "$tool failed: $(last_words)"
	read_store
	for line in $1; do
		holds "$line" || fail "$tool failed to add $(file_of "$line") to $bundle: $(last_words)"
	done
	rm -f "$kept"
	placed=''
}

read_store() {
	live=''
	[ ! -e "$bundle" ] || live=$(certificates < "$bundle")
}

last_words() {
	printf '%s\n' "$said" | tail -n 3
}

# Debian's program leaves the links to a file that is gone, with those by the hash of its subject. OpenSSL asks for these by
# their numbers, up to the first that is missing: so others of that subject move up
# (https://docs.openssl.org/master/man1/openssl-rehash/).
take_away() {
	if [ -n "$links" ]; then
		for link in $(links_to "$1"); do
			for hash in $(links_to "${link##*/}"); do rm -f "$hash"; done
			rm -f "$link"
			tell_hooks "-$link"
		done
		if command -v openssl > /dev/null; then openssl rehash "$links" > /dev/null 2>&1 || true; fi
	fi
	rm -f "$1"
}

links_to() {
	for link in "$links"/*; do
		[ "$(readlink "$link")" != "$1" ] || printf '%s\n' "$link"
	done
}

# Java's store is one: a hook reads what comes and goes (https://manpages.debian.org/update-ca-certificates).
tell_hooks() {
	for hook in $(run-parts --test "$root/etc/ca-certificates/update.d" 2> /dev/null); do
		printf '%s\n' "$1" | "$hook" > /dev/null 2>&1 || say "$hook failed"
	done
}

# New ones are trusted before old ones go.
update() {
	scratch=$(mktemp -d)
	for file in $(named_ours); do cat "$file"; done > "$scratch/trusted"
	keep_trust "$scratch/trusted"
	place
	refresh "$authorities"
	gone=''
	for file in $(named_ours); do
		is_wanted "$file" || ! is_ours "$file" || gone="$gone $file"
	done
	[ -n "$gone" ] || return 0
	for file in $gone; do take_away "$file"; done
	refresh "$authorities"
}

delete() {
	for file in $(named_ours); do
		if is_ours "$file"; then
			take_away "$file"
		else
			say "$file has content that this stack did not write, and was not removed"
		fi
	done
	refresh ''
}

look() {
	read_store
	for line in $authorities; do
		file=$(file_of "$line")
		if [ ! -e "$file" ]; then
			say "$file is missing"
		elif ! is_same "$line" "$file"; then
			say "$file has other content"
		elif ! holds "$line"; then
			say "$bundle does not contain the certificate in $file"
		elif [ "0$(stat -c %a "$file")" != "$mode" ]; then
			say "$file has mode $(stat -c %a "$file") instead of $mode"
		fi
	done
	for file in $(named_ours); do
		is_wanted "$file" || say "$file still exists, and should have been removed"
	done
}

main() {
	umask 077
	placed='' scratch='' files=''
	# shellcheck disable=SC2034 # keep_trust asks it
	registry=''
	verb=$1 store='' root=''
	shift
	read_words "$@"
	# A user who becomes root may not look there.
	PATH=$PATH:$root/usr/sbin:$root/sbin
	find_store
	draft=$anchors/.$store.$$.new kept=${bundle%/*}/.private-registry.$$
	mode=${files#*:}
	mode=${mode%:*}
	authorities=$(payload ca.crt | certificates)
	if [ "$verb" = check ]; then
		look
		return
	fi
	take_turn
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	remove_leftovers
	case $verb in
	create)
		refuse_strangers
		place
		refresh "$authorities"
		;;
	update) update ;;
	delete) delete ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
