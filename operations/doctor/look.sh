# Prints what is on a host and counts for a registry's trust. It reads alone, and needs no root.
#
# Called as: registry=HOST[:PORT] host=HOST
# A line is a key and its value. After `file PATH` and `certificates PATH` come the lines of a text, each behind `| `.
# Passwords in files are left out here, so that none is sent.

registry='' host=''

within() {
	seconds=$1
	shift
	if command -v timeout > /dev/null; then set -- timeout "$seconds" "$@"; fi
	"$@" < /dev/null 2> /dev/null
}

without_secrets() {
	sed -e 's#://[^/@" ]*@#://#g' -e 's/^\( *password *[:=] *\)..*$/\1""/' -e 's/^\( *auth *[:=] *\)[^ ].*$/\1""/' \
		-e 's/^\( *identity_token *[:=] *\)..*$/\1""/' -e 's/^\( *[Aa]uthorization *[:=] *\)..*$/\1""/'
}

behind_bars() {
	head -c 200000 | sed 's/^/| /'
	# A last line without an end is ended.
	printf '\n'
}

# Prints a file under a heading.
show() {
	if [ ! -e "$1" ]; then
		[ ! -L "$1" ] || say "dangling $1"
	elif [ ! -r "$1" ]; then
		say "unreadable $1"
	elif [ -f "$1" ]; then
		say "file $1"
		without_secrets < "$1" | behind_bars
	fi
}

# Prints the certificates of a file alone: whatever else is in it stays here.
show_certificates() {
	[ -f "$1" ] || return 0
	if [ ! -r "$1" ]; then
		say "unreadable $1"
		return
	fi
	say "certificates $1"
	certificates_alone < "$1" | behind_bars
}

certificates_alone() {
	sed -n '/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/,/-----END [A-Z0-9 ]*CERTIFICATE-----/p'
}

# Prints a folder that has one folder for each registry.
show_root() {
	[ -d "$1" ] || return 0
	[ -r "$1" ] && [ -x "$1" ] || say "unreadable $1"
	for folder in "$1"/*; do
		[ -d "$folder" ] || continue
		if [ -L "$folder" ]; then say "link $folder"; else say "folder $folder"; fi
		[ ! -e "$folder/.private-registry" ] || say "ours $folder"
		for entry in "$folder"/*; do
			case $entry in
			*.crt | *.pem) show_certificates "$entry" ;;
			*/hosts.toml) show_config "$entry" ;;
			*.cert | *.key) [ ! -f "$entry" ] || say "entry $entry" ;;
			esac
		done
	done
}

# Prints a file that names others with certificates, and these.
show_config() {
	show "$1"
	[ -r "$1" ] || return 0
	# shellcheck disable=SC2013 # a name has no blanks, by that pattern
	for named in $(grep -oE "/[^\"' ,]+\.(crt|pem|cer|cert)" "$1" 2> /dev/null | sort -u); do
		show_certificates "$named"
	done
}

show_programs() {
	for program in docker dockerd containerd podman buildah skopeo buildkitd k3s rke2 crictl nerdctl crio; do
		command -v "$program" > /dev/null || continue
		say "program $program $(within 5 "$program" --version | head -n 1)"
	done
	for program in ctr crane oras helm cosign regctl curl; do
		if command -v "$program" > /dev/null; then say "program $program"; fi
	done
	if [ -d /var/snap/docker ]; then say "snap docker"; fi
}

