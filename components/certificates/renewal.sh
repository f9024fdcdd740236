# Gets the server certificate and renews it, in the container of lego. Its settings and secrets lie beside it.
#
# Called as: renewal.sh first|keep|once|check
#   first   see to it that there is a certificate, or say why there is none
#   keep    renew it for ever
#   once    renew it if it is time
#   check   say what is wrong with that, if anything is
#
#   /var/lib/acme/accounts          lego's, with the key of the account
#   /var/lib/acme/pairs/PAIR        lego's folder of one pair: certificates/NAME.crt and NAME.key
#   /srv/served/PAIR                what nginx reads: SERVER.crt and SERVER.key
# shellcheck disable=SC2154 # the settings have them

now() {
	date +%s
}

# Seconds since the machine was started, which nobody changes.
uptime() {
	read -r seconds _ < /proc/uptime
	printf '%s\n' "${seconds%.*}"
}

# A file of lego's ends so, unless the machine went down, or the volume was full, while it was written.
whole() {
	tail -c 40 "$1" 2> /dev/null | grep -q -e '^-----END .*-----$' -e '^}$'
}

# Puts a copy in the place of a file, and never a half one.
put() {
	cp -p "$1" "$2.new" && sync "$2.new" && mv -f "$2.new" "$2"
}

# One at a time: an update may ask while the container before it renews.
take_turn() {
	waited=0
	# BusyBox' flock can't wait for a time.
	until flock -n 9; do
		waited=$((waited + 1))
		[ "$waited" -lt 900 ] || { printf 'another process still works on the certificates\n' >> "$said" && return 1; }
		sleep 1
	done
}

# lego writes its files in place. So it works on a copy, and what it made takes their place by a rename.
copy_pair() {
	: > "$said"
	# What was killed has left it.
	rm -rf "$home"/work.* /srv/challenges/.well-known
	mkdir -p "$home/accounts" "$pair/certificates" "$work" &&
		ln -s ../accounts "$work/accounts" &&
		cp -Rp "$pair/certificates" "$work/" &&
		has_room &&
		drop_halves
}

# A certificate that can't be kept would be asked for again and again.
has_room() {
	if head -c 65536 /dev/zero > "$work/room"; then room=0; else room=1; fi
	rm -f "$work/room"
	return "$room"
}

# By its key, lego finds what an account was. An account without its key is nobody's.
drop_halves() {
	for account in "$home"/accounts/*/*; do
		for file in "$account"/keys/*; do whole "$file" || rm -rf "$account"; done
		whole "$account/account.json" || rm -f "$account/account.json"
	done
}

# What lego says is kept, for the one who asks why.
ask() {
	last_step='' unproven=''
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
	LEGO_DEBUG_ACME_HTTP_CLIENT=1 timeout 600 lego --path "$work" --server "$directory" --accept-tos --email "$email" $names \
		--key-type "$keytype" "$@" > "$said" 2>&1 &
	asking=$!
	# Where it is told to come later, lego would sleep until then: hours, perhaps.
	while kill -0 "$asking" 2> /dev/null; do
		[ "$(told_to_wait)" = 0 ] || kill "$asking" 2> /dev/null || true
		sleep 0.2
		! is_unproven || kill "$asking" 2> /dev/null || true
	done
	wait "$asking" && return 0
	[ -z "$unproven" ] ||
		printf 'the authority has not found the proof for %s within %s seconds, and does not say why: its own log may\n' \
			"$unproven" "$patience" >> "$said"
	return 1
}

# An authority that did not find the proof may leave it at that, as step-ca does. lego would ask it for eight minutes.
is_unproven() {
	step=$(grep -v ' \[DEBUG\] ' "$said" | tail -n 1) || true
	[ "$step" = "$last_step" ] || last_step=$step since=$(now)
	case $step in
	*'Trying to solve HTTP-01')
		[ $(($(now) - since)) -ge "$patience" ] || return 1
		unproven=$(printf %s "$step" | sed 's/.*\[INFO\] \[\([^]]*\)\].*/\1/')
		;;
	*) return 1 ;;
	esac
}

