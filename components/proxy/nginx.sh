# How nginx gets to serve a release, which releases.sh makes live: the parts that differ from program to program.
#   image=ID                nginx's image
#   container=NAME          the container to reload
#   network=NAME            the network on which its upstream's name is known
#   https=URL               what it serves with its certificate, as seen in its container
#   generation=URL          where it tells which configuration it has loaded
# shellcheck disable=SC2154,SC2329 # releases.sh sets directory, release and owner, and calls this

image='' container='' network='' https='' generation=''

# nginx of the declared image reads the staged release together with the live ones of the other bundles.
try_staged() {
	above=${directory%/*}
	set --
	for bundle in tls users site; do
		from=$above/$bundle/current
		[ "$directory" != "$above/$bundle" ] || from=$directory/releases/$release
		# At first, the others may still be to come.
		[ -e "$from" ] || continue
		set -- "$@" --mount "type=bind,source=$from,target=/etc/private-registry/$bundle/current,readonly"
	done
	output=$(docker run --rm --network "$network" --user "$owner" --read-only --tmpfs /tmp "$@" \
		--entrypoint nginx "$image" -t -q -c /etc/private-registry/site/current/nginx.conf 2>&1) ||
		fail "nginx refuses the new configuration, the old one keeps serving: $output"
}

# A container that is not there, or is stopped, reads the live release when it starts.
put_to_use() {
	old_workers=$(workers)
	case $(docker container inspect --format '{{.State.Status}}' "$container" 2> /dev/null) in
	running) reload && proven && remove_former_pairs ;;
	restarting) docker container restart --time 1 "$container" > /dev/null && proven ;;
	esac
}

# Other settings are another pair in another folder, beside this one.
remove_former_pairs() {
	renewed=$(renewed_in)
	[ -n "$renewed" ] || return 0
	for pair in "${directory%/*}/${renewed%/*}"/*; do
		[ "${pair##*/}" = "${renewed##*/}" ] || rm -rf "$pair"
	done
}

# The folder in which something renews the certificate, if it is not in the bundle.
renewed_in() {
	sed -n 's/^# Renewed in //p' "$directory/current/listen.conf" 2> /dev/null || true
}

take_back() {
	reload || true
}

# By nginx itself: of a container that got a signal from Docker, Docker believes that it was stopped by hand, and may leave
# it down after a crash or a boot.
reload() {
	said=$(docker container exec "$container" nginx -c /etc/private-registry/site/current/nginx.conf -s reload 2>&1) ||
		{ problem=$said && return 1; }
}

# nginx says nothing of a reload that it did not carry out.
proven() {
	attempt=0
	until problem=$(deviation; old_worker) && [ -z "$problem" ]; do
		attempt=$((attempt + 1))
		[ "$attempt" -lt 15 ] || return 1
		sleep 1
	done
}

# The workers that take requests: one that was told to end has another title.
workers() {
	docker container top "$container" -o pid,args 2> /dev/null |
		sed -n 's/^ *\([0-9][0-9]*\) .*nginx: worker process$/\1/p'
}

# New workers serve for a moment beside those before them.
old_worker() {
	for worker in $(workers); do
		! printf '%s\n' "$old_workers" | grep -qx "$worker" || say "an nginx worker still uses the previous configuration"
	done
}

# What nginx serves differs from what is live: say how.
deviation() {
	case ${directory##*/} in
	tls)
		renewed=$(renewed_in)
		# nginx looks again each second.
		is_served || { [ -n "$renewed" ] && sleep 2 && is_served; } ||
			say "nginx does not serve the certificate of $directory/current"
		;;
	site)
		loaded=$(docker exec "$container" curl --silent --show-error --max-time 5 "$generation" 2>&1) || true
		[ "$loaded" = "$(sed -n 's/^# Generation //p' "$directory/current/nginx.conf")" ] ||
			say "nginx has not loaded the configuration of $directory/current"
		;;
	esac
}

is_served() {
	[ "$(served | certificate)" = "$(placed)" ]
}

# The certificate of the bundle, or the one that is renewed in a folder beside it.
placed() {
	if [ -n "$renewed" ]; then
		cat "${directory%/*}/$renewed/$(sed -n 's/^server_name \(.*\);$/\1/p' "$directory/current/listen.conf").crt"
	else
		cat "$directory/current/server.crt"
	fi | certificate
}

served() {
	set --
	# Where load balancers say the address of a client, nginx answers no connection without their header.
	! grep -q proxy_protocol "$directory/current/listen.conf" || set -- --haproxy-protocol
	docker exec "$container" curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{certs}' "$@" "$https" ||
		true
}

# The first certificate of a text, without line breaks.
certificate() {
	sed -n '/^-----BEGIN CERTIFICATE/,/^-----END CERTIFICATE/p;/^-----END CERTIFICATE/q' | tr -d '\r\n'
}

last_words() {
	say "last lines of nginx's log: $({ docker container logs --since 1m "$container" > /dev/null; } 2>&1 | tail -n 3)"
}

look_at_program() {
	! docker exec "$container" true 2> /dev/null || deviation
}