# What Docker answers of itself: root's, or else that of a user. No line where none does.
ask_docker() {
	command -v docker > /dev/null || return 0
	docker_says || for socket in /run/user/*/docker.sock; do
		if [ -S "$socket" ] && docker_says --host "unix://$socket"; then break; fi
	done
}

docker_says() {
	# shellcheck disable=SC2016 # Docker's own variables
	said=$(within 10 docker "$@" info --format '{{println "docker version" .ServerVersion}}{{println "docker driver" .Driver}}
{{range .DriverStatus}}{{if eq (index . 0) "driver-type"}}{{println "docker store" (index . 1)}}{{end}}{{end}}
{{range .SecurityOptions}}{{println "docker security" .}}{{end}}
{{range $name, $index := .RegistryConfig.IndexConfigs}}{{if not $index.Secure}}{{println "docker insecure" $name}}{{end}}{{end}}
{{range .RegistryConfig.InsecureRegistryCIDRs}}{{println "docker insecure" .}}{{end}}
{{println "docker proxy" .HTTPSProxy}}{{println "docker exceptions" .NoProxy}}' | without_secrets)
	printf '%s\n' "$said" | grep -q '^docker version .' || return 1
	printf '%s\n' "$said" | grep '^docker '
}

# The services that pull, with the proxies that they were started with. What runs in a container is not of this host.
show_processes() {
	here=$(readlink /proc/self/ns/pid)
	for process in /proc/[0-9]*; do
		name=''
		{ read -r name < "$process/comm"; } 2> /dev/null || continue
		case $name in
		dockerd | containerd | buildkitd | k3s | k3s-* | rke2 | crio | kubelet) ;;
		*) continue ;;
		esac
		where=$(readlink "$process/ns/pid" 2> /dev/null) || where=''
		[ -z "$where" ] || [ "$where" = "$here" ] || continue
		config=$(tr '\0' '\n' 2> /dev/null < "$process/cmdline" | sed -n -e 's/^--config=//p' -e '/^--config$/{n;p;}' | head -n 1)
		say "process $name $config"
		case $name:$config in buildkitd:/*) show_config "$config" ;; esac
		{ tr '\0' '\n' < "$process/environ"; } 2> /dev/null | show_proxies "$name"
	done
}

show_proxies() {
	grep -iE '^ *(export )?(https|no)_proxy=' | without_secrets | sed "s|^|proxy $1 |"
}

# Of whoever logs in, of whom that is below sudo, and of those who run a Docker of their own.
show_homes() {
	ids=$(id -u)
	for socket in /run/user/*/docker.sock; do
		[ -S "$socket" ] || continue
		id=${socket#/run/user/}
		id=${id%%/*}
		ids="$ids $id"
		say "rootless $(home_of "$id")"
	done
	for id in $ids ${SUDO_UID:-}; do home_of "$id"; done | sort -u | while read -r home; do
		say "home $home"
		show_root "$home/.config/docker/certs.d"
		show "$home/.config/docker/daemon.json"
		show_root "$home/.config/containers/certs.d"
		for file in "$home/.config/containers/registries.conf" "$home"/.config/containers/registries.conf.d/*.conf; do
			show "$file"
		done
		show_config "$home/.config/buildkit/buildkitd.toml"
		show_builders "$home/.docker/buildx/instances"
	done
}

# Prints what `docker buildx create` keeps of each builder: its driver, and of each node the certificates that were
# copied into it. Another copy may be a private key, and stays here.
show_builders() {
	for builder in "$1"/*; do
		[ -f "$builder" ] && [ -r "$builder" ] || continue
		say "builder $builder"
		grep -oE '"(Driver|Endpoint|certs/[^"]*)": *"[^"]+"' "$builder" | while IFS='"' read -r _ key _ value _; do
			case $key in
			Driver) say "driver $value" ;;
			Endpoint) say node ;;
			*)
				say "copy $key"
				printf %s "$value" | base64 -d 2> /dev/null | certificates_alone | behind_bars
				;;
			esac
		done
	done
}

home_of() {
	ID=$1 awk -F : '$3 == ENVIRON["ID"] { print $6; exit }' /etc/passwd
}

# Where containerd's part for Kubernetes looks. Of its configuration nothing but sections and such keys is read.
show_containerd() {
	command -v containerd > /dev/null || return 0
	configuration=$(within 10 containerd config dump | grep -E '^ *(\[|config_path|disabled_plugins|version)') || true
	say "file containerd config dump"
	printf '%s\n' "$configuration" | behind_bars
	for root in $(printf '%s\n' "$configuration" | sed -n "s/^ *config_path = [\"']\(.*\)[\"']\$/\1/p" | tr ':' '\n' | sort -u); do
		case $root in /etc/containerd/certs.d | /etc/docker/certs.d) ;; *) show_root "$root" ;; esac
	done
}

show_files() {
	for root in /etc/docker /etc/containers /etc/containerd /var/snap/docker/current/etc/docker \
		/var/lib/rancher/k3s/agent/etc/containerd /var/lib/rancher/rke2/agent/etc/containerd; do
		show_root "$root/certs.d"
	done
	for file in /etc/docker/daemon.json /var/snap/docker/current/config/daemon.json /etc/hosts \
		/etc/containers/registries.conf /etc/containers/registries.conf.d/*.conf; do
		show "$file"
	done
	for file in /etc/buildkit/buildkitd.toml /etc/rancher/k3s/registries.yaml /etc/rancher/rke2/registries.yaml; do
		show_config "$file"
	done
	for folder in /usr/local/share/ca-certificates /etc/pki/trust/anchors /etc/pki/ca-trust/source/anchors \
		/etc/ca-certificates/trust-source/anchors; do
		for file in "$folder"/private-registry_*; do show_certificates "$file"; done
	done
	# shellcheck disable=SC2094 # the word is a name alone
	[ ! -r /etc/environment ] || show_proxies /etc/environment < /etc/environment
}

# What the name leads to: by all that this host knows, and by DNS alone.
show_addresses() {
	command -v getent > /dev/null || return 0
	within 5 getent ahosts "$host" | awk '{ print "resolved " $1 }' | sort -u
	within 3 getent -s dns ahosts "$host" | awk '{ print "dns " $1 }' | sort -u
}

# Whether the trust store of the machine is enough; whoever asks so is given no file.
ask_registry() {
	command -v curl > /dev/null || return 0
	status=0
	curl -q --silent --max-time 8 --noproxy '*' --output /dev/null "https://$registry/healthz" < /dev/null 2> /dev/null || status=$?
	say "curl $status"
}

main() {
	read_words "$@"
	say "now $(date +%s)"
	say "uid $(id -u)"
	# A login has less on its path than a shell.
	PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/var/lib/rancher/rke2/bin
	# shellcheck disable=SC1091 # a file of the host
	if [ -r /etc/os-release ]; then say "os $(. /etc/os-release && printf %s "$PRETTY_NAME")"; fi
	show_programs
	ask_docker || true
	show_processes || true
	show_files || true
	show_homes || true
	show_containerd || true
	show_addresses || true
	ask_registry || true
	say end
}

main "$@"