# Prints for how many seconds the authority wants to be left alone, where that is a minute or more: lego says 1h0m0s.
told_to_wait() {
	text=$(sed -n 's/.* retrying in \([0-9hm]*m[0-9][0-9]*\)[.0-9]*s .*/\1/p' "$said" | tail -n 1)
	printf '%s\n' "$(($(printf %s "${text:-0}" | sed 's/h/*3600+/;s/m/*60+/')))"
}

# With the key that there is, as nginx reads certificate and key one after the other.
ask_anew() {
	set -- run
	! whole "$work/certificates/$name.key" || set -- run --private-key "$work/certificates/$name.key"
	ask "$@"
}

# Without the information on renewal (ARI) an authority can't take offence at what it says that is replaced.
renew() {
	set -- renew --no-random-sleep --reuse-key
	if is_due; then set -- "$@" --days 36500; else set -- "$@" --dynamic; fi
	[ -z "$offended" ] || set -- "$@" --ari-disable
	ask "$@"
}

# By a clock that is behind, a certificate is there before it begins, and by one that was set back, it came later than now:
# lego would let it run out.
is_due() {
	measure
	came=$(stat -c %Y "$work/certificates/$name.crt")
	age=$(($(now) - came))
	[ "$age" -lt $((-life / 4)) ] || { [ $((end - life - came)) -gt $((life / 4)) ] && [ "$age" -gt $((life / 2)) ]; }
}

obtain() {
	if whole "$work/certificates/$name.crt" && whole "$work/certificates/$name.key"; then renew; else ask_anew; fi && return 0
	# The volume was lost, or an authority has lost the account.
	if grep -q accountDoesNotExist "$said"; then
		rm -rf "$home/accounts.lost"
		mv "$home/accounts" "$home/accounts.lost"
		mkdir "$home/accounts"
	else
		grep -q 'is not registered. Use' "$said" || return 1
	fi
	ask_anew
}

# Of a pair that nobody has, the key comes first.
take_over() {
	for kind in key crt; do
		file=certificates/$name.$kind
		whole "$work/$file" || return 1
		cmp -s "$work/$file" "$pair/$file" || { sync "$work/$file" && mv -f "$work/$file" "$pair/$file"; } || return 1
	done
}

# One that is lost in the volume is still where nginx reads it.
publish() {
	# With other settings nginx has another pair, and has left this one.
	[ -d "$served" ] || grep -qx "id=$id" "$live/settings" || return 0
	mkdir -p "$served" "$pair/certificates" || return 1
	keep_newer || return 1
	for kind in key crt; do
		from=$pair/certificates/$name.$kind to=$served/$server.$kind
		whole "$from" || ! whole "$to" || put "$to" "$from" || return 1
		whole "$from" || return 1
		cmp -s "$from" "$to" || put "$from" "$to" || return 1
	done
}

# A volume that was restored has an older one than nginx.
keep_newer() {
	# Every few seconds they are asked for, and nearly always the same.
	! cmp -s "$served/$server.crt" "$pair/certificates/$name.crt" || return 0
	is_newer "$served/$server.crt" "$pair/certificates/$name.crt" && whole "$served/$server.key" || return 0
	for kind in key crt; do put "$served/$server.$kind" "$pair/certificates/$name.$kind" || return 1; done
}

is_newer() {
	whole "$1" && whole "$2" && [ "$(dates "$1" | head -n 1)" -gt "$(dates "$2" | head -n 1)" ]
}

# Sets `end` and `life`, in seconds, of the certificate that nginx reads; without one, as if one that lives as most do had ended.
measure() {
	end=0 life=7776000
	# shellcheck disable=SC2046 # two numbers
	set -- $(dates "$served/$server.crt")
	[ "$#" -lt 2 ] || { end=$2 life=$(($2 - $1)); }
}

# Prints the first two dates in a certificate, those between which it is valid.
dates() {
	sed -n '1,/^-----END/p' "$1" 2> /dev/null | grep -v -e ----- | base64 -d 2> /dev/null | LC_ALL=C tr -c 0-9Z '\n' |
		sed -n 's/^\([0-9][0-9]\)\([0-9][0-9]\)\([0-9][0-9]\)\([0-9][0-9]\)\([0-9][0-9]\)\([0-9][0-9]\)Z.*/20\1-\2-\3 \4:\5:\6/p' |
		head -n 2 | while read -r text; do date -u -d "$text" +%s; done
}

