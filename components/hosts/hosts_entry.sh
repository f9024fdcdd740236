# Places an entry in the hosts file, and nothing else, on top of hosts_file.sh.
#
# Called as: create|update|delete|check key=value...
#   entry=ADDRESS/NAME   the entry; commas between more addresses, blanks between more names
#   marker=TEXT          ends each of our lines
#   hosts=PATH           the hosts file

clean_up() {
	status=$?
	trap - EXIT
	rm -f "$hosts_new"
	exit "$status"
}

# Versions before 0.3 marked the line otherwise, and leave it where another placement has their folder.
take_former_away() {
	own=$marker
	for marker in "${own%% (client)*}" "${own%% (client)*} (hosts)"; do
		[ "$marker" = "$own" ] || write_hosts ''
	done
	marker=$own
}

main() {
	umask 077
	# shellcheck disable=SC2034 # hosts_file.sh asks them
	marker='' hosts=/etc/hosts
	verb=$1 entry='' hosts_new=''
	shift
	read_words "$@"
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	case $verb in
	create | update)
		write_hosts "$entry"
		take_former_away
		;;
	delete) write_hosts '' ;;
	check) look_at_hosts ;;
	*) fail "unknown verb $verb" ;;
	esac
}

set -eu
main "$@"
