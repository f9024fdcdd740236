# Writes and removes files of a host, all or none, and restarts the services that read them only when they start.
#
# Called as: [user=yes]; `user` where the services are those of the one who runs this. `payload changes` prints a line for
# each file, with tabs between:
#   PATH MODE DIGEST NAME    DIGEST is that of what was read there, or - where there was none; NAME is the payload with the
#                            new content in base64, or - to remove it
# `payload services` prints a service a line; reload=NAME for one that reads them again when it is told to.

fail_changed() {
	fail "$1 was changed while this update looked at it: run the update again"
}

digest_of() {
	if [ -f "$1" ]; then sha256sum < "$1" | cut -c 1-64; else echo -; fi
}

for_each_change() {
	number=0
	while IFS='	' read -r path mode digest name; do
		number=$((number + 1))
		"$1"
	done <<-EOF
		$(payload changes)
	EOF
}

check() {
	[ "$(digest_of "$path")" = "$digest" ] || fail_changed "$path"
}

# Through a link, to what it leads to.
resolve() {
	target=$path
	[ ! -L "$path" ] || target=$(readlink -f "$path") || fail "$path is a link to $(readlink "$path"), which is not there"
}

# Another registry may be placed at the same time. A host without flock has no lock.
take_turn() {
	lock=/etc
	[ -w "$lock" ] || lock=$HOME
	exec 9< "$lock"
	! command -v flock > /dev/null || timeout 120 flock 9 ||
		fail "another update is still changing files of this client: wait until it ends, or stop it"
}

keep() {
	[ "$digest" = - ] || cp -p "$path" "$scratch/$number"
}

# A folder that is made here is marked, so that only such a folder is removed again.
make_folder() {
	[ ! -d "$1" ] || return 0
	make_folder "${1%/*}"
	(umask 022 && mkdir "$1" && : > "$1/$mark")
}

remove_folder() {
	folder=${1%/*}
	while [ -e "$folder/$mark" ] && [ "$(ls -A "$folder")" = "$mark" ]; do
		rm -f "$folder/$mark"
		rmdir "$folder"
		folder=${folder%/*}
	done
}

# A reader finds the old file or the new one, with the owner and the mode that it had.
write() {
	resolve
	changed=$number
	if [ "$name" = - ]; then
		rm -f "$target"
		remove_folder "$target"
		return
	fi
	make_folder "${target%/*}"
	# Of an update that was killed.
	rm -f "$target".private-registry.*
	draft=$target.private-registry.$$
	if [ "$digest" = - ]; then
		: > "$draft"
		chmod "$mode" "$draft"
	else
		cp -p "$target" "$draft"
		[ "$mode" = - ] || chmod "$mode" "$draft"
	fi
	# It may be a password: never is it where the mode lets others read it.
	payload "$name" | base64 -d > "$draft"
	mv -f "$draft" "$target"
	draft=''
}

put_back() {
	[ "$number" -le "$changed" ] || return 0
	resolve
	if [ "$digest" = - ]; then
		rm -f "$target"
		remove_folder "$target"
	else
		[ -d "${target%/*}" ] || mkdir -p "${target%/*}"
		mv -f "$scratch/$number" "$target"
	fi
}

clean_up() {
	status=$?
	trap - EXIT
	[ -z "$draft" ] || rm -f "$draft"
	if [ "$status" -ne 0 ] && [ "$changed" -gt 0 ]; then
		for_each_change put_back
		for service in $restarted; do restart "$service" > /dev/null 2>&1 9<&- || true; done
	fi
	rm -rf "$scratch"
	exit "$status"
}

system_control() {
	if [ -n "$user" ]; then systemctl --user "$@"; else systemctl "$@"; fi
}

# One that does not run reads the files when it starts.
is_running() {
	[ ! -d /run/systemd/system ] || case $(system_control is-active "$1" 2> /dev/null) in
	active | activating | reloading) ;;
	*) return 1 ;;
	esac
}

# What it starts must not keep the lock.
restart() {
	case $1 in
	reload=*) set -- "${1#*=}" reload ;;
	*) set -- "$1" restart ;;
	esac
	if [ -d /run/systemd/system ]; then
		# A snap's unit has no command that reloads it.
		if [ "$2" = reload ] && [ "$(system_control show -p CanReload "$1")" = CanReload=no ]; then
			system_control kill --signal HUP --kill-who main "$1"
		else
			system_control "$2" "$1"
		fi
	elif command -v rc-service > /dev/null; then
		rc-service "$1" "$2"
	elif command -v service > /dev/null; then
		service "$1" "$2"
	else
		echo "there is neither systemd nor another program that restarts services" >&2
		return 1
	fi
}

restart_all() {
	for service in $(payload services); do
		name=${service#reload=}
		is_running "$name" || continue
		restarted="$restarted $service"
		refused=$(restart "$service" 2>&1 9<&-) || fail "$name could not be restarted: $(printf '%s' "$refused" | tail -n 3)"
	done
}

main() {
	umask 077
	user='' mark=.private-registry changed=0 draft='' restarted=''
	read_words "$@"
	scratch=$(mktemp -d)
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	take_turn
	for_each_change check
	for_each_change keep
	for_each_change write
	restart_all
}

set -eu
main "$@"
