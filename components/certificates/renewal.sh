# Gets the server certificate and renews it, in the container of lego. Its settings and secrets lie beside it.
#
# Called as: renewal.sh first|keep|check
#   first   see to it that there is a certificate, or say why there is none
#   keep    renew it for ever
#   check   say what is wrong with that, if anything is
#
#   /var/lib/acme/accounts          lego's, with the key of the account
#   /var/lib/acme/pairs/PAIR        lego's folder of one pair: certificates/NAME.crt and NAME.key
#   /srv/served/PAIR                what nginx reads: SERVER.crt and SERVER.key
# shellcheck disable=SC2154 # the settings have them

now() {
	date +%s
}

# One at a time: an update may ask while the container before it renews.
take_turn() {
	flock -w 900 9
}

# lego writes its files in place. So it works on a copy, and what it made takes their place by a rename.
copy_pair() {
	rm -rf "$home"/work.*
	mkdir -p "$home/accounts" "$pair/certificates" "$work" &&
		ln -s ../accounts "$work/accounts" &&
		cp -Rp "$pair/certificates" "$work/"
}

# What lego says is kept, for the one who asks why.
ask() {
	case $challenge in
	http-01) set -- --http --http.webroot /srv/challenges "$@" ;;
	dns-01)
		[ "$wait" = 0 ] || set -- --dns.propagation-wait "${wait}s" "$@"
		for resolver in $resolvers; do set -- --dns.resolvers "$resolver" "$@"; done
		set -- --dns "$provider" "$@"
		;;
	esac
	[ -z "$profile" ] || set -- "$@" --profile "$profile"
	[ -z "$chain" ] || set -- "$@" --preferred-chain "$chain"
	names="--domains $domain"
	for alias in $aliases; do names="$names --domains $alias"; done
	# shellcheck disable=SC2086 # several words
	timeout 600 lego --path "$work" --server "$directory" --accept-tos --email "$email" $names \
		--key-type "$keytype" "$@" > "$said" 2>&1 &
	asking=$!
	# Where it is told to come later, lego would sleep until then: hours, perhaps.
	while kill -0 "$asking" 2> /dev/null; do
		! grep -q rateLimited "$said" || kill "$asking" 2> /dev/null || true
		sleep 0.2
	done
	wait "$asking"
}

# With the key that there is, as nginx reads certificate and key one after the other.
ask_anew() {
	set -- run
	[ ! -s "$work/certificates/$name.key" ] || set -- run --private-key "$work/certificates/$name.key"
	ask "$@"
}

# An authority may have lost an account, and the volume may have been lost with it.
has_no_account() {
	grep -q -e accountDoesNotExist -e 'is not registered. Use' "$said"
}

# Without the information on renewal (ARI) an authority can't take offence at what it says that is replaced.
renew() {
	set -- renew --dynamic --no-random-sleep --reuse-key --force-cert-domains
	[ "$failures" = 0 ] || set -- "$@" --ari-disable
	ask "$@"
}

obtain() {
	if [ -s "$work/certificates/$name.crt" ]; then renew; else ask_anew; fi && return 0
	has_no_account || return 1
	rm -rf "$home/accounts.lost"
	mv "$home/accounts" "$home/accounts.lost"
	mkdir "$home/accounts"
	ask_anew
}

# Of a pair that nobody has, the key comes first.
take_over() {
	for kind in key crt; do
		file=certificates/$name.$kind
		[ -s "$work/$file" ] || return 1
		cmp -s "$work/$file" "$pair/$file" || mv -f "$work/$file" "$pair/$file" || return 1
	done
}

# One that is lost in the volume is still where nginx reads it.
publish() {
	mkdir -p "$served" "$pair/certificates" || return 1
	for kind in key crt; do
		from=$pair/certificates/$name.$kind to=$served/$server.$kind
		[ -s "$from" ] || [ ! -s "$to" ] || cp "$to" "$from" || return 1
		[ -s "$from" ] || return 1
		cmp -s "$from" "$to" || { cp "$from" "$to.new" && mv -f "$to.new" "$to"; } || return 1
	done
}