# An update asks for nothing that is there: whether it is time for another one, the container decides.
first() {
	publish || true
	measure
	[ "$end" -le "$(now)" ] || return 0
	if ! { copy_pair && obtain && take_over; }; then
		hide_secrets < "$said" >&2
		return 1
	fi
	publish
}

# What a provider or an account is proven by may be in an address that an error shows.
hide_secrets() {
	awk -v names="$hidden" '
		BEGIN { count = split(names, name, " ") }
		{
			for (i = 1; i <= count; i++) {
				value = ENVIRON[name[i]]
				while (length(value) > 5 && (at = index($0, value)))
					$0 = substr($0, 1, at - 1) "[secret]" substr($0, at + length(value))
			}
			print
		}'
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
		# By a clock that is ahead, it is due again as soon as it is there.
		[ "$end" = "$before" ] || [ $((end - $(now))) -ge $((life / 2)) ] || seconds=$((life / 4))
	else
		most=$(between 10 43200 $((life / 20)))
		[ "$end" -gt "$(now)" ] || most=$(between 10 3600 "$most")
		seconds=$(between 5 600 $((life / 1000)))
		doubled=1
		while [ "$doubled" -lt "$failures" ] && [ "$seconds" -lt "$most" ]; do
			seconds=$((seconds * 2)) doubled=$((doubled + 1))
		done
		[ "$seconds" -lt "$most" ] || seconds=$most
		# Who asks too often is told to come later.
		told=$(told_to_wait)
		if [ "$told" != 0 ]; then
			seconds=$(between 5 $((life / 5)) "$told")
		elif grep -q rateLimited "$said"; then
			seconds=$most
		fi
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
	take_note "$(uptime)"
	while :; do
		before=$end
		if (take_turn && round) 9> "$home/lock"; then
			failures=0 offended=''
		else
			failures=$((failures + 1))
			if grep -q -i -e alreadyReplaced -e replaces "$said"; then offended=1; else offended=''; fi
			printf 'no new certificate, attempt %s:\n' "$failures"
		fi
		grep -v -e ' \[INFO\] \[.*\] acme: ' -e ' \[DEBUG\] ' -e ' \[ERR\] ' -e badNonce -e 'not advertise a renewal info' \
			"$said" | hide_secrets || true
		(take_turn && publish) 9> "$home/lock" || true
		renew_what_waits
		measure
		due=$(($(uptime) + $(pause)))
		take_note "$due"
		while left=$((due - $(uptime))) && [ "$left" -gt 0 ]; do
			sleep "$(between 1 5 "$left")" &
			wait $! || true
			(take_turn && publish) 9> "$home/lock" || true
		done
	done
}

# A pair that nginx does not serve yet, as a client is down: it would have ended when nginx takes it.
renew_what_waits() {
	grep -qx "id=$id" "$live/settings" || env -i "PATH=$PATH" sh "$live/renewal.sh" once || true
}

check() {
	due=0 end=0 life=0 failures=0
	[ ! -e /tmp/note ] || read -r due end life failures < /tmp/note
	due=${due#*=} end=${end#*=} life=${life#*=} failures=${failures#*=}
	if [ $(($(uptime) - due)) -gt 900 ]; then
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
	here=${0%/*} live=/etc/private-registry/current
	PATH=$PATH:/ aliases='' hidden='' patience=120
	# shellcheck source=/dev/null
	. "$here/settings"
	# shellcheck source=/dev/null
	. "$here/secrets"
	[ ! -e "$here/directory.crt" ] || export LEGO_CA_CERTIFICATES="$here/directory.crt"
	home=/var/lib/acme
	pair=$home/pairs/$id work=$home/work.$$ served=/srv/served/$id said=/tmp/said.$1 failures=0 offended=''
	# As lego calls its files.
	name=$(printf %s "$domain" | tr ':*' '-_')
	: >> "$said"
	case $1 in
	first) (take_turn && first) 9> "$home/lock" ;;
	keep) keep ;;
	once) (take_turn && round && publish) 9> "$home/lock" ;;
	check) check ;;
	esac
}

set -eu
main "$@"
