# Places a bundle of files that change together: a release beside the old one, made live by one rename.
#
# Called as: create|update|delete|check key=value...; `payload NAME` prints the content of a file. `check` changes nothing
# and prints a line for all that is not as it was left.
#   directory=PATH          the bundle's folder: releases/<release>, and the link `current` to one of them
#   release=NAME            names the content
#   owner=UID:GID           who may read the files, and as whom the program is tried
#   file=NAME:MODE:DIGEST   a file of the payload; the digest is for the reader of a preview
#   program=NAME            who reads the bundle: nginx or registry; tries it in its image before it is made live
#   image=ID                the program's image
#   container=NAME          nginx: the container to reload
#   network=NAME            nginx: the network on which its upstream's name is known
#   https=URL               nginx: what it serves with its certificate, as seen in its container
#   generation=URL          nginx: where it tells which configuration it has loaded
#   probe=URL               registry: what it has to answer

fail() {
	printf '%s: %s\n' "$(uname -n)" "$*" >&2
	exit 1
}

say() {
	printf '%s\n' "$*"
}

parse() {
	verb=$1 directory='' release='' owner='' files='' program='' image='' container='' network='' https='' generation='' probe=''
	shift
	for argument; do
		value=${argument#*=}
		case $argument in
		directory=*) directory=$value ;;
		release=*) release=$value ;;
		owner=*) owner=$value ;;
		file=*) files="$files ${value%:*}" ;;
		program=*) program=$value ;;
		image=*) image=$value ;;
		container=*) container=$value ;;
		network=*) network=$value ;;
		https=*) https=$value ;;
		generation=*) generation=$value ;;
		probe=*) probe=$value ;;
		*) fail "unknown argument $argument" ;;
		esac
	done
}

clean_up() {
	status=$?
	trap - EXIT
	[ "$verb" != check ] || exit "$status"
	rm -rf "$new" "$directory/.current.$$"
	if [ "$status" -ne 0 ] && [ "$verb" != delete ] && [ "$(live)" != "$release" ]; then
		rm -rf "${directory:?}/releases/$release"
		[ -n "$(live)" ] || leave_directory
	fi
	exit "$status"
}

# What a killed update started may still be at work, and must not have the last word: it holds the lock as long as one
# of its processes is there, and no longer.
take_turn() {
	command -v flock > /dev/null || fail "flock is missing: install util-linux"
	waited=0
	until has_turn; do
		waited=$((waited + 1))
		[ "$waited" -lt 120 ] ||
			fail "another update still works on $directory: wait for it, or end it ('fuser $directory' names its processes)"
		sleep 1
	done
}

# The lock is on the folder itself, which whoever had it before may have taken away.
has_turn() {
	(umask 022 && mkdir -p "$directory") || exit 1
	command exec 9< "$directory" && flock -n 9 && [ "$(inode "$directory")" = "$(inode "/proc/$$/fd/9")" ]
}

inode() {
	stat -L -c %i "$1" 2> /dev/null
}

