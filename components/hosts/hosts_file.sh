# An entry in the hosts file, on lines of ours: one for each address. A part of scripts that have the words `hosts`, `marker`
# and `entry`, and that take away the file `hosts_new` in the end.
# shellcheck shell=sh disable=SC2154

# Prints a hosts file with an entry, or without one. Our lines go first, in the order given: they win over later ones. The
# first line of a template of cloud-init says what it is, and stays the first. The rest stays as it is to the last byte.
with_entry() {
	ends=yes
	[ -z "$(tail -c 1 "$1")" ] || ends=''
	ADDRESSES=${2%%/*} NAMES=${2#*/} MARK="# $marker" ENDS=$ends LC_ALL=C awk '
		function put(text) { printf "%s%s", between, text; between = "\n" }
		function put_entry() {
			count = done ? 0 : split(ENVIRON["ADDRESSES"], address, ",")
			for (i = 1; i <= count; i++) put(address[i] "\t" ENVIRON["NAMES"] "\t" ENVIRON["MARK"])
			done = 1
		}
		{ text = $0; sub(/\r$/, "", text); start = length(text) - length(ENVIRON["MARK"]) + 1 }
		start > 0 && substr(text, start) == ENVIRON["MARK"] { next }
		NR == 1 && /^## template:/ { put($0); next }
		{ put_entry(); put($0) }
		END { put_entry(); if (between != "" && ENVIRON["ENDS"] != "") print "" }
	' "$1"
}

# Prints the entries of our lines in a hosts file as ADDRESS/NAME, with commas between more addresses of the same names, and
# blanks between more names.
entries() {
	MARK="# $marker" LC_ALL=C awk '
		{ sub(/\r$/, ""); start = length($0) - length(ENVIRON["MARK"]) + 1 }
		start > 0 && substr($0, start) == ENVIRON["MARK"] {
			count = split(substr($0, 1, start - 1), word)
			said = ""
			for (i = 2; i <= count; i++) said = said (i > 2 ? " " : "") word[i]
			if (found && said != names) { print addresses "/" names; found = 0 }
			addresses = found ? addresses "," word[1] : word[1]
			names = said
			found = 1
		}
		END { if (found) print addresses "/" names }
	' "$1"
}

is_mount() {
	FILE=$1 awk '$5 == ENVIRON["FILE"] { found = 1 } END { exit !found }' /proc/self/mountinfo
}

write_entry() {
	target=$1
	[ ! -L "$1" ] || target=$(readlink -f "$1")
	text=$(with_entry "$target" "$2" && printf x)
	text=${text%x}
	! printf %s "$text" | cmp -s - "$target" || return 0
	if is_mount "$target"; then write_in_place; else write_aside; fi
}

# A reader finds the old file or the new one.
write_aside() {
	hosts_new=$target.private-registry.$$
	refused=$( (cp -a "$target" "$hosts_new" && printf %s "$text" | cat > "$hosts_new" && mv -f "$hosts_new" "$target") 2>&1) ||
		fail "the hosts entry can't be written to $target: $refused"
}

# Nothing can be renamed over a mount, as containers have it.
write_in_place() {
	before=$(cat "$target" && printf x)
	if ! refused=$( (printf %s "$text" | cat > "$target") 2>&1); then
		(printf %s "${before%x}" | cat > "$target") 2> /dev/null || true
		fail "the hosts entry can't be written to $target: $refused"
	fi
	say "$target is a mount, and was written in place; the program that mounts it can overwrite it when it starts"
}

# A hosts file that something else writes says so.
warn_of_writers() {
	if grep -q 'cloud/templates/hosts' "$hosts"; then
		say "cloud-init overwrites $hosts at each boot and removes the entry: set manage_etc_hosts to false in its configuration"
	elif grep -qi 'automatically generated' "$hosts"; then
		say "$hosts is generated, as a comment in it says, and can lose the entry: add the registry's name where it is generated from"
	fi
}

# Another registry may have its entry written at the same time, of this stack or of another one. The lock is on the folder,
# as the file becomes another one; a host without flock has none. BusyBox' timeout may hold it for a second more, so it comes
# in only where there is something to wait for.
write_hosts() {
	[ -n "$marker" ] || return 0
	exec 8< "${hosts%/*}/"
	! command -v flock > /dev/null || flock -n 8 || timeout 120 flock 8 ||
		fail "another update is still changing $hosts: wait until it ends, or stop it"
	write_alone "$1"
	exec 8<&-
}

# cloud-init writes the hosts file at each boot, if it is told to, from a template that it names in it.
write_alone() {
	if [ ! -e "$hosts" ]; then
		[ -n "$1" ] || return 0
		(umask 022 && : > "$hosts")
	fi
	write_entry "$hosts" "$1"
	in_template=''
	for template in "${hosts%/*}"/cloud/templates/hosts*.tmpl; do
		[ -e "$template" ] || continue
		if grep -qF "$template" "$hosts"; then
			write_entry "$template" "$1"
			in_template=yes
		else
			write_entry "$template" ''
		fi
	done
	if [ -n "$1" ] && [ -z "$in_template" ]; then warn_of_writers; fi
}

look_at_hosts() {
	[ -n "$marker" ] || return 0
	found=''
	[ ! -e "$hosts" ] || found=$(entries "$hosts")
	[ "$found" = "$entry" ] || say "$hosts has the entry '$found' instead of '$entry'"
}