# Sets `end` and `life` of the certificate, in seconds; 0 where there is none.
measure() {
	end=0 life=0
	[ -s "$pair/certificates/$name.crt" ] || return 0
	text=$(lego --path "$pair" list 2> /dev/null | sed -n 's/^ *Expiry Date: \([0-9-]* [0-9:]*\) .*/\1/p')
	end=$(date -u -d "$text" +%s 2> /dev/null) || end=0
	[ "$end" = 0 ] || life=$((end - $(stat -c %Y "$pair/certificates/$name.crt")))
}

# An update asks for nothing that is there: whether it is time for another one, the container decides.
first() {
	publish || true
	measure
	[ "$end" -le "$(now)" ] || return 0
	if ! { copy_pair && obtain && take_over; }; then
		cat "$said" >&2
		return 1
	fi
	publish
}

round() {
	publish || true
	copy_pair && obtain && take_over
}

between() {
	if [ "$3" -lt "$1" ]; then printf '%s\n' "$1"; elif [ "$3" -gt "$2" ]; then printf '%s\n' "$2"; else printf '%s\n' "$3"; fi
}

# Prints the seconds until the next round: a share of the life, and after failures ever more, but for what is left.
pause() {
	if [ "$failures" = 0 ]; then
		seconds=$(between 5 21600 $((life / 200)))
	else
		most=$(between 10 43200 $((life / 20)))
		seconds=$(between 5 600 $((life / 1000)))
		doubled=1
		while [ "$doubled" -lt "$failures" ] && [ "$seconds" -lt "$most" ]; do
			seconds=$((seconds * 2)) doubled=$((doubled + 1))
		done
		# Who asks too often is told to come later.
		if [ "$seconds" -gt "$most" ] || grep -q rateLimited "$said"; then seconds=$most; fi
	fi
	# Up to a quarter more or less, as others ask too.
	chance=$(od -An -N1 -tu1 /dev/urandom)
	printf '%s\n' $((seconds * 3 / 4 + seconds * chance / 510))
}

# What `check` has to know: it is asked every few seconds.
take_note() {
	printf 'due=%s end=%s life=%s failures=%s\n' "$1" "$end" "$life" "$failures" > /tmp/note.new
	mv -f /tmp/note.new /tmp/note
}

keep() {
	trap 'exit 0' HUP INT TERM
	measure
	take_note "$(now)"
	while :; do
		if (take_turn && round) 9> "$home/lock"; then
			failures=0
		else
			failures=$((failures + 1))
			printf 'no new certificate, attempt %s: ' "$failures"
		fi
		grep -v -e ' \[INFO\] \[.*\] acme: ' -e badNonce "$said" || true
		(take_turn && publish) 9> "$home/lock" || true
		measure
		left=$(pause)
		take_note $(($(now) + left))
		while [ "$left" -gt 0 ]; do
			slice=$(between 1 5 "$left")
			left=$((left - slice))
			sleep "$slice" &
			wait $! || true
			(take_turn && publish) 9> "$home/lock" || true
		done
	done
}

check() {
	due=0 end=0 life=0 failures=0
	[ ! -e /tmp/note ] || read -r due end life failures < /tmp/note
	due=${due#*=} end=${end#*=} life=${life#*=} failures=${failures#*=}
	if [ $(($(now) - due)) -gt 900 ]; then
		printf 'the renewal has stopped\n'
	elif [ $((end - $(now))) -lt $((life / 5)) ]; then
		printf 'less than a fifth of the life is left, after %s attempts to renew it\n' "$failures"
	else
		return 0
	fi
	return 1
}

main() {
	umask 077
	here=${0%/*}
	PATH=$PATH:/ aliases=''
	# shellcheck source=/dev/null
	. "$here/settings"
	# shellcheck source=/dev/null
	. "$here/secrets"
	[ ! -e "$here/directory.crt" ] || export LEGO_CA_CERTIFICATES="$here/directory.crt"
	home=/var/lib/acme
	pair=$home/pairs/$id work=$home/work.$$ served=/srv/served/$id said=/tmp/said failures=0
	# As lego calls its files.
	name=$(printf %s "$domain" | tr ':*' '-_')
	: >> "$said"
	case $1 in
	first) (take_turn && first) 9> "$home/lock" ;;
	keep) keep ;;
	check) check ;;
	esac
}

set -eu
main "$@"