# Takes away the folders that are empty now, up to the stack's own; the one above it may be anybody's.
leave_directory() {
	folder=$directory
	rmdir "$folder/releases" 2> /dev/null || true
	for _ in bundle part stack; do
		rmdir "$folder" 2> /dev/null || return 0
		folder=${folder%/*}
	done
}

live() {
	link=$(readlink "$directory/current" 2> /dev/null) || return 0
	printf '%s\n' "${link#releases/}"
}

stage() {
	# What is live has this very content; anything else of this name is the rest of an update that was killed.
	[ "$(live)" != "$release" ] || return 0
	(umask 022 && mkdir -p "$directory/releases")
	mkdir "$new"
	for file in $files; do
		payload "${file%:*}" > "$new/${file%:*}"
		chmod "${file#*:}" "$new/${file%:*}"
	done
	if [ "$(id -u)" -eq 0 ]; then chown -R "$owner" "$new"; fi
	rm -rf "${directory:?}/releases/$release"
	mv "$new" "$directory/releases/$release"
}

check() {
	case $program in
	nginx) check_nginx ;;
	registry) try_registry ;;
	esac
}

# nginx of the declared image reads the staged release together with the live ones of the other bundles.
check_nginx() {
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

# The registry has nothing like nginx -t: the declared image serves an empty folder with the staged release.
try_registry() {
	# shellcheck disable=SC2016  # expanded in the container
	trial='registry serve "$1" & attempt=0
		until wget -q -O /dev/null "$2" 2> /dev/null; do
			attempt=$((attempt + 1))
			kill -0 $! 2> /dev/null && [ "$attempt" -lt 20 ] || exit 1
			sleep 1
		done'
	output=$(docker run --rm --network none --user "$owner" --read-only --tmpfs /tmp --tmpfs /var/lib/registry \
		--mount "type=bind,source=$directory/releases/$release,target=/etc/private-registry/current,readonly" \
		--env OTEL_TRACES_EXPORTER=none --entrypoint sh "$image" \
		-c "$trial" trial /etc/private-registry/current/config.yml "$probe" 2>&1) ||
		fail "the registry does not start with the new image or configuration, the old one keeps serving:" \
			"$(printf '%s\n' "$output" | grep -v -e '^Usage' -e '^Flags' -e '^ ' -e '^$' | tail -n 5)"
}

flip() {
	ln -s "releases/$1" "$directory/.current.$$"
	mv -fT "$directory/.current.$$" "$directory/current"
}

# A container that is not there, or is stopped, reads the live release when it starts.
reload() {
	old_workers=$(workers)
	case $(docker container inspect --format '{{.State.Status}}' "$container" 2> /dev/null) in
	running) docker container kill --signal HUP "$container" > /dev/null && proven ;;
	restarting) docker container restart --time 1 "$container" > /dev/null && proven ;;
	esac
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
		! printf '%s\n' "$old_workers" | grep -qx "$worker" || say "a worker of nginx goes on as before"
	done
}

# What nginx serves differs from what is live: say how.
deviation() {
	case ${directory##*/} in
	tls)
		[ "$(served | certificate)" = "$(certificate < "$directory/current/server.crt")" ] ||
			say "nginx does not serve the certificate of $directory/current"
		;;
	site)
		loaded=$(docker exec "$container" curl --silent --show-error --max-time 5 "$generation" 2>&1) || true
		[ "$loaded" = "$(sed -n 's/^# Generation //p' "$directory/current/nginx.conf")" ] ||
			say "nginx has not loaded the configuration of $directory/current"
		;;
	esac
}

served() {
	docker exec "$container" curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{certs}' "$https" ||
		true
}

# The first certificate of a text, without line breaks.
certificate() {
	sed -n '/^-----BEGIN CERTIFICATE/,/^-----END CERTIFICATE/p;/^-----END CERTIFICATE/q' | tr -d '\r\n'
}

go_live() {
	previous=$(live)
	[ "$previous" = "$release" ] || flip "$release"
	if [ -n "$container" ] && ! reload; then
		go_back
		fail "nginx does not serve what it was given, and what was live before is live again: $problem;" \
			"nginx's last words: $({ docker container logs --since 1m "$container" > /dev/null; } 2>&1 | tail -n 3)"
	fi
	prune "$previous"
}

go_back() {
	[ "$previous" != "$release" ] || return 0
	if [ -n "$previous" ]; then flip "$previous"; else rm -f "$directory/current"; fi
	docker container kill --signal HUP "$container" > /dev/null || true
}

prune() {
	for old in "$directory"/releases/* "$directory"/releases/.new.*; do
		case ${old##*/} in "$release" | "$1") ;; *) rm -rf "$old" ;; esac
	done
}

look() {
	for file in $files; do
		path=$directory/current/${file%:*}
		if [ ! -e "$path" ]; then
			say "$path is missing"
		elif ! payload "${file%:*}" | cmp -s - "$path"; then
			say "$path has other content"
		elif [ "0$(stat -L -c %a "$path")" != "${file#*:}" ]; then
			say "$path has mode $(stat -L -c %a "$path") instead of ${file#*:}"
		fi
	done
	[ -z "$container" ] || ! docker exec "$container" true 2> /dev/null || deviation
}

main() {
	umask 077
	problem=''
	parse "$@"
	# Named by the process: that of a killed update may still be at work.
	new=$directory/releases/.new.$$
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		take_turn
		stage
		check
		go_live
		;;
	delete)
		take_turn
		rm -rf "${directory:?}/current" "${directory:?}/releases"
		leave_directory
		;;
	check) look ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
